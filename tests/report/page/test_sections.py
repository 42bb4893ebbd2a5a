"""Sections of the report from a run's tables."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import polars as pl
import pytest

from mlc_data.execute import run_stage
from mlc_data.pipeline.report_state import current_report, state_of
from mlc_data.pipeline.run import Run
from mlc_data.report.page import PageOptions, bring_up_to_date, write_report
from mlc_data.report.page.context import Facts, Tongue
from mlc_data.report.page.counts import Compared, Figure, Languages, heat, languages
from mlc_data.report.page.headline import headline
from mlc_data.report.page.limits import page_limits
from mlc_data.report.page.replies import replies
from mlc_data.report.page.rows import choose, digits, rows
from mlc_data.report.page.safety import safety
from mlc_data.report.page.sentences import clear, percent, sentences
from mlc_data.report.page.states import states
from mlc_data.report.page.training import floor, training


@pytest.fixture(scope="module")
def facts(page_run: Run) -> Facts:
    return Facts(page_run)


@pytest.fixture(scope="module")
def counted(facts: Facts) -> Languages:
    return languages(facts, page_limits(facts))


def test_the_parts_of_a_language_add_up(counted: Languages) -> None:
    for row in counted.rows:
        assert row.share + sum(part.share for part in row.parts) == pytest.approx(1)


def test_retried_and_saved_variants_are_counted(counted: Languages, page_run: Run) -> None:
    kept = pl.read_parquet(page_run.path("variants/variants.parquet"))
    assert sum(row.saved or 0 for row in counted.rows) == (kept["rung"] != "first").sum() > 0
    assert all((row.saved or 0) <= (row.retried or 0) for row in counted.rows)


def test_the_heat_map_counts_what_the_languages_do(counted: Languages) -> None:
    for place, row in enumerate(counted.rows):
        column = sum(cells[place].number for _, cells in heat(counted).rows)
        assert column == sum(part.number for part in row.parts)


def test_every_threshold_has_one_origin(counted: Languages, facts: Facts) -> None:
    assert {sum(row.origins.values()) for row in counted.rows} == {len(page_limits(facts))}


def test_a_sample_has_every_language_and_reason() -> None:
    heads = pl.DataFrame(
        {"language": ["a"] * 1000 + ["b"] * 1000, "reason": (["kept"] * 997 + ["rare"] * 3) * 2}
    )
    places = choose(heads, 50, 4, seed=0)
    assert len(places) == 50 == len(set(places))
    chosen = heads[places].group_by("language", "reason").len()
    assert chosen.filter(reason="rare")["len"].to_list() == [3, 3]
    assert choose(heads, 50, 4, seed=0) == places
    assert choose(heads, 50, 4, seed=1) != places


def test_no_row_is_shown_where_none_is_wanted() -> None:
    heads = pl.DataFrame({"language": ["a"] * 9, "reason": ["kept"] * 9})
    assert choose(heads, 0, 4, seed=0) == []


def test_a_rescued_row_shows_its_first_attempt_and_the_one_that_passes(facts: Facts) -> None:
    found = rows(facts, page_limits(facts)).variants
    saved = [row for row in found if row["s"] == "kept" and row["g"] != "first"]
    assert saved
    for row in saved:
        assert row["a"][0]["g"] == "first"
        assert row["a"][0]["r"]
        assert [each["t"] for each in row["a"] if not each["r"]] == [row["t"]]


def test_a_rejected_row_names_the_limits_that_it_fails(facts: Facts) -> None:
    limits = page_limits(facts)
    for row in rows(facts, limits).variants:
        failing = {limits[place].check for place in row["x"]}
        assert failing == (set(row["r"]) if row["s"] == "rejected" else set())


@pytest.mark.parametrize(
    ("value", "short"), [(None, None), (1.0, 1), (0.123456789, 0.12346), (64.01006686, 64.01)]
)
def test_scores_have_few_digits(value: float | None, short: float | None) -> None:
    assert digits(value) == short


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.001, "under 1 %"), (0.5, "50 %"), (0.999, "over 99 %"), (1, "100 %")]
)  # fmt: skip
def test_a_share_is_not_rounded_to_none_or_all(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("before", "after", "better", "verdict"),
    [
        ((0.1, 0.0, 0.2), (0.5, 0.4, 0.6), "more", "better"),
        ((0.1, 0.0, 0.2), (0.5, 0.4, 0.6), "less", "worse"),
        ((0.5, 0.4, 0.6), (0.1, 0.0, 0.2), "more", "worse"),
        ((0.1, 0.0, 0.3), (0.4, 0.2, 0.6), "more", ""),
        ((0.1, 0.0, 0.3), (None, None, None), "more", None),
    ],
)
def test_a_change_is_clear_only_where_the_intervals_lie_apart(
    before: tuple[float, ...], after: tuple[float, ...], better: str, verdict: str | None
) -> None:
    assert clear(Compared("x", Figure(*before), Figure(*after), better)) == verdict


def test_the_sentences_name_who_benefits_and_who_does_not(facts: Facts, counted: Languages) -> None:
    said = sentences(facts, counted, safety(facts))[2]
    assert "Swahili does not benefit" in said
    assert "English and Modern Standard Arabic benefit" in said
    assert "20 prompts" in said


def test_refusals_are_those_of_the_table(facts: Facts) -> None:
    judged = safety(facts)
    by_language = {tongue.code: figures for tongue, figures in judged.languages.items()}
    assert by_language["eng_Latn"]["refused"].after.value == 1
    assert by_language["swh_Latn"]["difference"].after.value == 0


def test_collapse_is_said(facts: Facts) -> None:
    found = training(facts)
    assert found.collapsed
    assert found.collapse.startswith("Collapse: the cosine of different prompts is 0.97")


def test_no_collapse_is_said_too(facts: Facts, page_run: Run) -> None:
    results = {when: {**page_run.manifest.results["before"]} for when in ("before", "after")}
    calm = Facts(page_run)
    calm.manifest.results |= results
    assert not training(calm).collapsed


@pytest.mark.parametrize("form", ["rescaled", "plain"])
def test_the_floor_is_that_of_the_loss(form: str) -> None:
    import torch

    from mlc_data.consistency.loss import bounds

    present = torch.ones(3, 5, dtype=torch.bool)
    assert floor(5, 0.2, form) == pytest.approx(bounds(present, 0.2, form)[0])  # type: ignore[arg-type]


def test_replies_that_are_judged_differently_come_first(facts: Facts) -> None:
    small = dataclasses.replace(facts, options=PageOptions(replies=5))
    found = replies(small)
    assert [pair["d"] for pair in found.pairs] == [True] * 5
    assert found.total == 60
    assert found.pairs[0]["after"]["j"][0]["says"].startswith("refused")


def test_the_plane_has_names_of_languages(facts: Facts) -> None:
    found = states(facts)
    assert found.names == ("English", "Swahili", "Modern Standard Arabic")
    assert found.sets == 9


@pytest.mark.parametrize(("code", "direction"), [("arb_Arab", "rtl"), ("zho_Hans", "ltr"), ("heb_Hebr", "rtl"), ("pbt_Arab", "rtl")])  # fmt: skip
def test_directions(code: str, direction: str) -> None:
    assert Tongue.of(code).direction == direction


def test_a_run_that_has_only_begun_has_a_report(plain_run: Run, tmp_path: Path) -> None:
    run = Run.create(plain_run.recipe, tmp_path / "new run")
    run_stage(run, "sources")
    text = write_report(run).read_text(encoding="utf-8")
    assert "No verdicts yet: mlc-data check &#39;new run&#39;" in text
    assert "Nothing has been trained yet" in text


def test_a_report_is_current_until_a_stage_is_done_again(plain_run: Run, tmp_path: Path) -> None:
    shutil.copytree(plain_run.folder, tmp_path / "run")
    run = Run(plain_run.recipe, tmp_path / "run")
    assert current_report(run) is None
    bring_up_to_date(run)
    path = current_report(run)
    assert path == run.path("report.html")
    written = path.stat().st_mtime_ns
    bring_up_to_date(run)
    assert path.stat().st_mtime_ns == written
    state = state_of(run)
    manifest = run.manifest
    manifest.stages["check"].key = "another"
    with run.locked():
        run.store(manifest)
    assert state_of(run) != state
    assert current_report(run) is None


def test_a_named_training_has_a_report_of_its_own(plain_run: Run) -> None:
    named = dataclasses.replace(plain_run, training="sft")
    assert named.path("report.html") == plain_run.folder / "trainings/sft/report.html"


def test_the_headline_has_figures(page_run: Run) -> None:
    text = headline(page_run)
    assert "| variants kept |" in text
    assert "| difference | " in text
