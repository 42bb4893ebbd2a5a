"""Words that stand for numbers, by language: cardinals, ordinals, scales, months, parts of the day.

The table ``data/number_words.csv`` is written by ``scripts/number_words/build.py`` from CLDR. A language
that it lacks has no words: its texts are judged by their digits alone.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

from mlc_data.languages.flores import get_language

_TABLE = Path(__file__).parent / "data" / "number_words.csv"

_HAN_LANGUAGES = frozenset({"zho_Hans", "zho_Hant", "yue_Hant", "jpn_Jpan"})
# Words that are written together with the number's word: articles, conjunctions, prepositions.
_PREFIXES = {
    "Arab": "(?:[وفبكل]?(?:ال|لل)?)",
    "Hebr": "[והבלשמכ]{0,2}",
    "swh_Latn": "(?:wa|ma|vi|mi|n|m|ki|u|ya|cha|la|za|kwa)?",
}
# Languages that put the scale first: milioni 5.
_SCALE_FIRST = frozenset({"swh_Latn", "hau_Latn", "lug_Latn", "kin_Latn", "run_Latn", "sna_Latn"})
# Languages whose 11 to 19 are ten and a number that agrees with its noun: kumi na minane.
_TEN_AND = frozenset({"swh_Latn"})
_JOINED = re.compile(r"[\s\u200c-]*(?:[^\W\d]{1,3}\s)?", re.UNICODE)  # "vingt et un"
_STEM = 4  # letters from which on a word may have an ending that the table lacks
_ENDING = r"\w{0,3}"

_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")

_HAN_DIGITS = {
    character: value
    for value, characters in enumerate(
        ("〇零", "一壱壹", "二两兩贰弐", "三叁参", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
    )
    for character in characters
}
_HAN_UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_HAN_MYRIADS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8, "憶": 10**8, "兆": 10**12}
_HAN_RUN = re.compile(f"[{''.join((*_HAN_DIGITS, *_HAN_UNITS, *_HAN_MYRIADS))}廿]+")


@dataclass(frozen=True)
class NumberWords:
    """Words of one language (FLORES-200 code), as lower-case NFKC texts by their value.

    Attributes:
        language: FLORES-200 code.
        numbers: value by word.
        scales: power of ten, or lakh and crore, by word.
        months: number of the month by name.
        morning: words for the time before noon.
        afternoon: words for the time after noon.
        minus: words for negative numbers and for degrees below zero.
    """

    language: str
    numbers: dict[str, int]
    scales: dict[str, int]
    months: dict[str, int]
    morning: tuple[str, ...]
    afternoon: tuple[str, ...]
    minus: tuple[str, ...]

    def values(self, text: str) -> Iterator[float]:
        """Yield the numbers that a text has in words; in lower case NFKC."""
        if self.language in _HAN_LANGUAGES:
            for match in _HAN_RUN.finditer(text):
                yield from han_values(match.group())
        yield from self._in_words(text)

        for match in self._scale_alone.finditer(text) if self._scale_alone else ():
            yield float(self.scales[match[1]])

    def _in_words(self, text: str) -> Iterator[float]:
        """Yield the values of words, neighbours that belong together as one: vingt et un, is 21."""
        if self._number is None:
            return
        total, previous, end = 0.0, 0, -1
        for match in self._number.finditer(text):
            value = self.numbers[match[1]]
            joined = end >= 0 and _JOINED.fullmatch(text, end, match.start()) is not None
            if joined and _adds(previous, value, self.language):
                total += value
            elif joined and value == 100 and 1 < previous < 10:
                total, value = total - previous + previous * 100, previous * 100
            else:
                if end >= 0:
                    yield total
                total = float(value * self.scale_before(text, match.start()))
            scale, scale_end = self.scale_after(text, match.end())
            total *= scale
            previous, end = value if scale == 1 else 0, max(match.end(), scale_end)
        if end >= 0:
            yield total

    def scale_after(self, text: str, place: int) -> tuple[int, int]:
        """Return the scale whose word follows a place of the text, and its end; 1 where there is none."""
        scale, end = 1, place
        while self._scale is not None and (match := self._scale.match(text, end)):
            scale *= self.scales[match[1]]
            end = match.end()
        return scale, end

    def scale_before(self, text: str, place: int) -> int:
        """Return the scale whose word stands right before a place (Swahili `milioni 5`), or 1."""
        if self.language not in _SCALE_FIRST or self._scale_end is None:
            return 1
        match = self._scale_end.search(text[max(0, place - 24) : place])
        return self.scales[match[1]] if match else 1

    @cached_property
    def _number(self) -> re.Pattern[str] | None:
        words = self.numbers
        if self.language in _HAN_LANGUAGES:  # `han_values` reads what is written in numerals alone
            words = {word: words[word] for word in words if not _HAN_RUN.search(word)}
        return self._pattern(words, _prefix(self.language), "")

    @cached_property
    def _scale(self) -> re.Pattern[str] | None:
        return self._pattern(self.scales, "", r"[\s\u200c-]*[多余餘几幾数來来]?")

    @cached_property
    def _scale_alone(self) -> re.Pattern[str] | None:
        """Scales by themselves: more than a thousand is свыше тысячи."""
        if not self.scales or not get_language(self.language).spaced:
            return None
        return re.compile(rf"(?<!\w)({_alternatives(self.scales)})(?!\w)")

    @cached_property
    def _scale_end(self) -> re.Pattern[str] | None:
        if not self.scales:
            return None
        return re.compile(rf"(?<!\w)({_alternatives(self.scales)})\s+$")

    def _pattern(self, words: dict[str, int], prefix: str, blanks: str) -> re.Pattern[str] | None:
        if not words:
            return None
        if not get_language(self.language).spaced:
            return re.compile(f"{blanks}({_alternatives(words)})")
        if self.language == "kor_Hang":
            return re.compile(rf"{blanks}({_alternatives(words)})(?![가-힣]{{4}})")
        long = [word for word in words if len(word) >= _STEM]
        short = [word for word in words if len(word) < _STEM]
        # Within words that are written together ("hundertfünf"), no boundary can be asked for.
        ends = [f"(?:{_alternatives(long)})(?={_ENDING}(?!\\w))"] if long else []
        ends += [f"(?:{_alternatives(short)})(?!\\w)"] if short else []
        boundary = "" if blanks else r"(?<!\w)"
        return re.compile(rf"{blanks}{boundary}{prefix}({'|'.join(ends)})" + r"(?:\w{0,3}(?!\w))?")


@cache
def number_words(language: str) -> NumberWords:
    """Return the words of a language (FLORES-200 code); empty where the table has none."""
    kinds: dict[str, dict[str, int]] = {}
    for row in _rows().get(language, ()):
        words = kinds.setdefault(row["kind"], {})
        for word in row["words"].split("|"):
            words.setdefault(word, int(row["value"] or 0))
    return NumberWords(
        language=language,
        numbers=kinds.get("number", {}),
        scales=kinds.get("scale", {}),
        months=kinds.get("month", {}),
        morning=tuple(kinds.get("morning", ())),
        afternoon=tuple(kinds.get("afternoon", ())),
        minus=tuple(kinds.get("minus", ())),
    )


def plain(text: str) -> str:
    """Return a text as the table's words are written: lower case, NFKC, no soft hyphens."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text.lower()))


def han_values(run: str) -> Iterator[float]:
    """Yield the value of a run of Chinese numerals: 一百五十万 is 1,500,000; of 二〇一九, 2019."""
    if len(run) > 1 and all(character in _HAN_DIGITS for character in run):
        yield float("".join(str(_HAN_DIGITS[character]) for character in run))
        yield from (float(_HAN_DIGITS[character]) for character in run)
        return
    total, section, digit = 0, 0, 0
    for character in run.replace("廿", "二十"):
        if character in _HAN_DIGITS:
            digit = _HAN_DIGITS[character]
        elif character in _HAN_UNITS:
            section += (digit or 1) * _HAN_UNITS[character]
            digit = 0
        else:
            total = (total + section + digit or 1) * _HAN_MYRIADS[character]
            section = digit = 0
    yield float(total + section + digit)


def _adds(tens: int, units: int, language: str) -> bool:
    if tens == 10 and language in _TEN_AND:
        return units < 10
    return (tens >= 20 and tens % 10 == 0 and units < 10) or (tens >= 100 and units < 100)


def _prefix(language: str) -> str:
    return _PREFIXES.get(language) or _PREFIXES.get(get_language(language).script, "")


def _alternatives(words: dict[str, int] | list[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


@lru_cache(maxsize=1)
def _rows() -> dict[str, list[dict[str, str]]]:
    by_language: dict[str, list[dict[str, str]]] = {}
    with _TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_language.setdefault(row["language"], []).append(row)
    return by_language
