"""Halves and quarters that a language says in words: anderthalb, deux heures et demie, साढ़े सात लाख."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mlc_data.checks.number_words import NumberWords, plain
from mlc_data.languages.flores import get_language

_TABLE: dict[str, dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "data" / "halves.json").read_text("utf-8")
)
_WHOLE = "whole"  # words that stand for one and a half, two and a half
_QUARTERS = 4
_GREATEST = 1000


@cache
def _patterns(language: str) -> dict[str, re.Pattern[str]]:
    """Return what to look for by the value that it adds, as text; empty where the table has nothing."""
    boundary = r"(?<!\w)" if get_language(language).spaced else ""
    table = _TABLE.get(language, {})
    return {
        key: re.compile(f"{boundary}(?:{plain('|'.join(words))})") for key, words in table.items()
    }


def apart(text: str, language: str) -> str:
    """Return a text whose halves are words of their own: zweieinhalb is zwei halb."""
    if language == "deu_Latn":
        return re.sub(r"(?<=\w\w)einhalb", " halb", text)
    if language == "nld_Latn":
        return re.sub(r"(?<=\w\w)[eë]nhalf", " half", text)
    return text


def halved(value: float, text: str, words: NumberWords) -> Iterator[frozenset[float]]:
    """Yield the numbers one of which, with a half or a quarter that the text says, makes a value.

    An empty set means that the words make the value alone: anderthalb is 1.5, an hour and a half has no one.

    Args:
        value: a number of the prompt.
        text: the translation, as `digits.readable` gives it.
        words: of its language.
    """
    patterns = _patterns(words.language)
    scales = {1, *(scale for word, scale in words.scales.items() if word in text)}
    for scale in scales if patterns else ():
        scaled = value / scale
        if scaled * _QUARTERS % 1 or scaled > _GREATEST:
            continue
        for key, pattern in patterns.items():
            if not pattern.search(text):
                continue
            if key.startswith(_WHOLE):
                if float(key.removeprefix(_WHOLE)) == scaled:
                    yield frozenset()
                continue
            rest = scaled - float(key)
            if rest >= 0 and not rest % 1:
                yield frozenset({rest, rest * scale})
                if rest in (0.0, 1.0):
                    yield frozenset()
