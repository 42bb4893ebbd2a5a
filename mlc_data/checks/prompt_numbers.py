"""Numbers of an English prompt, and the values that may stand for each of them in a translation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlc_data.checks.digits import Digits, digits, readable
from mlc_data.checks.number_words import number_words
from mlc_data.text.magnitudes import countable
from mlc_data.text.spans import without_spans_in

_TABLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "english_numbers.json").read_text("utf-8")
)
# Values that an English word may have in digits of another language: half is 1/2, 0.5, 50 % and 30 minutes.
_IN_WORDS: dict[str, list[float]] = _TABLE["words"]
_UNITS = {word: int(_IN_WORDS[word][0]) for word in _TABLE["units"]}
_SCALES: dict[str, int] = _TABLE["scales"]
# Units that a translator may convert, with the factors of the usual ones.
_CONVERTED: dict[str, list[float]] = _TABLE["converted"]
_ENGLISH = number_words("eng_Latn")

_ROMAN = re.compile(r"\b(?=[ivxlc]{2})(c{0,3})(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})\b")
_UPPER_ROMAN = re.compile(r"\b[IVXLC]{2,}(?=(?:e|er|[èe]me|è|º|ª|os?|as?|th)?\b)")  # XIXe siècle
_ROMAN_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_NO_ROMAN = frozenset({"xl", "cc", "li"})  # a size, a copy, a name

_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
_PLURAL = re.compile(r"['’]?s\b")
_MERIDIEM = re.compile(r"\s?([ap])\.?\s?m\b")
_UNIT = re.compile(
    r"(?:[kmgt]i?b|[kmcµμnd]?[gml]|[km]?m/h|kmh?|mph|kph|hz|[kmg]hz|[km]?wh?|[km]?v|ma?h?|lbs?|oz|ft|in|px|pt|h|hrs?"
    r"|s|secs?|mins?|ms|yo|yrs?|c|f|k|°|x|usd|eur|rs|am|pm|a|p|kcal|cal|ml|iu|mn|bn|tn|b|t)(?![a-z])"
)
_LETTER = re.compile(r"[^\W\d_]")
_NAMED_BEFORE = re.compile(r"[^\W\d_][-‑]?$")
_EVENING = re.compile(r"\b(?:evening|afternoon|tonight|night|noon|midnight|o['’]clock)\b")
_WORD_AFTER = re.compile(r"[\s-]*(?:(?:to|or|and|-)\s*[\d.,]+[\s-]*)?([a-z]+)")
_BELOW_ZERO = re.compile(r"(?:minus|negative)\s$")
_NOON = 12
_YEARS = re.compile(r"(1\d|20)\d\d\s?[-–/]\s?$")


@dataclass(frozen=True)
class PromptNumber:
    """A number of the prompt.

    Attributes:
        digits: as it is written.
        values: values that may stand for it.
        parts: alternative groups of digits that may stand for it.
        soft: whether languages may write it without a number.
        meridiem: `a`, `p` or empty.
        ordinal: whether it is written as one: 3rd.
        roman: whether it is a Roman numeral.
        converted: values in other units that may stand for it.
        negative: whether it is below zero.
    """

    digits: Digits | None
    values: frozenset[float]
    parts: tuple[tuple[str, ...], ...]
    soft: bool
    meridiem: str = ""
    ordinal: bool = False
    roman: bool = False
    converted: tuple[float, ...] = ()
    negative: bool = False

    @property
    def afternoon(self) -> bool:
        """True if it is a time such as 21:45."""
        return (
            self.digits is not None
            and self.digits.kind == "time"
            and int(self.digits.parts[0]) > _NOON
        )


@lru_cache(maxsize=4096)
def prompt_numbers(source: str) -> tuple[tuple[PromptNumber, ...], frozenset[float]]:
    """Return the numbers of the prompt, and the values that it has in English words."""
    bare = without_spans_in(source)
    text = readable(bare)
    found = digits(text, _ENGLISH, english=True)
    afternoon = any(m[1] == "p" for m in (_MERIDIEM.match(text, one.end) for one in found) if m)
    late = afternoon or _EVENING.search(text) is not None
    numbers = [_number(one, text, late) for one in found]
    numbers += [
        PromptNumber(None, frozenset({value}), ((str(int(value)),),), True, roman=True)
        for value in romans(bare)
    ]
    return tuple(numbers), frozenset(countable(_spelled(text)))


def _number(one: Digits, text: str, late: bool) -> PromptNumber:
    values = set(one.values)
    meridiem = _MERIDIEM.match(text, one.end)
    ordinal, plural = _ORDINAL.match(text, one.end), _PLURAL.match(text, one.end)
    parts = {one.parts} if not one.decimal else set()
    hour = int(one.parts[0]) if len(one.parts[0]) < 3 else 100
    if (late if meridiem is None else meridiem[1] == "p") and 1 <= hour <= 12:
        parts |= {(str(hour % 12 + 12), *one.parts[1:])}
        values |= {value % 12 + 12 for value in one.readings if value <= 12}
    if meridiem is not None and hour == 12:
        other = {"a": (0.0, 24.0), "p": (12.0,)}[meridiem[1]]
        values |= set(other) if not any(part.strip("0") for part in one.parts[1:]) else set()
        parts |= {(str(int(value)), *one.parts[1:]) for value in other}
    if one.kind == "date" and len(one.parts[-1]) <= 2:
        parts |= {(*one.parts[:-1], century + one.parts[-1].zfill(2)) for century in ("19", "20")}
    if one.kind == "time" and hour > 12:
        parts |= {(str(hour - 12), *one.parts[1:])}
        values |= {value - 12 for value in one.readings if value > 12}
    if _YEARS.search(text[max(0, one.start - 8) : one.start]) and len(one.parts[0]) == 2:
        values |= {
            value + century for value in one.readings for century in (1700, 1800, 1900, 2000)
        }
    if plural:
        values |= {value % 100 for value in one.values if value >= 1000}
        values |= {value / 100 + 1 for value in one.values if value >= 1000 and not value % 100}
    return PromptNumber(
        digits=one,
        values=frozenset(values),
        parts=tuple(parts),
        soft=bool(ordinal or plural)
        or _in_name(one, text)
        or one.kind in ("fraction", "mixed")
        or one.readings == {1.0},
        meridiem=meridiem[1] if meridiem and hour <= 12 else "",
        ordinal=ordinal is not None,
        converted=_converted(one, text),
        negative=one.negative
        or _BELOW_ZERO.search(text[max(0, one.start - 10) : one.start]) is not None,
    )


def _converted(one: Digits, text: str) -> tuple[float, ...]:
    unit = _WORD_AFTER.match(text, one.end)
    if unit is None:
        return ()
    if unit[1].startswith("degree") or unit[1] in ("f", "fahrenheit"):
        return tuple((value - 32) / 1.8 for value in one.readings if value > 40)
    return tuple(v * factor for v in one.readings for factor in _CONVERTED.get(unit[1], ()))


def _in_name(one: Digits, text: str) -> bool:
    """Return whether letters are written together with a number and are no unit: CO2, 2FA, COVID-19."""
    if _NAMED_BEFORE.search(text[max(0, one.start - 2) : one.start]):
        return True
    after = text[one.end : one.end + 1]
    if not _LETTER.match(after) or _MERIDIEM.match(text, one.end) or one.scaled:
        return False
    return not (_UNIT.match(text, one.end) or _ORDINAL.match(text, one.end))


def romans(text: str) -> Iterator[float]:
    """Yield the values of Roman numerals in capitals, of two letters or more."""
    for written in _UPPER_ROMAN.findall(text):
        lower = written.lower()
        if lower in _NO_ROMAN or not _ROMAN.fullmatch(lower):
            continue
        values = [_ROMAN_DIGITS[letter] for letter in lower]
        pairs = zip(values, [*values[1:], 0], strict=True)
        yield float(sum(-value if value < following else value for value, following in pairs))


def _spelled(text: str) -> Iterator[float]:
    """Yield the values of English words, alone and together: twenty-five is 20, 5 and 25."""
    yield 0.0
    total = section = 0.0
    for word in re.findall(r"[a-z]+", text):
        yield from map(float, _IN_WORDS.get(word, ()))
        if word in _SCALES:
            section = (section or 1) * _SCALES[word]
            yield total + section
            if section >= 1000:
                total, section = total + section, 0.0
        elif word in _UNITS:
            section += _UNITS[word]
            yield total + section
        elif word != "and":
            total = section = 0.0
