"""Limits from the run's own mismatched pairs."""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl
import pytest

from mlc_data.checks import RoundTrip
from mlc_data.checks.meaning import Meaning, MeaningCheck
from mlc_data.checks.run_limits import LEAST_ROWS, LIMITS, abstaining, measure, with_run_limits
from mlc_data.checks.scoring import excuses_of
from mlc_data.languages.by_language import by_language
from mlc_data.recipe.loading import load_recipe
from mlc_data.recipe.recipe import Recipe

Rows = Callable[..., pl.DataFrame]

CITIES = [
    "Lagos", "Quito", "Bergen", "Jaipur", "Osaka", "Tunis", "Perth", "Minsk", "Havana", "Dakar", "Kyiv",
    "Lima", "Zagreb", "Hanoi", "Malmo", "Porto", "Ghent", "Sofia", "Tampa", "Riga", "Basel", "Cusco",
]  # fmt: skip
VERBS = ["reach", "leave", "describe", "paint", "photograph", "govern", "remember"]


def right(count: int = len(CITIES), language: str = "swh_Latn") -> list[tuple[str, str, str, str]]:
    """Variants that come back word for word."""
    texts = [f"{VERBS[i % 7]} the {CITIES[i]} {CITIES[-i]}" for i in range(count)]
    return [(text, text, language, text) for text in texts]


def limits(rows: pl.DataFrame) -> dict[str, dict[str, object]]:
    table = measure([RoundTrip()], lambda: iter([rows]))
    return {row["score"]: row for row in table.iter_rows(named=True)}


def recipe(*settings: str) -> Recipe:
    return load_recipe("quickstart", ["checks.meaning.encoder=null", *settings])


def resolved(given: Recipe, limit: float | None, *, separable: bool = True) -> float:
    """Limit of ``min_chrf`` in Swahili."""
    row = ("swh_Latn", "round_trip_chrf", 100, 600, limit, separable)
    table = pl.DataFrame([row], schema=LIMITS, orient="row")
    return with_run_limits(given, table).checks.round_trip.min_chrf.get("swh_Latn")


def test_a_limit_lies_between_wrong_and_right_pairs(rows: Rows) -> None:
    found = limits(rows(*right()))["round_trip_chrf"]
    assert 0 < found["limit"] < 100
    assert found["separable"]


def test_a_translator_back_that_knows_nothing_is_not_separable(rows: Rows) -> None:
    backs = [(text, text, code, CITIES[-1 - i]) for i, (text, _, code, _) in enumerate(right())]
    assert not limits(rows(*backs))["round_trip_chrf"]["separable"]


def test_few_rows_give_no_limit(rows: Rows) -> None:
    found = limits(rows(*right(LEAST_ROWS - 1)))["round_trip_chrf"]
    assert found["limit"] is None
    assert found["pairs"] == 0


def test_limits_do_not_depend_on_the_order_of_rows(rows: Rows) -> None:
    table = rows(*right())
    assert limits(table) == limits(table.reverse())


def test_equal_prompts_are_no_mismatched_pairs(rows: Rows) -> None:
    table = rows(*[right(1)[0]] * 30)
    assert limits(table)["round_trip_chrf"]["limit"] is None


def test_languages_have_limits_of_their_own(rows: Rows) -> None:
    table = rows(*right(), *right(language="spa_Latn"))
    found = measure([RoundTrip()], lambda: iter([table]))
    assert set(found["language"]) == {"swh_Latn", "spa_Latn"}


def test_a_limit_of_the_run_loosens_the_threshold() -> None:
    assert resolved(recipe(), 20.0) == 20.0


def test_a_limit_of_the_run_never_tightens_the_threshold() -> None:
    assert resolved(recipe(), 80.0) == recipe().checks.round_trip.min_chrf.get("swh_Latn")


def test_inseparable_languages_are_not_judged() -> None:
    assert resolved(recipe(), 80.0, separable=False) == -math.inf


def test_few_rows_keep_the_threshold() -> None:
    assert resolved(recipe(), None) == recipe().checks.round_trip.min_chrf.get("swh_Latn")


def test_a_threshold_for_the_language_by_name_holds() -> None:
    assert resolved(recipe("checks.round_trip.min_chrf.swh_Latn=50"), 20.0) == 50


def test_fixed_limits_hold() -> None:
    given = recipe("checks.round_trip.limits=fixed")
    assert resolved(given, 20.0) == given.checks.round_trip.min_chrf.get("swh_Latn")


@pytest.mark.parametrize(
    ("limit", "separable", "said"),
    [(30.0, False, "abstains"), (None, True, "keeps the recipe's threshold"), (30.0, True, "")],
)
def test_the_summary_says_where_a_check_abstains(
    limit: float | None, *, separable: bool, said: str
) -> None:
    row = ("swh_Latn", "round_trip_chrf", 100, 600, limit, separable)
    lines = abstaining(pl.DataFrame([row], schema=LIMITS, orient="row"))
    assert bool(lines) is bool(said)
    assert all(said in line and "swh_Latn" in line for line in lines)


def test_a_measure_that_is_zero_for_all_wrong_pairs_has_a_limit_above_zero(rows: Rows) -> None:
    found = limits(rows(*((city, city, "swh_Latn", city) for city in CITIES)))["round_trip_words"]
    assert found["separable"]
    assert found["limit"] > 0


def made_up(*settings: str, language: str = "swh_Latn") -> float | None:
    """Least resemblance that excuses a made-up back-translation in Swahili."""
    row = (language, "round_trip_cognates", 100, 9900, 0.3, True)
    table = pl.DataFrame([row], schema=LIMITS, orient="row")
    least = with_run_limits(recipe(*settings), table).checks.round_trip.min_cognates
    return least and least.get("swh_Latn")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ((), 0.3),
        (("checks.round_trip.min_cognates=0.6",), 0.6),
        (("checks.round_trip.limits=fixed",), None),
    ],
)
def test_evidence_comes_from_the_run_unless_the_recipe_says_otherwise(
    settings: tuple[str, ...], expected: float | None
) -> None:
    assert made_up(*settings) == expected


def test_nothing_is_excused_in_languages_without_evidence() -> None:
    assert made_up(language="spa_Latn") == math.inf


def test_evidence_is_above_the_nearest_wrong_pairs(rows: Rows) -> None:
    # Each of these prompts has another with the same two cities.
    found = limits(rows(*right()))["round_trip_cognates"]
    assert found["limit"] > 0.5
    assert found["pairs"] == len(CITIES) * (len(CITIES) - 1)


def test_little_in_common_is_no_evidence_where_wrong_pairs_have_nothing(rows: Rows) -> None:
    pairs = [(text, "猫在睡觉", "zho_Hans", back) for text, _, _, back in right()]
    assert limits(rows(*pairs))["round_trip_cognates"]["limit"] == 0.25


def test_few_rows_give_no_evidence(rows: Rows) -> None:
    assert "round_trip_cognates" not in limits(rows(*right(LEAST_ROWS - 1)))


NONSENSE = "The Commission concludes that this aid is compatible with the internal market"


@pytest.mark.parametrize(
    ("text", "back", "kept"),
    [
        ("rangi ya Lagos na Riga", NONSENSE, True),  # the back-translation is made up
        ("rangi ya Quito na Tampa", NONSENSE, False),  # another prompt's
        ("rangi ya Lagos na Riga", "Lagos and Riga are cities in the world", False),
        ("paint the Lagos Riga", NONSENSE, True),  # for `copied` to judge
        ("habari za asubuhi", NONSENSE, False),
    ],
)
def test_a_made_up_back_translation_is_not_held_against_the_variant(
    rows: Rows, text: str, back: str, *, kept: bool
) -> None:
    given = recipe("checks.round_trip.min_cognates=0.4")
    check = RoundTrip(given.checks.round_trip)
    scores = check.score(rows(("paint the Lagos Riga", text, "swh_Latn", back)))
    table = scores.with_columns(language=pl.lit("swh_Latn"))
    assert table.select(check.passes(excuses_of([check]))).item() is kept


def back_limit(encoder: str, limit: float | None) -> float:
    """Limit of ``min_back`` in Swahili, with an encoder."""
    given = load_recipe("quickstart", [f"checks.meaning.encoder={encoder}"])
    row = ("swh_Latn", "meaning_back", 100, 600, limit, True)
    table = pl.DataFrame([row], schema=LIMITS, orient="row")
    return with_run_limits(given, table).checks.meaning.min_back.get("swh_Latn")


@pytest.mark.parametrize(
    ("encoder", "limit", "expected"),
    [
        ("use-multilingual", 0.8, 0.45),
        ("use-multilingual", None, 0.45),
        ("other/encoder", 0.8, 0.8),  # its wrong pairs may all be above 0.45
        ("other/encoder", None, -math.inf),
    ],
)
def test_default_thresholds_are_those_of_one_encoder(
    encoder: str, limit: float | None, expected: float
) -> None:
    assert back_limit(encoder, limit) == expected


@pytest.mark.parametrize(
    ("least", "back", "excused"), [(0.4, 0.5, True), (-math.inf, 0.5, False), (0.4, None, False)]
)
def test_only_a_score_above_an_effective_limit_excuses_another(
    least: float, back: float | None, *, excused: bool
) -> None:
    section = MeaningCheck(encoder="x").model_copy(update={"min_back": by_language(least)})
    scores = {"round_trip_chrf": 5.0, "round_trip_words": 1.0, "meaning_back": back}
    table = pl.DataFrame(
        {"language": ["swh_Latn"], **scores}, schema_overrides={"meaning_back": pl.Float64}
    )
    check = RoundTrip()
    assert table.select(check.passes(excuses_of([check, Meaning(section)]))).item() is excused
