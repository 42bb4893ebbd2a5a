"""Numbers of a prompt that a translation has: in digits of any script, in words, with their scale.

"1.5 million" becomes "150" and a word, "3 p.m." becomes "15", "World War 2" the Second World War, "Jan" becomes
"1". What changes a value is not allowed: a power of ten without its word, another decimal point, a lost
minus, morning instead of afternoon.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from mlc_data.checks.digits import Digits, digits, readable
from mlc_data.checks.number_words import NumberWords, number_words
from mlc_data.text.spans import spans, without_spans_in

HAS_NUMBER = re.compile(r"[\d½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]|\b[IVXLC]{2,}\b")
"""Found in every text with a number that is compared."""

_ROMAN = re.compile(r"\b(?=[ivxlc]{2})(c{0,3})(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})\b")
_UPPER_ROMAN = re.compile(r"\b[IVXLC]{2,}\b")
_ROMAN_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_NO_ROMAN = frozenset({"iv", "vi", "xl", "cc", "li", "xi", "ill", "ii"} - {"ii", "iv", "vi", "xi"})

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
# Hours are counted from six there: 7am is saa 1 asubuhi.
_CLOCK = {"swh_Latn": (6, -6), "amh_Ethi": (6, -6), "tha_Thai": (-6, -12)}
_DUAL = frozenset({"arb_Arab", "acm_Arab", "acq_Arab", "aeb_Arab", "ajp_Arab", "apc_Arab", "ars_Arab",
                   "ary_Arab", "arz_Arab", "heb_Hebr"})  # fmt: skip
_BUDDHIST = {"tha_Thai": 543, "lao_Laoo": 543, "khm_Khmr": 543}
# Units that a translator may convert, with the factors of the usual ones.
_CONVERTED = {
    "inch": (2.54, 25.4), "inches": (2.54, 25.4), "foot": (0.3048, 30.48), "feet": (0.3048, 30.48),
    "yard": (0.9144,), "yards": (0.9144,), "mile": (1.609,), "miles": (1.609,), "mph": (1.609,),
    "pound": (0.4536,), "pounds": (0.4536,), "lb": (0.4536,), "lbs": (0.4536,),
    "ounce": (28.35,), "ounces": (28.35,), "oz": (28.35,), "gallon": (3.785,),
    "gallons": (3.785,), "acre": (0.4047,), "acres": (0.4047, 4047), "ton": (0.907,),
    "tons": (0.907,), "stone": (6.35,),
}  # fmt: skip
_WORD_AFTER = re.compile(r"[\s-]*(?:(?:to|or|and|-)\s*[\d.,]+[\s-]*)?([a-z]+)")
_ABOUT = 0.12  # share by which a converted number may be rounded
_SAID = frozenset({"15", "30", "45"})
_BELOW_ZERO = re.compile(r"(?:minus|negative)\s$")
_YEARS = re.compile(r"(1\d|20)\d\d\s?[-–/]\s?$")

_ENGLISH = number_words("eng_Latn")
_IN_WORDS: dict[str, tuple[float, ...]] = {
    word: (float(number),)
    for number, words in {
        0: "zero midnight none", 1: "one first once single january jan monday a an",
        2: "two second twice both double dual couple pair february feb tuesday bi",
        3: "three third triple thrice march mar wednesday trio",
        4: "four fourth quadruple april apr thursday", 5: "five fifth may friday",
        6: "six sixth june jun saturday", 7: "seven seventh july jul week weeks sunday",
        8: "eight eighth august aug sunday", 9: "nine ninth september sept sep",
        10: "ten tenth october oct decade decades", 11: "eleven eleventh november nov",
        12: "twelve twelfth december dec dozen dozens noon midday", 13: "thirteen", 14: "fourteen fortnight",
        15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen", 20: "twenty score",
        30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety",
        100: "hundred hundreds century centuries", 1000: "thousand thousands", 10**5: "lakh",
        10**6: "million millions", 10**7: "crore", 10**9: "billion billions",
        10**12: "trillion trillions",
    }.items()
    for word in words.split()
} | {
    "half": (50, 0.5, 1, 2, 30), "halves": (50, 0.5, 1, 2), "quarter": (4, 25, 0.25, 1, 15, 3),
    "quarters": (75, 0.75, 3, 4), "third": (3, 1, 33), "thirds": (2, 3, 66, 67),
    "tuesday": (2, 3), "wednesday": (3, 4), "thursday": (4, 5), "friday": (5, 6),
    "saturday": (6, 7), "monday": (1, 2), "sunday": (7, 8, 1),
    "second": (2,), "seconds": (), "both": (2,), "midnight": (0, 12, 24), "noon": (12,),
    "teen": (13, 19, 10), "teenager": (13, 19, 10), "teenagers": (13, 19, 10), "teens": (13, 19, 10),
    "weekly": (1, 7), "daily": (1,), "yearly": (1,), "monthly": (1,), "annual": (1,),
    "biweekly": (2,), "overnight": (1,), "fortnight": (14, 15, 2), "another": (1,),
    "every": (1,), "each": (1,), "per": (1,), "hour": (1, 24, 60), "dozen": (12, 10),
    "dozens": (12, 10), "millennium": (1000,), "twenties": (20,), "thirties": (30,),
    "forties": (40,), "fifties": (50,), "sixties": (60,), "seventies": (70,), "eighties": (80,),
    "nineties": (90,),
}  # fmt: skip
_ENGLISH_UNITS = {
    word: int(values[0])
    for word, values in _IN_WORDS.items()
    if word
    in [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "a",
    ]
}
_ENGLISH_SCALES = {"hundred": 100, "thousand": 1000, "lakh": 10**5, "million": 10**6,
                   "crore": 10**7, "billion": 10**9, "trillion": 10**12}  # fmt: skip


def compare(source: str, text: str, language: str = "") -> tuple[int, int, int]:
    """Compare the numbers of a prompt and of a translation.

    A number that many languages write otherwise (`19th`, `1930s`, `CO2`, `2FA`, `VIII`, `1/2`) is not counted
    where it is missing and no other number stands in its place.

    Args:
        source: the prompt, in English.
        text: the translation.
        language: of the translation (FLORES-200 code); without one, no words are known.

    Returns:
        The number of numbers of ``source``, how many of them ``text`` has, and how many numbers ``text``
        has that ``source`` has neither in digits nor in English words.
    """
    wanted, explained = _of_source(source)
    for span in spans(source):
        text = text.replace(span, " ")
    return _Comparison(text, language).of(wanted, explained)


@dataclass(frozen=True)
class _Number:
    """A number of the prompt.

    Attributes:
        digits: as it is written.
        values: values that may stand for it.
        parts: alternative groups of digits that may stand for it.
        soft: whether languages may write it without a number.
        meridiem: `a`, `p` or empty.
    """

    digits: Digits | None
    values: frozenset[float]
    parts: tuple[tuple[str, ...], ...]
    soft: bool
    meridiem: str = ""
    roman: bool = False
    converted: tuple[float, ...] = ()
    negative: bool = False


class _Comparison:
    """A translation whose numbers are taken one by one."""

    def __init__(self, text: str, language: str) -> None:
        self.text = readable(text)
        self.language = language
        self.words: NumberWords = number_words(language) if language else _ENGLISH
        self.left = digits(self.text, self.words)
        self.romans = Counter(_romans(text))
        self.spelled: Counter[float] | None = None

    def of(self, wanted: tuple[_Number, ...], explained: frozenset[float]) -> tuple[int, int, int]:
        """Return wanted, present and added, as `compare`."""
        lost = [number for number in wanted if not self._take(number)]
        lost = [number for number in lost if not self._take_together(number)]
        lost = [number for number in lost if not self._take_converted(number)]
        pool = Counter(part for number in self.left for part in number.parts)
        lost = [number for number in lost if not self._take_parts(number, pool)]
        lost = [number for number in lost if not self._take_words(number)]
        added = self._added(pool, explained)
        hard = [number for number in lost if not (number.soft or self._dual(number))]
        others = self.romans.total() > 0 or any(self.words.ordinals(self.text))
        romans_left = others and any(number.roman for number in lost)
        if len(hard) < len(lost) and (added or romans_left):
            hard = lost
        wrong_day_part = self._other_day_part(wanted)
        counted = len(wanted) - (len(lost) - len(hard))
        return counted, counted - len(hard) - (wrong_day_part and len(hard) < counted), added

    def _take(self, number: _Number) -> bool:
        """Remove a number with the same value; return whether it was there."""
        values = number.values | self._customary(number)
        parts = {*number.parts, *self._customary_times(number)}
        for index, one in enumerate(self.left):
            if not _same(values, one.values) and not (
                len(one.parts) > 1 and one.parts in parts
            ):
                continue
            if not self._same_sign(number, one):
                continue
            del self.left[index]
            return True
        return False

    def _customary(self, number: _Number) -> set[float]:
        """Return values that the language's own calendar and clock have for a number."""
        extra = set[float]()
        if era := _BUDDHIST.get(self.language):
            extra |= {value + era for value in number.values if 1000 <= value <= 2200}
        if number.meridiem or (number.digits is not None and number.digits.kind == "time"):
            hours = {value for value in number.values if value <= 24}
            extra |= {
                (hour + step - 1) % 12 + 1
                for hour in hours
                for step in _CLOCK.get(self.language, ())
            }
        return {value for value in extra if value > 0}

    def _customary_times(self, number: _Number) -> Iterator[tuple[str, ...]]:
        """Yield the parts of a time as the language's own clock has it."""
        if number.digits is not None and number.digits.kind == "time":
            hour, *rest = number.digits.parts
            for step in _CLOCK.get(self.language, ()):
                yield (str((int(hour) + step - 1) % 12 + 1), *rest)

    def _dual(self, number: _Number) -> bool:
        """Return whether the language writes the number two within the noun: two books, كتابان."""
        return self.language in _DUAL and 2.0 in number.values

    def _take_converted(self, number: _Number) -> bool:
        """Remove a number in another unit; return whether there is one."""
        for value in number.converted:
            for index, one in enumerate(self.left):
                if any(abs(there - value) <= _ABOUT * value for there in one.values):
                    del self.left[index]
                    return True
        return False

    def _same_sign(self, number: _Number, one: Digits) -> bool:
        wanted = number.digits
        if wanted is None:
            return True
        if number.negative and not (one.negative or one.dashed):
            return not self.words.minus or any(word in self.text for word in self.words.minus)
        return not (one.negative and not wanted.dashed and not number.negative)

    def _take_together(self, number: _Number) -> bool:
        """Remove two neighbours that make a number together: 1億5000万, 2 lakh 50 thousand."""
        for index, (one, two) in enumerate(zip(self.left, self.left[1:], strict=False)):
            if not one.scaled or two.start - one.end > 12:
                continue
            sums = {a + b for a in one.values for b in two.values if a > b}
            if _same(number.values, sums):
                del self.left[index : index + 2]
                return True
        return False

    def _take_parts(self, number: _Number, pool: Counter[str]) -> bool:
        """Remove a number's parts from the pool of those that are left; return whether they were there."""
        dates = {part for one in self.left if one.kind == "fraction" or len(one.parts) > 2
                 for part in one.parts}  # fmt: skip
        for parts in number.parts:
            if len(parts) < 2 and parts[0] not in dates:
                continue
            needed = Counter(parts)
            if all(pool[part] >= count for part, count in needed.items()):
                pool.subtract(needed)
                return True
        return self._take_date(number, pool) or self._take_time(number, lambda part: pool[part] > 0)

    def _take_date(self, number: _Number, pool: Counter[str]) -> bool:
        """Remove a date whose month the text has by name; return whether it was there."""
        for parts in number.parts if self.words.months else ():
            for month in parts if len(parts) == 3 or (len(parts) == 2 and number.soft) else ():
                rest = Counter(parts) - Counter([month])
                if month in self.months() and all(pool[part] >= n for part, n in rest.items()):
                    pool.subtract(rest)
                    return True
        return False

    def months(self) -> set[str]:
        """Return the numbers of the months that the text names."""
        return {str(month) for name, month in self.words.months.items() if name in self.text}

    def _take_time(self, number: _Number, there: Callable[[str], bool]) -> bool:
        """Return whether the text has the hour of a time that a language says as half past or a quarter to."""
        if number.digits is None or number.digits.kind != "time":
            return False
        minutes = number.digits.parts[1]
        hours = {parts[0] for parts in number.parts}
        return (minutes in _SAID or there(minutes)) and any(there(hour) for hour in hours)

    def _take_words(self, number: _Number) -> bool:
        """Remove a number that the text has in words or as a Roman numeral."""
        for value in number.values:
            if self.romans[value] > 0:
                self.romans[value] -= 1
                return True
        spelled = self._spelled()
        for value in number.values | self._customary(number):
            if spelled[value] > 0:
                spelled[value] -= 1
                return True
        for parts in number.parts:
            if len(parts) > 1 and all(spelled[float(part)] > 0 for part in parts):
                return True
        return self._take_time(number, lambda part: self._spelled()[float(part)] > 0)

    def _spelled(self) -> Counter[float]:
        if self.spelled is None:
            self.spelled = Counter(self.words.values(self.text))
        return self.spelled

    def _added(self, pool: Counter[str], explained: frozenset[float]) -> int:
        """Return the number of groups of digits that nothing in the prompt explains."""
        count = 0
        for one in self.left:
            if _same(explained, one.values) or all(part == "" for part in one.parts):
                for part in one.parts:
                    pool[part] -= 1
        for part, times in pool.items():
            if times > 0 and float(part) not in explained and part != "0":
                count += times
        return count

    def _other_day_part(self, wanted: tuple[_Number, ...]) -> bool:
        """Return whether the text says morning where the prompt says afternoon, or the reverse."""
        given = {number.meridiem for number in wanted if number.meridiem}
        if len(given) != 1 or not (self.words.morning and self.words.afternoon):
            return False
        said, other = (
            (self.words.afternoon, self.words.morning)
            if given == {"p"}
            else (self.words.morning, self.words.afternoon)
        )
        return self._says(other) and not self._says(said)

    def _says(self, words: tuple[str, ...]) -> bool:
        boundary = r"(?<![^\W\d])" if self.words.spaced else ""
        return any(re.search(boundary + re.escape(word), self.text) for word in words)


def _same(wanted: frozenset[float], values: frozenset[float] | set[float]) -> bool:
    if wanted & values:
        return True
    return any(abs(a - b) <= 1e-9 * max(abs(a), 1.0) for a in wanted for b in values if a != int(a))


def _decimal(one: Digits) -> bool:
    return len(one.parts) == 2 and not one.kind and bool(one.readings)


@lru_cache(maxsize=4096)
def _of_source(source: str) -> tuple[tuple[_Number, ...], frozenset[float]]:
    """Return the numbers of the prompt, and the values that it has in English words."""
    bare = without_spans_in(source)
    text = readable(bare)
    found = digits(text, _ENGLISH, english=True)
    afternoon = any(
        m[1] == "p" for m in map(lambda one: _MERIDIEM.match(text, one.end), found) if m
    )
    late = afternoon or _EVENING.search(text) is not None
    numbers = [_number(one, text, late) for one in found]
    numbers += [
        _Number(None, frozenset({value}), ((str(int(value)),),), True, roman=True)
        for value in _romans(bare)
    ]
    return tuple(numbers), frozenset(_spelled(text))


def _number(one: Digits, text: str, late: bool) -> _Number:
    values = set(one.values)
    meridiem = _MERIDIEM.match(text, one.end)
    ordinal, plural = _ORDINAL.match(text, one.end), _PLURAL.match(text, one.end)
    parts = {one.parts} if not _decimal(one) else set()
    hour = int(one.parts[0])
    if (late if meridiem is None else meridiem[1] == "p") and 1 <= hour <= 12:
        parts |= {(str(hour % 12 + 12), *one.parts[1:])}
        values |= {value % 12 + 12 for value in one.readings if value <= 12}
    if meridiem is not None and hour == 12:
        other = {"a": (0.0, 24.0), "p": (12.0,)}[meridiem[1]]
        values |= set(other) if not any(int(part) for part in one.parts[1:]) else set()
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
    return _Number(
        digits=one,
        values=frozenset(values),
        parts=tuple(parts),
        soft=bool(ordinal or plural)
        or _in_name(one, text)
        or one.kind in ("fraction", "mixed")
        or one.readings == {1.0},
        meridiem=meridiem[1] if meridiem and hour <= 12 else "",
        converted=_converted(one, text),
        negative=one.negative or _BELOW_ZERO.search(text[max(0, one.start - 10) : one.start]) is not None,
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


def _romans(text: str) -> Iterator[float]:
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
        yield from _IN_WORDS.get(word, ())
        if word in _ENGLISH_SCALES:
            section = (section or 1) * _ENGLISH_SCALES[word]
            yield total + section
            if section >= 1000:
                total, section = total + section, 0.0
        elif word in _ENGLISH_UNITS:
            section += _ENGLISH_UNITS[word]
            yield total + section
        elif word != "and":
            total = section = 0.0
