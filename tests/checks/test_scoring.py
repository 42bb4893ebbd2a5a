"""Properties of every check, whatever the text."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest
from stub_identifier import StubIdentifier

from mlc_data.checks import CHECKS, Check, LanguageId, RoundTrip, Toxicity
from mlc_data.checks.meaning import Meaning
from mlc_data.checks.scoring import build_checks, prepare, reasons, score_names, score_rows
from mlc_data.core.records import KEYS
from mlc_data.recipe.loading import parse_recipe

Rows = Callable[..., pl.DataFrame]

HARD = [
    "",
    " ",
    "\n\n\t",
    "0",
    "123 456.78 ٣٫٥",
    "\u200d",
    "\u200f\u202e\u200b\u2060\ufeff",
    "\u0301\u0301\u0301",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1f0\U0001f1ea",
    "می\u200cخواهم خانه\u200cای",
    "क्\u200dष",
    "e\u0301a\u0300" * 10,
    "МIХЕD ѕсrірt ab中文かな한글",
    "{{{{[[[<<<%%%@@@://www.",
    "https://",
    "%s" * 50,
    "<" * 500,
    "a" * 5000,
    "ab " * 3000,
    "我" * 3000,
    "a.b" * 1000 + "@",
    "1," * 2000,
    "'’'-- ' -",
    "\x01\x7f\x85\u2028\u2029",
    "\U0010ffff\ue000",
    "ﬁﬃ ǅ ß İ ı",
]
TEXTS = [(one, other) for one in HARD for other in ("Where is my car?", one, HARD[12])]
LANGUAGES = ("swh_Latn", "zho_Hans", "arb_Arab", "jpn_Jpan", "tha_Thai")


@pytest.fixture
def checks(small: dict[str, object], tmp_path: Path) -> tuple[Check, ...]:
    small["languages"] = {"targets": list(LANGUAGES)}
    words = tmp_path / "words.txt"
    words.write_text("car\nмир\n", encoding="utf-8")
    listed = ("eng_Latn", "swh_Latn", "zho_Hans")
    small["checks"] = {
        "toxicity": {"words": dict.fromkeys(listed, str(words))},
        "meaning": {"encoder": "use-multilingual"},
    }
    labels = frozenset({"en", "sw", "zh", "ar", "ja"})
    return build_checks(parse_recipe(small, "test"), [StubIdentifier({}, labels)])


def ready(checks: Sequence[Check], table: pl.DataFrame) -> tuple[Check, ...]:
    return prepare(checks, lambda: table.iter_slices(7))


def test_every_check_is_there_once_and_in_order(checks: tuple[Check, ...]) -> None:
    assert [type(check) for check in checks] == list(CHECKS)
    names = score_names(checks)
    assert len(set(names)) == len(names)
    for check in checks:
        assert all(name.startswith(f"{check.name}_") for name in check.scores)


def test_scores_are_finite_numbers_one_row_a_row(checks: tuple[Check, ...], rows: Rows) -> None:
    table = rows(
        *(
            (source, text, language, source)
            for one, other in TEXTS
            for source, text in ((one, other), (other, one))
            for language in LANGUAGES
        )
    )
    for check in ready(checks, table):
        scored = check.score(table)
        assert scored.schema == dict.fromkeys(check.scores, pl.Float64), check
        assert scored.height == table.height
        values = [value for row in scored.rows() for value in row]
        assert all(check.abstains if value is None else math.isfinite(value) for value in values)
        shares = [name for name in check.scores if name.endswith("_share")]
        assert all(0 <= value <= 1 for name in shares for value in scored[name]), check


def test_a_row_scores_the_same_alone_and_among_others(
    checks: tuple[Check, ...], rows: Rows
) -> None:
    table = rows(
        *(
            ("Where is my red car?", text, LANGUAGES[i % len(LANGUAGES)], "Where is my bus?")
            for i, text in enumerate(HARD)
        )
    )
    checks = ready(checks, table)
    together = score_rows(checks, table)
    assert together.columns == [*KEYS, *score_names(checks)]
    alone = pl.concat(score_rows(checks, part) for part in table.iter_slices(1))
    assert alone.equals(together)
    mixed = table.sample(fraction=1, shuffle=True, seed=1)
    assert score_rows(checks, mixed).sort(list(KEYS)).equals(together.sort(list(KEYS)))


def test_no_rows_give_no_scores(checks: tuple[Check, ...], rows: Rows) -> None:
    scored = score_rows(ready(checks, rows()), rows())
    assert scored.height == 0
    assert scored.schema == {**KEYS, **dict.fromkeys(score_names(checks), pl.Float64)}
    assert scored.select(reasons(checks)).height == 0


def test_reasons_are_all_that_hold_in_order(checks: tuple[Check, ...], rows: Rows) -> None:
    good = "我想在家里烤面包，请教我。"
    source = "I want to bake bread at home, teach me."
    table = rows(
        (source, good, "zho_Hans", source),
        (source, source, "zho_Hans", source),
        (source, good, "zho_Hans", "Good morning"),
    )
    given = (
        score_rows(ready(checks, table), table).select(reasons=reasons(checks))["reasons"].to_list()
    )
    assert given == [[], ["script", "copied"], ["coverage", "round_trip", "meaning"]]


def test_a_check_that_is_off_gives_scores_and_no_reason(
    small: dict[str, object], rows: Rows
) -> None:
    small["checks"] = {check.name: {"enabled": False} for check in CHECKS}
    off = build_checks(parse_recipe(small, "test"), ())
    table = rows(("Hello there", "", "swh_Latn", None))
    scored = score_rows(ready(off, table), table)
    assert "script_share" in scored.columns
    assert scored.select(given=reasons(off))["given"].to_list() == [[]]


def test_what_the_recipe_leaves_out_is_not_scored(small: dict[str, dict[str, object]]) -> None:
    small["translate"]["round_trip"] = False
    built = {type(check) for check in build_checks(parse_recipe(small, "test"), ())}
    assert set(CHECKS) - built == {LanguageId, RoundTrip, Meaning, Toxicity}
