"""Lists of words that the user supplies, and how often a text has one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlc_data.core.hashing import hash_value
from mlc_data.core.paths import source_file
from mlc_data.errors import SourceError
from mlc_data.languages.flores import get_language
from mlc_data.recipe.checks import ToxicityCheck

_KEY = "checks.toxicity.words"


@dataclass(frozen=True)
class WordList:
    """Words and phrases of one language.

    Attributes:
        language: FLORES-200 code.
        entries: as they are looked for: see `comparable`; distinct and sorted.
    """

    language: str
    entries: tuple[str, ...]

    @property
    def hash(self) -> str:
        """Of what is looked for, not of the file's comments."""
        return hash_value([self.language, self.entries])

    def count(self, texts: pl.Series) -> pl.Series:
        """How many listed words and phrases each text has (UInt32), repetitions included."""
        found = comparable(texts, self.language).str.extract_many(
            list(self.entries), overlapping=True
        )
        return found.list.len()


def comparable(texts: pl.Series, language: str) -> pl.Series:
    """NFKC, lower case, without punctuation. With a blank before and after each word, so that only
    whole words are found; without blanks in languages that do not write them."""
    words = (
        texts.str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(r"\p{Cf}+", "")
        .str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ")
        .str.strip_chars()
    )
    if get_language(language).spaced:
        return " " + words + " "
    return words.str.replace_all(" ", "", literal=True)


def load_word_lists(
    settings: ToxicityCheck, source: str, targets: Sequence[str]
) -> tuple[WordList, ...]:
    """The lists that are named for the languages of the recipe; none where none are named.

    Raises:
        SourceError: a file is missing, not UTF-8 or without words, or ``source`` has no list.
    """
    if not settings.words:
        return ()
    if source not in settings.words:
        raise SourceError(
            f"{_KEY} has no list for {source}, the language of the prompts, so what a variant adds to "
            f"its prompt cannot be told: add `{source}: <file>`"
        )
    codes = [code for code in (source, *targets) if code in settings.words]
    return tuple(_load(code, settings.words[code]) for code in codes)


def _load(language: str, location: str) -> WordList:
    key = f"{_KEY}.{language}"
    path = source_file(location, key)
    lines = [line.partition("#")[0].strip() for line in _text(path, key).splitlines()]
    words = comparable(pl.Series(lines, dtype=pl.String), language)
    entries = tuple(sorted({word for word in words if word.strip()}))
    if not entries:
        raise SourceError(
            f"{key}: {location} has no words; it takes a word or phrase a line, `#` begins a comment"
        )
    return WordList(language, entries)


def _text(path: Path, key: str) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SourceError(
            f"{key}: {path}, line {line} is not UTF-8; save the list as UTF-8"
        ) from error
