"""English that is left in a translation: words of the prompt, and function words."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import polars as pl

from mlc_data.checks.english.words import FUNCTION_WORDS
from mlc_data.languages.flores import get_language
from mlc_data.text.spans import names, without_spans, words
from mlc_data.text.vocabulary import SHARED_WORDS, is_ordinary

_SHARED: dict[str, frozenset[str]] = {
    code: frozenset(shared.split())
    for code, shared in json.loads(SHARED_WORDS.read_text(encoding="utf-8")).items()
}
_INTERNATIONAL = _SHARED["any"]
_SHARED_BY_ANY: frozenset[str] = frozenset().union(*_SHARED.values())
_FUNCTION_WORDS = FUNCTION_WORDS - {"a", "i"}
# Letters that make up a word, on average, where blanks do not separate words.
_LETTERS_OF_A_WORD = {"Hans": 1.6, "Hant": 1.6, "Jpan": 2.2}
_LETTERS_OF_OTHER_WORDS = 3.5
_LEAST_WEIGHT = 2  # in Latin script
_IN_OTHER_SCRIPTS = 1.5
_QUOTED = re.compile(r"[\"“”„«「『]([^\"“”„«»「」『』\n]{2,200})[\"“”»」』]")


@dataclass(frozen=True, slots=True)
class Left:
    """English that is left in a text.

    Attributes:
        run: the greatest number of English words in a row.
        share: English words, of which function words count twice, divided by all words (0 to 1); half as
            much again in other scripts than Latin, where no word is English by chance. In Latin script 0
            if it is a single word, which may as well be a loan.
    """

    run: int
    share: float


def english_left(sources: pl.Series, texts: pl.Series, language: str) -> list[Left]:
    """Return the English that is left in each text, in order.

    A word counts if it is ordinary English, no word of the language as far as we know, and either in the
    prompt or a function word. Names and numbers neither count nor interrupt, nor do words that stand
    beside the same name in the prompt, nor words that both languages have. What a prompt quotes may stay.

    Args:
        sources: English prompts.
        texts: their translations.
        language: FLORES-200 code of the translations.
    """
    known = get_language(language)
    counting = _counting(language)
    unquoted = pl.Series("text", map(_without_quotes, texts, sources), dtype=pl.String)
    rows = zip(
        words(without_spans(sources)), words(without_spans(unquoted), spaced=known.spaced),
        names(sources), strict=True,
    )  # fmt: skip
    return [
        _left(own.to_list(), variant.to_list(), frozenset(kept), counting)
        for own, variant, kept in rows
    ]


@dataclass(frozen=True, slots=True)
class _Counting:
    """Settings of a language for counting English words.

    Attributes:
        shared: English words that the language has, too.
        letters: letters of a word where blanks do not separate words; else 1.
        factor: of the share.
        least: weight below which the share is 0.
    """

    shared: frozenset[str]
    letters: float
    factor: float
    least: int


@cache
def _counting(language: str) -> _Counting:
    """Return the settings of a language, as far as we know it."""
    known = get_language(language)
    letters = 1.0 if known.spaced else _LETTERS_OF_A_WORD.get(known.script, _LETTERS_OF_OTHER_WORDS)
    if known.script != "Latn":
        return _Counting(frozenset(), letters, _IN_OTHER_SCRIPTS, 1)
    if language in _SHARED:
        return _Counting(_SHARED[language] | _INTERNATIONAL, letters, 1.0, _LEAST_WEIGHT)
    return _Counting(_SHARED_BY_ANY, letters, 1.0, _LEAST_WEIGHT)


def _left(
    source: Sequence[str], variant: Sequence[str], kept: frozenset[str], counting: _Counting
) -> Left:
    own = frozenset(source)
    named = {pair for pair in pairwise(source) if not kept.isdisjoint(pair)}
    total = weight = 0.0
    run = longest = 0
    for before, word, after in zip(("", *variant), variant, (*variant[1:], ""), strict=False):
        if word in kept or word.isdecimal():
            continue
        latin = word[0].isascii()
        total += 1.0 if latin else 1.0 / counting.letters
        function = latin and word in _FUNCTION_WORDS
        copied = latin and word in own and is_ordinary(word)
        if not (function or copied):
            run = 0
        elif not function and ((before, word) in named or (word, after) in named):
            continue  # of a name: burp suite
        elif word not in counting.shared:
            weight += 1.0 + function
            run += 1
            longest = max(longest, run)
    share = min(1.0, counting.factor * weight / total) if weight >= counting.least else 0.0
    return Left(longest, share)


def _without_quotes(text: str, source: str) -> str:
    """Return a text without what its prompt quotes word for word."""
    for quoted in _QUOTED.findall(source):
        if quoted in text and quoted.strip() != source.strip('"“”„«»「」『』 '):
            text = text.replace(quoted, " ")
    return text
