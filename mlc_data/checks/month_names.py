"""Months that a prompt names, and months that its translation names."""

from __future__ import annotations

import re

from mlc_data.checks.number_words import NumberWords, han_values

_ENGLISH = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# May, March, June and Jan are other words and names, too: a month has a day, a year or a preposition.
_NAME = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_BEFORE = (
    r"(?<![\w'’-])(?:(?:in|of|since|until|till|by|from|last|next|this|every|early|late|during|before|after)"
    r"\s|\d{1,2}(?:st|nd|rd|th)?\s)"
)
MONTH = rf"{_BEFORE}{_NAME}|\b{_NAME}\s\d"
"""Expression that finds a month of an English text."""
_MONTH = re.compile(MONTH)
_LETTERS = re.compile(r"[A-Z][a-z]{2}")
_NUMBERED = re.compile(
    r"(?<!\d)(\d{1,2})\s?(?:月|월)|(?<![\w])tháng\s(\d{1,2})(?!\d)|([一二三四五六七八九十]{1,2})月"
)
_SHORTEST = 3


def months(source: str) -> frozenset[int]:
    """Return the months (1 to 12) that an English text names."""
    names = (_LETTERS.search(match[0]) for match in _MONTH.finditer(source))
    return frozenset(_ENGLISH.index(name[0].lower()) + 1 for name in names if name)


def named_months(text: str, words: NumberWords) -> frozenset[int]:
    """Return the months that a text names, by name or as in 10月.

    Args:
        text: as `digits.readable` gives it.
        words: of its language.
    """
    boundary = r"(?<!\w)" if words.spaced else ""
    found = {
        month
        for name, month in words.months.items()
        if name in text and len(name) >= _SHORTEST and re.search(boundary + re.escape(name), text)
    }
    for western, vietnamese, chinese in _NUMBERED.findall(text):
        if written := western or vietnamese:
            found.add(int(written))
        else:
            found.update(int(value) for value in han_values(chinese))
    return frozenset(found)
