"""Numbers of texts, and the numbers of a prompt that a translation has.

Scripts have their own digits, languages their own separators, and some numbers change in translation:
"1.5 million" becomes "150" and a word, "3 p.m." becomes "15", "May" becomes "5".
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from mlc_data.text.spans import without_spans_in

_NUMBER = re.compile(
    r"\d{1,3}(?:[\u0020\u00a0\u202f]\d{3})+(?!\d)|\d+(?:[.,'’٫٬]\d+)*", re.ASCII
)  # 1 000 or 1,000.50
_SEPARATOR = re.compile(r"\D+", re.ASCII)
_FRACTION = re.compile(r"[.,٫](\d{1,2}|\d{4,})$", re.ASCII)
_SCALE = re.compile(
    r"[\s-]*(?:(hundred)|(thousand|k)|(million|mn|m)|(billion|bn)|(trillion|tn))\b",
    re.IGNORECASE | re.ASCII,
)
_SCALES = (100, 10**3, 10**6, 10**9, 10**12)
# Powers of ten that some language has a word for: thousand, wan, lakh, million, crore, yi, billion.
_STEPS = tuple(10**power for power in (0, 3, 4, 5, 6, 7, 8, 9, 12))
_AFTERNOON = re.compile(r"\s?p\.?m\b", re.IGNORECASE)
_OFTEN_IN_WORDS = re.compile(r"st\b|nd\b|rd\b|th\b|['’]?s\b")  # 19th, 1930s

_DIGITS = {
    code: str(unicodedata.decimal(chr(code))) for code in range(0x1FC00) if chr(code).isdecimal()
}

_IN_WORDS = {
    word: str(number)
    for number, words in {
        0: "zero", 1: "one first once single january", 2: "two second twice both double february",
        3: "three third triple march", 4: "four fourth quarter april", 5: "five fifth may",
        6: "six sixth june", 7: "seven seventh july", 8: "eight eighth august",
        9: "nine ninth september sept", 10: "ten tenth october decade", 11: "eleven november",
        12: "twelve december dozen noon", 13: "thirteen", 14: "fourteen", 15: "fifteen",
        16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen", 20: "twenty", 30: "thirty",
        40: "forty", 50: "fifty half", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety",
        100: "hundred century", 1000: "thousand", 10**6: "million", 10**9: "billion",
    }.items()
    for word in words.split()
}  # fmt: skip
# Small numbers that Chinese and Japanese may write out, each in one character.
_HAN = dict(
    zip("123456789", ("一", "二两兩", "三", "四", "五", "六", "七", "八", "九"), strict=True)
)
_HAN["10"] = "十"


def numbers(text: str) -> list[str]:
    """Return the numbers of a text in order, as ASCII digits with separators; none from addresses."""
    return _NUMBER.findall(ascii_digits(without_spans_in(text)))


def ascii_digits(text: str) -> str:
    """Return the text with the decimal digits of every script as 0 to 9."""
    return text if text.isascii() else text.translate(_DIGITS)


def compare(source: str, text: str) -> tuple[int, int, int]:
    """Compare the numbers of a prompt and of a translation.

    Ordinals and decades (`19th`, `1930s`), which many languages write in words, are not counted where
    they are missing.

    Returns:
        The number of numbers of ``source``, how many of them ``text`` has, and how many numbers ``text``
        has that ``source`` has neither in digits nor in English words.
    """
    wanted, spelled = _of_source(source)
    counts = Counter(numbers(text))
    unmatched = [number for number in wanted if not _take(number, counts)]
    # "7:30" may be "7.30", and "1,000" may be "1 000": compare the others part by part.
    parts = Counter(part for number in counts.elements() for part in _SEPARATOR.split(number))
    lost = [number for number in unmatched if not _take_parts(number, parts, text)]
    missing = sum(not number.may_be_words for number in lost)
    counted = len(wanted) - (len(lost) - missing)
    added = [number for number in parts.elements() if number not in spelled]
    return counted, counted - missing, len(added)


@dataclass(frozen=True)
class _Number:
    """A number of the prompt: its digits, all values that may stand for it, and its parts."""

    digits: str
    values: frozenset[float]
    parts: tuple[str, ...]
    may_be_words: bool


def _value(number: str) -> float:
    fraction = _FRACTION.search(number)
    whole = _SEPARATOR.sub("", number[: fraction.start()] if fraction else number)
    return float(f"{whole}.{fraction[1]}" if fraction else whole)


def _take(number: _Number, counts: Counter[str]) -> bool:
    """Remove a number from the translation's numbers; return whether it was there."""
    for written, count in counts.items():
        same = _SEPARATOR.sub("", written) == number.digits
        if count > 0 and (same or _value(written) in number.values):
            counts[written] -= 1
            return True
    return False


def _take_parts(number: _Number, parts: Counter[str], text: str) -> bool:
    """Remove a number's parts from those of the translation; return whether they were there."""
    wanted = Counter(number.parts)
    if all(parts[part] >= count for part, count in wanted.items()):
        parts.subtract(wanted)
        return True
    return any(character in text for character in _HAN.get(number.digits, ""))


@lru_cache(maxsize=4096)
def _of_source(source: str) -> tuple[tuple[_Number, ...], frozenset[str]]:
    """Return the numbers of the prompt, and those that it has in English words."""
    plain = ascii_digits(without_spans_in(source))
    afternoon = bool(_AFTERNOON.search(plain))
    parsed = []
    for match in _NUMBER.finditer(plain):
        written, value = match.group(), _value(match.group())
        values = {value}
        if scale := _SCALE.match(plain, match.end()):
            value *= _SCALES[(scale.lastindex or 1) - 1]
        if value >= _STEPS[1]:
            values |= {value / step for step in _STEPS}
        if afternoon and 1 <= value <= 12:
            values.add(value % 12 + 12)
        soft = bool(_OFTEN_IN_WORDS.match(plain, match.end()))
        if soft and value >= 1000:
            values.add(value % 100)
        digits = _SEPARATOR.sub("", written)
        parsed.append(_Number(digits, frozenset(values), tuple(_SEPARATOR.split(written)), soft))
    words = re.findall(r"[a-z]+", plain.lower())
    return tuple(parsed), frozenset(_IN_WORDS[word] for word in words if word in _IN_WORDS)
