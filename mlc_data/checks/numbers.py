"""Numbers in a text, and which of a prompt's numbers a translation has.

Scripts have their own digits, languages their own separators, and some numbers change on their way:
"1.5 million" becomes "150" and a word, "3 p.m." becomes "15", "May" becomes "5".
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

from mlc_data.checks.spans import ascii_digits, without_spans

_NUMBER = re.compile(r"\d+(?:[.,'’٫٬\u00a0\u202f]\d+)*", re.ASCII)
_SEPARATOR = re.compile(r"\D+", re.ASCII)
_SCALED = re.compile(
    r"(\d[\d.,]*)[\s-]*(?:hundred|thousand|million|billion|trillion|bn|tn|mn|m|k)\b",
    re.IGNORECASE | re.ASCII,
)
_AFTERNOON = re.compile(r"\bp\.?m\b|\dp\.?m\b", re.IGNORECASE)
_DECADE = re.compile(r"\b\d*(\d0)['’]?s\b")

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
_HAN = dict(
    zip("123456789", ("一", "二两兩", "三", "四", "五", "六", "七", "八", "九"), strict=True)
)
_HAN["10"] = "十"


def numbers(text: str) -> list[str]:
    """The numbers of a text in order, as ASCII digits with their separators; none from addresses."""
    return _NUMBER.findall(ascii_digits(without_spans(text)))


def compare(source: str, text: str) -> tuple[int, int, int]:
    """Of the numbers of ``source``: how many, and how many of them ``text`` has.

    Returns:
        The two, and how many numbers ``text`` has that ``source`` has neither in digits nor in
        English words.
    """
    wanted, spelled = _of_source(source)
    there = numbers(text)
    whole = Counter(map(_bare, there))
    left = [options for options in wanted if not _take(options, whole)]
    # "7:30" may be "7.30", and "1,000" may be "1 000": compare what is left part by part.
    parts = Counter(part for number in whole.elements() for part in _split(number, there))
    lost = 0
    for options in left:
        pieces = _SEPARATOR.split(options[0])
        if all(parts[piece] >= count for piece, count in Counter(pieces).items()):
            parts.subtract(pieces)
        elif not any(character in text for character in _HAN.get(options[0], "")):
            lost += 1
    added = [number for number in parts.elements() if number not in spelled]
    return len(wanted), len(wanted) - lost, len(added)


def _bare(number: str) -> str:
    return _SEPARATOR.sub("", number)


def _split(number: str, there: list[str]) -> list[str]:
    """The parts of the number as it stands in the text."""
    for written in there:
        if _bare(written) == number:
            return _SEPARATOR.split(written)
    return [number]


def _take(options: tuple[str, ...], there: Counter[str]) -> bool:
    for option in map(_bare, options):
        if there[option] > 0:
            there[option] -= 1
            return True
    # A scaled number has the same digits but for the zeros at its ends.
    if len(options) > 1 and not options[-1]:
        digits = _bare(options[0]).strip("0")
        for number, count in there.items():
            if count > 0 and number.strip("0") == digits:
                there[number] -= 1
                return True
    return False


@lru_cache(maxsize=4096)
def _of_source(source: str) -> tuple[tuple[tuple[str, ...], ...], frozenset[str]]:
    """Each number of the prompt with other forms it may take, and the numbers it has in words.

    A last form of "" marks a scaled number.
    """
    plain = ascii_digits(without_spans(source))
    scaled = {match.group(1).strip(".,") for match in _SCALED.finditer(plain)}
    decades = set(_DECADE.findall(plain))
    afternoon = bool(_AFTERNOON.search(plain))
    found = []
    for number in numbers(source):
        forms = [number]
        if afternoon and number.isdecimal() and 1 <= int(number) <= 12:
            forms.append(str(int(number) % 12 + 12))
        if number[-2:] in decades:
            forms.append(number[-2:])
        if number in scaled:
            forms.append("")
        found.append(tuple(forms))
    spelled = {
        _IN_WORDS[word] for word in re.findall(r"[a-z]+", plain.lower()) if word in _IN_WORDS
    }
    return tuple(found), frozenset(spelled)
