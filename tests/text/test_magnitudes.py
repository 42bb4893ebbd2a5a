"""Numbers of any length in texts: no error, and no false equality."""

from __future__ import annotations

import pytest

from mlc_data.checks.digits import digits, readable
from mlc_data.checks.number_words import number_words
from mlc_data.checks.prompt_numbers import prompt_numbers

HUGE = (
    "9" * 5000, "1 " + "9" * 400 + "/2", "9" * 400 + " 1/2", "9" * 5000 + "억 " + "9" * 5000 + "만",
    "1." + "9" * 5000, "9" * 400 + " trillion", "trillion " * 200, "二" * 5000, "兆" * 200, "亿" * 200,
    "9" * 400 + ":30", "9" * 400 + " pm", "M" * 4000, "1e999", "٩" * 400, "-" * 300 + "9" * 400,
)  # fmt: skip


@pytest.mark.parametrize("text", HUGE, ids=range(len(HUGE)))
@pytest.mark.parametrize("language", ["swh_Latn", "zho_Hans", "kor_Hang", "eng_Latn"])
def test_no_number_is_too_long(text: str, language: str) -> None:
    words = number_words(language)
    found = digits(readable(text), words)
    values = [value for one in found for value in one.values]
    assert all(value < 1e50 for value in (*values, *words.values(readable(text))))
    numbers, spelled = prompt_numbers(f"What is {text} divided by 3 pm?")
    assert all(value < 1e50 for one in numbers for value in one.values)
    assert all(value < 1e50 for value in spelled)


def test_long_numbers_are_told_apart_by_their_digits() -> None:
    one, other = (
        digits(readable(text), number_words("swh_Latn")) for text in ("9" * 400, "8" * 400)
    )
    assert one[0].parts != other[0].parts
    assert one[0].values == other[0].values == frozenset()
