"""Negations and objects that are lost, on pairs that were written for it."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from mlc_data.checks import Intent
from mlc_data.checks.english.polarity import polarity
from mlc_data.checks.english.request import object_of, object_returned

Rows = Callable[..., pl.DataFrame]
Judge = Callable[[Intent, pl.DataFrame], pl.DataFrame]

PAIRS = Path(__file__).parent / "intent_pairs.jsonl"


def rejected(rows: Rows, judged: Judge, *, held_out: bool | None = None) -> dict[str, float]:
    """Share of each verdict's pairs that the check rejects."""
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    chosen = [one for one in pairs if held_out is None or one["held_out"] is held_out]
    table = rows(*((one["prompt"], "x", "swh_Latn", one["back_translation"]) for one in chosen))
    found = table.select(verdict=pl.Series([one["verdict"] for one in chosen])).hstack(
        judged(Intent(), table)
    )
    shares = found.group_by("verdict").agg(share=1 - pl.col("passes").mean(), number=pl.len())
    assert shares["number"].min() >= (60 if held_out is None else 20)
    return dict(shares.select("verdict", "share").iter_rows())


def test_pairs_that_keep_the_intent_pass_and_others_do_not(rows: Rows, judged: Judge) -> None:
    shares = rejected(rows, judged)
    assert shares["lost"] >= 0.8, shares
    assert shares["same"] <= 0.05, shares


def test_pairs_that_the_word_lists_were_not_written_for(rows: Rows, judged: Judge) -> None:
    shares = rejected(rows, judged, held_out=True)
    assert shares["lost"] >= 0.8, shares
    assert shares["same"] <= 0.1, shares


@pytest.mark.parametrize(
    ("source", "back", "agreement"),
    [
        ("do not go", "don't go", 1),
        ("do not go", "go", 0),
        ("it is legal", "it is illegal", 0),
        ("it is not legal", "it is illegal", 1),
        ("it is not illegal", "it is legal", 1),
        ("not only rich", "rich", 1),
        ("tea instead of coffee", "tea and coffee", 0.5),
        ("i do not, will not and can't go", "i do not and will not go", 0.5),  # two of three
        ("", "", 1),
    ],
)
def test_polarity(source: str, back: str, agreement: float) -> None:
    assert polarity(source, back) == pytest.approx(agreement)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("how do i steal a red car at night?", ("red", "car")),
        ("write a letter to my landlord.", ("letter",)),
        ("teach me to look for mushrooms", ("mushrooms",)),
        ("my printer is loud.", ()),
        ("don't!", ()),
        ("", ()),
    ],
)
def test_the_object_of_a_request(text: str, words: tuple[str, ...]) -> None:
    assert object_of(text) == words


def test_the_head_of_the_object_counts_twice() -> None:
    assert object_returned("how do i paint a red car?", "how do i paint a car?") == 2 / 3
    assert object_returned("how do i paint a red car?", "how do i paint it red?") == 1 / 3


def test_other_sources_and_no_back_translation_say_nothing(rows: Rows) -> None:
    table = rows(("Do not go.", "x", "swh_Latn", "Go."))
    assert Intent().score(table).row(0) == (0, 1)
    assert Intent(source="deu_Latn").score(table).row(0) == (1, 1)
    assert Intent().score(rows(("Do not go.", "x", "swh_Latn", None))).row(0) == (1, 1)


def test_the_worst_sentence_decides(rows: Rows) -> None:
    segments = [("I am here.", "x", "I am here."), ("Do not go.", "y", "Go.")]
    table = rows(
        {
            "source": "I am here. Do not go.", "text": "x y", "back": "I am here. Go.",
            "segments": segments,
        }
    )  # fmt: skip
    assert Intent().score(table)["intent_polarity"].item() == 0
