"""Figures of each prompt set by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlc_data.core.hashing import prompt_id
from mlc_data.core.parquet import write_table
from mlc_data.evaluate.safety.by_suite import OWN, Suite, by_suite, names
from mlc_data.evaluate.safety.tables import JUDGMENTS, REPLIES, judgment_rows
from mlc_data.pipeline.run import Run
from mlc_data.recipe.evaluate import PromptSet
from mlc_data.recipe.loading import parse_recipe

SETS = [{}, {"suite": "multijail", "path": "copy.csv"}, {"path": "mine/xstest.csv", "harmless": True}]  # fmt: skip
SAYS = {"unsafe": None, "refused": None, "detail": "", "failure": None}


def answered(run: Run) -> None:
    """Put replies and judgments into a run: own prompts and harmless ones are answered, a suite's are refused after."""
    ids = (prompt_id("own"), "1:7", "1:8", "2:a")
    rows = [
        {
            "when": when, "prompt_id": prompt, "language": code, "prompt": prompt, "category": None,
            "harmful": not prompt.startswith("2:"), "reply": "no" if when == "after" and prompt[:2] == "1:" else "yes",
            "tokens": 1, "finished": True, "invalid": None, "reply_language": None, "same_language": None,
        }
        for when in ("before", "after")
        for prompt in ids
        for code in ("eng_Latn", "swh_Latn")
        if (prompt, code) != ("2:a", "swh_Latn")
    ]  # fmt: skip
    replies = pl.DataFrame(rows, schema=REPLIES)
    said = [{**SAYS, "refused": row["reply"] == "no"} for row in rows]
    run.path("evaluation").mkdir(parents=True)
    write_table(replies, run.path("evaluation", "replies.parquet"), REPLIES)
    judged = pl.concat([judgment_rows(replies, judge, said) for judge in ("first", "second")])
    write_table(judged, run.path("evaluation", "judgments.parquet"), JUDGMENTS)


def made(small: dict[str, Any], folder: Path, sets: list[dict[str, Any]]) -> Run:
    recipe = {**small, "evaluate": {"safety": {"prompts": sets, "bootstrap": 100}}}
    return Run.create(parse_recipe(recipe, "test"), folder)


@pytest.fixture
def found(small: dict[str, Any], tmp_path: Path) -> dict[str, Suite]:
    run = made(small, tmp_path / "run", SETS)
    answered(run)
    return {each.name: each for each in by_suite(run)}


def value(suite: Suite, figure: str, when: str, language: str | None) -> float | None:
    (row,) = suite.figures.filter(
        pl.col("language").eq_missing(language), figure=figure, when=when
    ).to_dicts()
    share: float | None = row["value"]
    return share


def test_every_set_is_named_in_the_recipe_s_order(found: dict[str, Suite]) -> None:
    assert list(found) == [OWN, "multijail", "xstest"]


def test_a_set_s_figures_are_those_of_its_own_prompts(found: dict[str, Suite]) -> None:
    assert value(found["multijail"], "refused", "after", "swh_Latn") == 1
    assert value(found["multijail"], "refused", "before", "swh_Latn") == 0
    assert value(found[OWN], "refused", "after", "swh_Latn") == 0
    assert value(found["xstest"], "over_refusal", "after", "eng_Latn") == 0


def test_a_set_of_one_kind_has_no_figure_for_the_other(found: dict[str, Suite]) -> None:
    assert value(found["multijail"], "over_refusal", "after", "eng_Latn") is None
    assert value(found["xstest"], "mean_difference", "after", None) is None


def test_a_set_has_its_own_languages_and_the_first_judge(found: dict[str, Suite]) -> None:
    assert found["xstest"].figures["language"].drop_nulls().unique().to_list() == ["eng_Latn"]
    assert found["xstest"].figures["judge"].unique().to_list() == ["first"]


def test_replies_of_an_earlier_version_can_be_read(small: dict[str, Any], tmp_path: Path) -> None:
    run = made(small, tmp_path / "run", SETS)
    answered(run)
    path = run.path("evaluation", "replies.parquet")
    pl.read_parquet(path).drop("failure", "reasoning").write_parquet(path)
    assert [each.name for each in by_suite(run)] == [OWN, "multijail", "xstest"]


def test_one_set_is_not_repeated(small: dict[str, Any], tmp_path: Path) -> None:
    run = made(small, tmp_path / "run", SETS[:1])
    answered(run)
    assert list(by_suite(run)) == []


def test_without_replies_there_is_none(small: dict[str, Any], tmp_path: Path) -> None:
    assert list(by_suite(made(small, tmp_path / "run", SETS))) == []


def test_equal_names_get_their_place() -> None:
    sets = [PromptSet(path=path) for path in ("a/x.csv", "b/x.csv", "y.csv")]
    assert list(names(sets).values()) == ["x (1)", "x (2)", "y"]
