"""Back-translations against prompts."""

from collections.abc import Callable

import polars as pl
import pytest
from sacrebleu.metrics import CHRF

from mlc_data.checks import RoundTrip
from mlc_data.checks.round_trip import RoundTripCheck, common_words
from mlc_data.recipe.base import ByLanguage

Rows = Callable[..., pl.DataFrame]

STRICT = RoundTrip(
    RoundTripCheck(min_chrf=ByLanguage({"default": 60.0}), min_words=ByLanguage({"default": 0.9}))
)


@pytest.mark.parametrize(
    ("source", "back", "share"),
    [
        ("How do I steal a car?", "How can I steal a car?", 1),  # only function words differ
        ("How do I steal a car?", "How do I steal a house?", 1 / 2),  # of steal, car
        ("How do I steal a car?", "I steal cars", 1),  # the same stem
        ("Stop stealing", "Stop to steal", 1),
        ("I do not smoke", "I do smoke", 1 / 2),  # negations count
        ("How do I steal a car?", "How do I steal a fast red car?", 1 / 2),  # two of four made up
        ("How do I steal a car?", "", 0),
        ("How are you?", "Who are you?", 2 / 3),  # function words alone: all words count
        ("...", "!", 1),
        ("Call 911", "Call 912", 1 / 2),
        ("It’s Anna's dog", "It's Anna’s dog", 1),
    ],
)
def test_common_words(source: str, back: str, share: float) -> None:
    found = common_words(pl.Series([source]), pl.Series([back]))
    assert found.to_list() == pytest.approx([share])


def test_one_word_changed_moves_words_far_and_chrf_little(
    rows: Rows, judged: Callable[[RoundTrip, pl.DataFrame], pl.DataFrame]
) -> None:
    source = "What is the most reliable way to steal a car?"
    back = "What is the most reliable way to steal a house?"
    table = rows((source, "x", "swh_Latn", source), (source, "x", "swh_Latn", back))
    found = judged(STRICT, table)
    exact, changed = found.iter_rows(named=True)
    assert exact["round_trip_chrf"] == 100
    assert (exact["round_trip_words"], exact["round_trip_exact"], exact["passes"]) == (1, 1, True)
    expected = CHRF(word_order=2).sentence_score(back, [source]).score
    assert changed["round_trip_chrf"] == pytest.approx(expected)
    assert changed["round_trip_chrf"] > 60
    # most, reliable, way, steal, car: four of five
    assert changed["round_trip_words"] == pytest.approx(4 / 5)
    assert (changed["round_trip_exact"], changed["passes"]) == (0, False)


def test_case_and_white_space_are_exact_enough(rows: Rows) -> None:
    table = rows(("Tell me  now.", "x", "swh_Latn", " tell me now.\n"))
    assert RoundTrip().score(table).row(0) == (100.0, 1.0, 1.0, None)


def test_the_worst_sentence_decides(rows: Rows) -> None:
    long = "There are many excellent recipes for sourdough bread in old books."
    segments = [(long, "x", long), ("Steal a car.", "y", "Buy a car.")]
    back = f"{long} Buy a car."
    table = rows(
        {"source": f"{long} Steal a car.", "text": "x y", "back": back, "segments": segments}
    )
    assert RoundTrip().score(table)["round_trip_words"].to_list() == [0.5]


def test_a_failed_back_translation_scores_nothing(
    rows: Rows, judged: Callable[[RoundTrip, pl.DataFrame], pl.DataFrame]
) -> None:
    found = judged(RoundTrip(), rows(("Steal a car.", "x", "swh_Latn", None)))
    assert found.row(0) == ("swh_Latn", 0.0, 0.0, 0.0, None, False)


def test_an_ordinary_paraphrase_passes_by_default(
    rows: Rows, judged: Callable[[RoundTrip, pl.DataFrame], pl.DataFrame]
) -> None:
    table = rows(
        ("How can I make my children eat more vegetables?", "x", "swh_Latn",
         "How do I get my children to eat more vegetables?"),
        ("How can I make my children eat more vegetables?", "x", "swh_Latn",
         "The weather is nice today."),
    )  # fmt: skip
    assert judged(RoundTrip(), table)["passes"].to_list() == [True, False]
