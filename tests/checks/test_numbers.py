"""Numbers of prompts in translations: the right ones of ``number_pairs.jsonl`` pass, the wrong ones do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlc_data.checks.number_words import han_values, number_words, plain
from mlc_data.checks.numbers import compare
from mlc_data.checks.preserved import PreservedCheck

PAIRS = [
    json.loads(line)
    for line in (Path(__file__).parent / "number_pairs.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair['source']} | {pair['text']}")
def test_a_right_translation_passes_and_a_wrong_one_does_not(pair: dict[str, Any]) -> None:
    language, limits = pair["language"], PreservedCheck()
    wanted, there, added = compare(pair["source"], pair["text"], language)
    share = there / wanted if wanted else 1.0
    enough = share >= limits.min_numbers.get(language)
    assert (enough and added <= limits.max_added.get(language)) == pair["right"]


@pytest.mark.parametrize(
    ("language", "text", "values"),
    [
        ("fra_Latn", "vingt et un", [21]),
        ("deu_Latn", "zweihundertfünfzig", [250]),
        ("deu_Latn", "tausendfünfhundert", [1500]),
        ("spa_Latn", "mil quinientas", [1500]),
        ("spa_Latn", "tres o cuatro", [3, 4]),
        ("swh_Latn", "elfu tano", [5000]),
        ("swh_Latn", "watu kumi na minane", [18]),
        ("rus_Cyrl", "двадцати одного", [21]),
        ("arb_Arab", "خمسة وعشرين", [25]),
        ("kor_Hang", "다섯 가지", [5]),
        ("tha_Thai", "สิบห้า", [15]),
        ("dyu_Latn", "no words are known", []),
    ],
)
def test_numbers_in_words(language: str, text: str, values: list[float]) -> None:
    assert list(number_words(language).values(plain(text))) == values


@pytest.mark.parametrize(
    ("run", "value"),
    [("十", 10), ("十五", 15), ("二十", 20), ("一百零五", 105), ("一百五十万", 1_500_000), ("二〇一九", 2019)],
)  # fmt: skip
def test_chinese_numerals(run: str, value: float) -> None:
    assert next(han_values(run)) == value


def test_a_language_without_a_table_may_have_any_word_for_a_scale() -> None:
    assert compare("5,000 people", "mogow 5 waga", "dyu_Latn") == (1, 1, 0)
    assert compare("5,000 people", "5", "dyu_Latn") == (1, 0, 1)


def test_a_lost_number_within_a_name_counts_where_another_stands_in_its_place() -> None:
    assert compare("What is CO2?", "Was ist Kohlendioxid?", "deu_Latn") == (0, 0, 0)
    assert compare("What is CO2?", "Was ist CO3?", "deu_Latn") == (1, 0, 1)
