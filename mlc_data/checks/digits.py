"""Numbers that a text has in digits: their readings, signs and scales, whatever the script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from mlc_data.checks.number_words import NumberWords, plain
from mlc_data.text.ascii_digits import ascii_digits
from mlc_data.text.magnitudes import as_float, countable

_FRACTIONS = {
    character: f" {unicodedata.normalize('NFKC', character).replace(chr(0x2044), '/')} "
    for character in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
}
_FRACTION = re.compile(f"[{''.join(_FRACTIONS)}]")

_SEPARATORS = ".,'’٫٬،"
# A number of several groups with units between them: 1억 4천 2백만, 3千5百万.
_UNITS = {"십": 10, "十": 10, "백": 100, "百": 100, "천": 1000, "千": 1000, "만": 10**4, "万": 10**4,
          "萬": 10**4, "억": 10**8, "亿": 10**8, "億": 10**8, "조": 10**12, "兆": 10**12}  # fmt: skip
_GROUP = rf"\d[\d,]*[{''.join(_UNITS)}]+"
_GROUPED = re.compile(rf"(\d[\d,]*)([{''.join(_UNITS)}]+)")
_NUMBER = re.compile(
    r"(?=\d)(?:"
    rf"(?P<run>{_GROUP}(?:\s?{_GROUP})+)"
    r"|(?P<mixed>\d+ +\d{1,2}/\d{1,2}(?![\d/]))"
    r"|(?P<date>(?<![\d/.-])(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}"
    r"|\d{1,2}/\d{1,2}/\d{2})(?![\d/]))"
    r"|(?P<time>(?<![\d.:])\d{1,2}[:：]\d{2}(?::\d{2})?(?![\d:])"
    r"|(?<![\d.:])\d{1,2}\.[0-5]\d(?=\s?[ap]\.?\s?m\b))"
    r"|(?P<fraction>(?<![\d/.-])\d{1,2}\s?[/⁄]\s?\d{1,2}(?![\d/]))"
    r"|\d{1,3}(?:[\u0020\u00a0\u202f]\d{3})+(?!\d)"
    rf"|\d+(?:[{_SEPARATORS}]\d+)*)",
    re.ASCII,
)
_NOT_DIGIT = re.compile(r"\D+", re.ASCII)
_MINUS = re.compile(r"(?:^|[\s(\[:=~≤≥<>])[-−–﹣－]$")
_DASH = re.compile(r"[-−–—﹣－~/]\s?$")
_LETTER_SCALE = re.compile(r"\s?(k|m|b|t|mn|bn|tn|mm)(?![^\W\d_])", re.IGNORECASE)
_LETTERS = {"k": 1e3, "m": 1e6, "mn": 1e6, "mm": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12, "tn": 1e12}
_ENGLISH_SCALE = re.compile(
    r"[\s\u00a0-]*(hundred|thousand|lakh|million|crore|billion|trillion)s?(?![a-z])", re.IGNORECASE
)
_ENGLISH = {"hundred": 100, "thousand": 10**3, "lakh": 10**5, "million": 10**6, "crore": 10**7,
            "billion": 10**9, "trillion": 10**12}  # fmt: skip
# Powers of ten that some language has a word for: thousand, wan, lakh, million, crore, yi, billion.
_STEPS = tuple(10**power for power in (0, 3, 4, 5, 6, 7, 8, 9, 12))


@dataclass(frozen=True)
class Digits:
    """A number in digits.

    Attributes:
        start: place of its first digit in `readable` of the text.
        end: place after its last digit.
        parts: its groups of digits, in order, without zeros before them.
        readings: values without sign and scale; `1.000` has two.
        values: values with the scale that its word or letter gives.
        scaled: whether a word or a letter gives a scale.
        kind: `date`, `time`, `fraction`, `mixed`, `run` or empty.
        negative: whether a minus stands before it that is no hyphen or range.
        dashed: whether any dash stands before it.
    """

    start: int
    end: int
    parts: tuple[str, ...]
    readings: frozenset[float]
    values: frozenset[float]
    scaled: bool
    kind: str
    negative: bool
    dashed: bool

    @property
    def decimal(self) -> bool:
        """True if it is written with one separator and has a value: its parts are no numbers of their own."""
        return len(self.parts) == 2 and not self.kind and bool(self.readings)


def readable(text: str) -> str:
    """Return a text in lower case NFKC with the digits of every script as 0 to 9, and ½ as 1/2."""
    if text.isascii():
        return text.lower()
    text = _FRACTION.sub(lambda match: _FRACTIONS[match[0]], text)
    return plain(ascii_digits(text))


def digits(text: str, words: NumberWords, *, english: bool = False) -> list[Digits]:
    """Return the numbers of a text, as `readable` gives it.

    Args:
        text: without addresses and code.
        words: of the text's language, for its scales.
        english: whether the text is a prompt: a comma is no decimal point there.
    """
    return [_digits(match, text, words, english) for match in _NUMBER.finditer(text)]


def _digits(match: re.Match[str], text: str, words: NumberWords, english: bool) -> Digits:
    written = match[0]
    kind = match.lastgroup or ""
    before = text[max(0, match.start() - 5) : match.start()]
    readings = frozenset(countable(_readings(written, kind, english)))
    values, scaled = _scaled(readings, match, text, words, english)
    negative = _MINUS.search(before) is not None and not re.search(r"\d\s*[-−–]\s?$", before)
    return Digits(
        start=match.start(),
        end=match.end(),
        parts=tuple(part.lstrip("0") or "0" for part in _NOT_DIGIT.split(written) if part),
        readings=readings,
        values=frozenset(countable(values)),
        scaled=scaled,
        kind=kind,
        negative=negative,
        dashed=_DASH.search(before) is not None,
    )


def _readings(written: str, kind: str, english: bool) -> Iterator[float]:
    """Yield the values that the digits may have, without scale."""
    groups = [part for part in _NOT_DIGIT.split(written) if part]
    numbers = [float(group) for group in groups]
    if kind == "run":
        yield _grouped(written)
        return
    if kind in {"fraction", "mixed"}:
        *whole, above, below = numbers
        if below:
            yield sum(whole) + above / below
            if not whole:
                yield round(100 * above / below)
        return
    if kind == "date":
        return
    if kind == "time":
        if not any(numbers[1:]):
            yield numbers[0]
        return
    marks = [mark for mark in _NOT_DIGIT.findall(written) if mark]
    if not marks:
        yield numbers[0]
        return
    digits_alone = "".join(groups)
    thousands = len(groups[-1]) == 3 and all(len(group) in (2, 3) for group in groups[1:])
    if len(set(marks)) == 1 and thousands and groups[0] != "0":
        yield float(digits_alone)
        if len(marks) == 1 and marks[0] in ".,٫،" and not (english and marks[0] == ","):
            yield float(f"{groups[0]}.{groups[1]}")
    elif len(marks) == 1 or (len(set(marks)) == 2 and marks[-1] not in marks[:-1]):
        yield float(f"{''.join(groups[:-1])}.{groups[-1]}")


def _grouped(written: str) -> float:
    """Return the value of groups of digits with units: 1억 4천 2백만 is 142,000,000."""
    total = section = 0.0
    for number, units in _GROUPED.findall(written):
        value = float(number.replace(",", ""))
        small = [unit for unit in units if _UNITS[unit] < 10**4]
        large = [unit for unit in units if _UNITS[unit] >= 10**4]
        for unit in small:
            value *= _UNITS[unit]
        section += value
        if large:
            for unit in large:
                section *= _UNITS[unit]
            total, section = total + section, 0.0
    return total + section


def _scaled(
    readings: frozenset[float],
    match: re.Match[str],
    text: str,
    words: NumberWords,
    english: bool,
) -> tuple[set[float], bool]:
    """Return the values with the scale beside the digits, and whether there is one."""
    if letter := _LETTER_SCALE.match(text, match.end()):
        scale = _LETTERS[letter[1].lower()]
        return {*readings, *(value * scale for value in readings)}, True
    scale, end = 1.0, match.end()
    while found := _ENGLISH_SCALE.match(text, end):
        scale, end = scale * _ENGLISH[found[1].lower()], found.end()
    if scale == 1 and not english:
        after = words.scale_after(text, match.end())
        scale = as_float(after * words.scale_before(text, match.start()))
        if not words.scales and _beside_a_word(text, match):
            return {value * step for value in readings for step in _STEPS}, True
    return {value * scale for value in readings}, scale > 1


def _beside_a_word(text: str, match: re.Match[str]) -> bool:
    """Return whether a word follows or precedes: in a language without a table it may be a scale."""
    after = text[match.end() : match.end() + 2]
    before = text[max(0, match.start() - 2) : match.start()]
    return any(character.isalpha() for character in after + before)
