"""What a translation must leave as it is survives the quickstart's engine, or the variant is rejected."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlc_data.checks.preserved import Preserved, PreservedCheck
from mlc_data.core import progress
from mlc_data.recipe.loading import load_recipe
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.rows import ShardMaker
from scripts.phrasebook import phrasebook

pytestmark = pytest.mark.integration

SPANS = (
    "https://example.org/a?b=c", "www.example.com", "someone@example.org", "{name}", "{{user_id}}",
    "<b>", "%s", "$HOME", "[INST]", "`ls -l`", "42", "3.5 km", "1,000",
)  # fmt: skip
TARGETS = ("spa_Latn", "swh_Latn", "zho_Hans")
PROMPTS = [one.text("eng_Latn") for one in phrasebook.combinations()][:200]

RECIPE = load_recipe("quickstart")
MAKER = ShardMaker(load_translator(RECIPE.translate), None, "eng_Latn", TARGETS, round_trip=False)


@st.composite
def prompts(draw: st.DrawFn) -> tuple[str, str]:
    """A prompt and what must survive: in place of a word, after it, or on a line of its own."""
    words, span = draw(st.sampled_from(PROMPTS)).split(" "), draw(st.sampled_from(SPANS))
    place = draw(st.integers(0, len(words)))
    how = draw(st.sampled_from(["within", "line", "list", "fence"]))
    if how == "within":
        return " ".join([*words[:place], span, *words[place:]]), span
    frame = {"line": "{}\n{}", "list": "- {}\n- {}", "fence": "{}\n```\n{}\n```"}[how]
    return frame.replace("{}", " ".join(words), 1).replace("{}", span, 1), span


def translated(made: list[tuple[str, str]], folder: Path) -> pl.DataFrame:
    """All variants, with what `Preserved` says of them and the span of their prompt."""
    numbers = [str(number) for number in range(len(made))]
    table = pl.DataFrame({"prompt_id": numbers, "prompt": [text for text, _ in made]})
    with progress.bar("translating", 1, "sentences") as bar:
        MAKER.make(table, folder / "part.parquet", bar)
    rows = pl.read_parquet(folder / "part.parquet").filter(pl.col("failure").is_null())
    check = Preserved(PreservedCheck())
    scored = pl.concat([rows, check.score(rows)], how="horizontal")
    spans = dict(zip(numbers, (span for _, span in made), strict=True))
    return scored.with_columns(
        passes=check.passes(),
        span=pl.col("prompt_id").replace_strict(spans, return_dtype=pl.String),
    )


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(prompts(), min_size=1, max_size=20, unique_by=lambda made: made[0]))
def test_a_variant_that_passes_has_every_span(tmp_path: Path, made: list[tuple[str, str]]) -> None:
    kept = translated(made, tmp_path).filter("passes")
    for span, text in kept.select("span", "text").iter_rows():
        if span[0].isdigit():  # its marks and its unit have other forms in other languages
            assert re.sub(r"[^0-9]", "", span) in re.sub(r"[^0-9]", "", text)
        else:
            assert span in text


def test_code_between_fences_is_carried_through(tmp_path: Path) -> None:
    made = [(f"{PROMPTS[0]}\n```\n{span}\n```", span) for span in SPANS]
    rows = translated(made, tmp_path)
    assert rows.height == len(SPANS) * len(TARGETS)
    assert rows["passes"].all()
    assert all(span in text for span, text in rows.select("span", "text").iter_rows())
