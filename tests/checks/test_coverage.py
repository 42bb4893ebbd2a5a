"""Dropped and made-up parts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlc_data.checks import Coverage
from mlc_data.checks.coverage import compare

Rows = Callable[..., pl.DataFrame]
Judge = Callable[[Coverage, pl.DataFrame], pl.DataFrame]

LONG = (
    "Our rival team plays on Sunday, and my sister paints colourful wooden birdhouses all winter."
)
PAIRS = Path(__file__).parent / "intent_pairs.jsonl"


@pytest.mark.parametrize(
    ("clauses", "back", "returned", "invented"),
    [
        ([["steal", "a", "car"]], ["stealing", "the", "cars"], 1, 0),
        ([["steal", "a", "car"]], ["bake", "bread"], 1 / 3, 2),
        ([["rival", "team"], ["sister", "paints"]], ["rival", "team"], 1 / 3, 0),
        ([[*"abcdefghij"[1:5], *"klmno"]], [*"bcde"], 1 / 6, 0),  # five in a row are gone
        ([], [], 1, 0),
        ([["the"]], [], 1, 0),
    ],
)
def test_of_words(
    clauses: list[list[str]], back: list[str], returned: float, invented: float
) -> None:
    assert compare(clauses, back) == pytest.approx((returned, invented))


def test_a_dropped_clause_and_a_made_up_sentence_show(rows: Rows, judged: Judge) -> None:
    more = f"{LONG} Tomorrow grandfather wants roasted chestnuts, honey and strong black tea."
    table = rows(
        (LONG, "x", "deu_Latn", LONG.replace("plays", "is playing")),
        (LONG, "x", "deu_Latn", "Our rival team plays on Sunday."),
        (LONG, "x", "deu_Latn", more),
    )
    found = judged(Coverage(), table)
    assert found["passes"].to_list() == [True, False, False]
    assert found["coverage_returned"].to_list()[1] < 0.25
    assert found["coverage_invented"].to_list()[2] >= 7


def test_a_sentence_much_shorter_than_the_others_shows(rows: Rows, judged: Judge) -> None:
    one = "There are many excellent recipes for sourdough bread in old books."
    full = "Es gibt viele ausgezeichnete Rezepte für Sauerteigbrot in alten Büchern."

    def variant(*texts: str) -> dict[str, Any]:
        segments = [(one, text, None) for text in texts]
        return {
            "source": f"{one} {one}", "text": " ".join(texts), "language": "deu_Latn",
            "segments": segments,
        }  # fmt: skip

    found = judged(Coverage(), rows(variant(full, full), variant(full, "Es"), variant(full, "")))
    assert found["passes"].to_list() == [True, False, False]
    assert found["coverage_empty"].to_list() == [0, 0, 1]
    assert found["coverage_returned"].to_list() == [1, 1, 1]


def test_paraphrases_pass(rows: Rows, judged: Judge) -> None:
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    same = [one for one in pairs if one["verdict"] == "same"]
    table = rows(*((one["prompt"], "x" * 30, "deu_Latn", one["back_translation"]) for one in same))
    assert judged(Coverage(), table)["passes"].mean() == 1
