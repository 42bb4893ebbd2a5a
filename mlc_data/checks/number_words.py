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
from mlc_data.text.magnitudes import as_float, countable

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
# Languages that put units before tens, in words of their own: خمسة وعشرين.
_UNITS_FIRST = frozenset({"arb_Arab"})
# Languages whose 11 to 19 are ten and a number that agrees with its noun: kumi na minane.
_TEN_AND = frozenset({"swh_Latn"})
_JOINED = re.compile(r"[\s\u200c-]*(?:[^\W\d]{1,3}\s)?", re.UNICODE)  # "vingt et un"
# The end of a word that the table lacks: двадцати, zweites; short words have none.
_STEM = 4
_ENDING = re.compile(r"\w{0,3}(?!\w)")
_COUNTER = re.compile(r"\w?(?!\w)")
_NO_ENDING = re.compile(r"(?!\w)")
_ANYTHING = re.compile("")
_SHORTEST_INNER = 3

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
_HAN_ORDINAL = re.compile(f"第({_HAN_RUN.pattern})")


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
        """Yield the numbers that a text has in words, as `plain` gives it: vingt et un is 21 alone."""
        return countable(self._values(text))

    def _values(self, text: str) -> Iterator[float]:
        if self.language in _HAN_LANGUAGES:
            for match in _HAN_RUN.finditer(text):
                yield from han_values(match.group())
        group, end = list[int](), -1
        for start, stop, values in self._words(text):
            joined = end >= 0 and _JOINED.fullmatch(text, end, start) is not None
            if not joined:
                yield from self._sums(group)
                group = []
            group += values
            end = stop
        yield from self._sums(group)

    def _words(self, text: str) -> Iterator[tuple[int, int, list[int]]]:
        """Yield start, end and values of words for numbers and scales, those that are written together as one."""
        if self._word is None:
            return
        place = 0
        while match := self._word.search(text, place):
            last, end = match[1], match.end()
            values = [self._value_of(last)]
            while self._inner is not None and (more := self._inner.match(text, end)):
                last, end = more[0], more.end()
                values.append(self._value_of(last))
            ending = self._ending(last).match(text, end)
            place = match.start() + 1
            if ending is not None:
                yield match.start(), ending.end(), values
                place = max(place, end)

    def _ending(self, word: str) -> re.Pattern[str]:
        if not self.spaced:
            return _ANYTHING
        if self.language == "kor_Hang":
            return _ENDING if len(word) > 1 else _COUNTER
        return _ENDING if len(word) >= _STEM else _NO_ENDING

    def _value_of(self, word: str) -> int:
        return self.numbers[word] if word in self.numbers else self.scales[word]

    def _sums(self, values: list[int]) -> Iterator[float]:
        """Yield the numbers that neighbouring words make: 2, 1000, 500 is 2500; 3, 5 are two numbers."""
        total = section = 0
        pending = 0
        for value in values:
            if pending:  # elfu tano
                total += pending * value if value < 1000 else pending
                pending = 0
            elif value >= 1000 and self.language in _SCALE_FIRST and not section:
                pending = value
            elif value >= 1000:
                before = total + section
                total = before * value if 0 < before < value else total + (section or 1) * value
                section = 0
            elif value == 100 and 1 < section < 10:
                section *= 100
            elif not section or self._adds(section, value):
                section += value
            else:
                yield as_float(total + section)
                total, section = 0, value
        if values:
            yield as_float(total + section + pending)

    def _adds(self, section: int, value: int) -> bool:
        """Return whether a number has room for a smaller one: twenty for five, two hundred for fifty."""
        if self.language in _UNITS_FIRST and section % 100 < 10 and section % 100:
            return 20 <= value < 100 and value % 10 == 0
        if section == 10:
            return value < 10 and self.language in _TEN_AND
        return bool(section % 10 ** len(str(value)) == 0)

    def scale_after(self, text: str, place: int) -> int:
        """Return the scale whose word follows a place of the text; 1 where there is none."""
        scale = 1
        while self._scale is not None and (match := self._scale.match(text, place)):
            scale *= self.scales[match[1]]
            place = match.end()
        return scale

    def scale_before(self, text: str, place: int) -> int:
        """Return the scale whose word stands right before a place (Swahili `milioni 5`), or 1."""
        if self.language not in _SCALE_FIRST or self._scale_end is None:
            return 1
        match = self._scale_end.search(text[max(0, place - 24) : place])
        return self.scales[match[1]] if match else 1

    def ordinals(self, text: str) -> Iterator[float]:
        """Yield the ordinals that a Chinese or Japanese text has in words: of 第二次, 2."""
        if self.language in _HAN_LANGUAGES:
            for match in _HAN_ORDINAL.finditer(text):
                yield from han_values(match[1])

    @cached_property
    def spaced(self) -> bool:
        """True if the language puts blanks between words."""
        return get_language(self.language).spaced

    @cached_property
    def _word(self) -> re.Pattern[str] | None:
        """A word for a number or a scale at the beginning of a word, with the articles before it."""
        words = self._all_words()
        if not words:
            return None
        boundary = r"(?<!\w)" if self.spaced and self.language != "kor_Hang" else ""
        return re.compile(f"{boundary}{_prefix(self.language)}({_alternatives(words)})")

    @cached_property
    def _inner(self) -> re.Pattern[str] | None:
        """A word for a number or a scale within a word: zwei|hundert|fünfzig."""
        words = [word for word in self._all_words() if len(word) >= _SHORTEST_INNER]
        return re.compile(_alternatives(words)) if words else None

    @cached_property
    def _scale(self) -> re.Pattern[str] | None:
        if not self.scales:
            return None
        begun = r"[\s\u200c-]*[多余餘几幾數来來]?"
        if not self.spaced or self.language == "kor_Hang":
            return re.compile(f"{begun}({_alternatives(self.scales)})")
        long = [word for word in self.scales if len(word) >= _STEM]
        short = [word for word in self.scales if len(word) < _STEM]
        either = [rf"(?:{_alternatives(long)})(?=\w{{0,3}}(?!\w))"] if long else []
        either += [rf"(?:{_alternatives(short)})(?!\w)"] if short else []
        return re.compile(f"{begun}({'|'.join(either)})")

    @cached_property
    def _scale_end(self) -> re.Pattern[str] | None:
        if not self.scales:
            return None
        return re.compile(rf"(?<!\w)({_alternatives(self.scales)})\s+$")

    def _all_words(self) -> list[str]:
        words = [*self.numbers, *self.scales]
        if self.language in _HAN_LANGUAGES:  # `han_values` reads what is written in numerals alone
            words = [word for word in words if not _HAN_RUN.search(word)]
        return words


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
    yield as_float(total + section + digit)


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
