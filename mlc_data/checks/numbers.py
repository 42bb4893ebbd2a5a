"""Numbers of a prompt that a translation has: in digits of any script, in words, with their scale.

"1.5 million" becomes "150" and a word, "3 p.m." becomes "15", "World War 2" the Second World War, "Jan" becomes
"1". What changes a value is not allowed: a power of ten without its word, another decimal point, a lost
minus, morning instead of afternoon.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from mlc_data.checks import halves
from mlc_data.checks.digits import Digits, digits, readable
from mlc_data.checks.month_names import MONTH, months, named_months
from mlc_data.checks.number_words import NumberWords, number_words
from mlc_data.checks.prompt_numbers import PromptNumber, prompt_numbers, romans
from mlc_data.text.spans import spans

HAS_NUMBER = re.compile(rf"[\d½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]|\b[IVXLC]{{2,}}\b|{MONTH}")
"""Found in every text with a number or an English month that is compared."""

# Hours are counted from six there: 7am is saa 1 asubuhi.
_CLOCK = {"swh_Latn": (6, -6), "amh_Ethi": (6, -6), "tha_Thai": (-6, -12)}
_DUAL = frozenset({"arb_Arab", "acm_Arab", "acq_Arab", "aeb_Arab", "ajp_Arab", "apc_Arab", "ars_Arab",
                   "ary_Arab", "arz_Arab", "heb_Hebr"})  # fmt: skip
# Years of other calendars, minus ours, with a word that must be there: Thai 2567, Nepali 2081, Iranian 1403.
_ERAS: dict[str, tuple[tuple[str, int], ...]] = {
    **dict.fromkeys(("tha_Thai", "lao_Laoo", "khm_Khmr"), (("", 543),)),
    "npi_Deva": (("", 56), ("", 57)),
    **dict.fromkeys(("pes_Arab", "prs_Arab", "pbt_Arab"), (("", -621), ("", -622))),
    **dict.fromkeys(("amh_Ethi", "tir_Ethi"), (("", -7), ("", -8))),
    "zho_Hant": (("民國", -1911),),
    "jpn_Jpan": (("令和", -2018), ("平成", -1988), ("昭和", -1925), ("大正", -1911)),
}
_ABOUT = 0.12  # share by which a converted number may be rounded
_SAID = frozenset({"15", "30", "45"})  # minutes that have names


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
    wanted, explained = prompt_numbers(source)
    for span in spans(source):
        text = text.replace(span, " ")
    compared = _Comparison(text, language)
    other_month = compared.other_month(months(source), wanted)
    numbers, there, added = compared.of(wanted, explained)
    return numbers + other_month, there, added


class _Comparison:
    """A translation whose numbers are taken one by one."""

    def __init__(self, text: str, language: str) -> None:
        self.text = halves.apart(readable(text), language)
        self.language = language
        self.words: NumberWords = number_words(language) if language else number_words("eng_Latn")
        self.left = digits(self.text, self.words)
        self.romans = Counter(romans(text))
        self.spelled: Counter[float] | None = None
        self.twelve_hours = False  # whether 21:45 was found as 9:45

    def of(
        self, wanted: tuple[PromptNumber, ...], explained: frozenset[float]
    ) -> tuple[int, int, int]:
        """Return wanted, present and added, as `compare`."""
        lost = [number for number in wanted if not self._take(number)]
        lost = [number for number in lost if not self._take_together(number)]
        lost = [number for number in lost if not self._take_converted(number)]
        lost = [number for number in lost if not self._take_halved(number)]
        pool = Counter(part for number in self.left for part in number.parts)
        lost = [number for number in lost if not self._take_parts(number, pool)]
        lost = [number for number in lost if not self._take_words(number)]
        added = self._added(pool, explained)
        hard = [number for number in lost if not (number.soft or self._dual(number))]
        if len(hard) < len(lost) and (added or self._another_in_its_place(lost, explained)):
            hard = lost
        wrong_day_part = self._other_day_part(wanted)
        counted = len(wanted) - (len(lost) - len(hard))
        return counted, counted - len(hard) - (wrong_day_part and len(hard) < counted), added

    def _another_in_its_place(self, lost: list[PromptNumber], explained: frozenset[float]) -> bool:
        """Return whether the text has an ordinal or a Roman numeral that the prompt does not explain."""
        if not any(number.roman or number.ordinal for number in lost):
            return False
        if self.romans.total() > 0 or any(self.words.ordinals(self.text)):
            return True
        # One is an article in many languages, and large Chinese numerals are words: 千万, 万一.
        left = {value for value, count in self._spelled().items() if count > 0}
        for number in lost:
            if number.ordinal and any(
                value - one in left for value in number.values for one in left
            ):
                continue  # in two words: التاسع عشر
            if number.ordinal and any(1 < value < 1000 for value in left - explained):
                return True
        return False

    def _take(self, number: PromptNumber) -> bool:
        """Remove a number with the same value; return whether it was there."""
        values = number.values | self._customary(number)
        parts = {*number.parts, *self._customary_times(number)}
        for index, one in enumerate(self.left):
            if not _same(values, one.values) and not (len(one.parts) > 1 and one.parts in parts):
                continue
            if not self._same_sign(number, one):
                continue
            del self.left[index]
            self.twelve_hours |= number.afternoon and int(one.parts[0]) < 12
            return True
        return False

    def _customary(self, number: PromptNumber) -> set[float]:
        """Return values that the language's own calendar and clock have for a number."""
        extra = set[float]()
        for word, years in _ERAS.get(self.language, ()):
            if word in self.text:
                extra |= {value + years for value in number.values if 1000 <= value <= 2200}
        if number.meridiem or (number.digits is not None and number.digits.kind == "time"):
            hours = {value for value in number.values if value <= 24}
            extra |= {
                (hour + step - 1) % 12 + 1
                for hour in hours
                for step in _CLOCK.get(self.language, ())
            }
        return {value for value in extra if value > 0}

    def _customary_times(self, number: PromptNumber) -> Iterator[tuple[str, ...]]:
        """Yield the parts of a time as the language's own clock has it."""
        if number.digits is not None and number.digits.kind == "time":
            hour, *rest = number.digits.parts
            for step in _CLOCK.get(self.language, ()):
                yield (str((int(hour) + step - 1) % 12 + 1), *rest)

    def _dual(self, number: PromptNumber) -> bool:
        """Return whether the language writes the number two within the noun: two books, كتابان."""
        return self.language in _DUAL and 2.0 in number.values

    def _take_converted(self, number: PromptNumber) -> bool:
        """Remove a number in another unit; return whether there is one."""
        for value in number.converted:
            for index, one in enumerate(self.left):
                if any(abs(there - value) <= _ABOUT * value for there in one.values):
                    del self.left[index]
                    return True
        return False

    def _same_sign(self, number: PromptNumber, one: Digits) -> bool:
        wanted = number.digits
        if wanted is None:
            return True
        if number.negative and not (one.negative or one.dashed):
            return not self.words.minus or any(word in self.text for word in self.words.minus)
        return not (one.negative and not wanted.dashed and not number.negative)

    def _take_together(self, number: PromptNumber) -> bool:
        """Remove two neighbours that make a number together: 1億5000万, 2 lakh 50 thousand."""
        for index, (one, two) in enumerate(zip(self.left, self.left[1:], strict=False)):
            if not one.scaled or two.start - one.end > 12:
                continue
            sums = {a + b for a in one.values for b in two.values if a > b}
            if _same(number.values, sums):
                del self.left[index : index + 2]
                return True
        return False

    def _take_parts(self, number: PromptNumber, pool: Counter[str]) -> bool:
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

    def _take_date(self, number: PromptNumber, pool: Counter[str]) -> bool:
        """Remove a date whose month the text has by name; return whether it was there."""
        for parts in number.parts if self.words.months else ():
            for month in parts if len(parts) == 3 or (len(parts) == 2 and number.soft) else ():
                rest = Counter(parts) - Counter([month])
                if month in self.months() and all(pool[part] >= n for part, n in rest.items()):
                    pool.subtract(rest)
                    return True
        return False

    def other_month(self, wanted: frozenset[int], numbers: tuple[PromptNumber, ...]) -> bool:
        """Return whether the text names months and none of those that the prompt has."""
        written = Counter(part for one in self.left for part in one.parts)
        written -= Counter(part for one in numbers for part in (*one.parts, ())[0])
        if not wanted or any(written[str(month)] > 0 for month in wanted):
            return False
        named = named_months(self.text, self.words)
        return bool(named) and named.isdisjoint(wanted)

    def months(self) -> set[str]:
        """Return the numbers of the months that the text names."""
        return {str(month) for name, month in self.words.months.items() if name in self.text}

    def _take_time(self, number: PromptNumber, there: Callable[[str], bool]) -> bool:
        """Return whether the text has the hour of a time that a language says as half past or a quarter to."""
        if number.digits is None or number.digits.kind != "time":
            return False
        minutes = number.digits.parts[1]
        hours = {parts[0] for parts in number.parts}
        return (minutes in _SAID or there(minutes)) and any(there(hour) for hour in hours)

    def _take_words(self, number: PromptNumber) -> bool:
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

    def _take_halved(self, number: PromptNumber) -> bool:
        """Remove a number that makes another with a half or a quarter in words: two hours and a half."""
        for value in number.values:
            for rest in halves.halved(value, self.text, self.words):
                if not rest:
                    return True
                for index, one in enumerate(self.left):
                    if _same(rest, one.values):
                        del self.left[index]
                        return True
                spelled = self._spelled()
                if found := next((each for each in rest if spelled[each] > 0), None):
                    spelled[found] -= 1
                    return True
        return False

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

    def _other_day_part(self, wanted: tuple[PromptNumber, ...]) -> bool:
        """Return whether the text says morning where the prompt says afternoon, or the reverse."""
        given = {number.meridiem for number in wanted if number.meridiem}
        given |= {"p"} if self.twelve_hours else set()
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
