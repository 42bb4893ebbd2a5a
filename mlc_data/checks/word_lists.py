"""Word lists that the user supplies, and counts of their words in texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlc_data.core.hashing import hash_value
from mlc_data.core.paths import source_file
from mlc_data.errors import SourceError
from mlc_data.languages.flores import get_language

_KEY = "checks.toxicity.words"


@dataclass(frozen=True)
class WordList:
    """Words and phrases of one language.

    Attributes:
        language: FLORES-200 code.
        entries: words and phrases as `comparable` gives them, distinct and sorted.
    """

    language: str
    entries: tuple[str, ...]

    @property
    def hash(self) -> str:
        """Hash of the language and the entries; comments of the file do not count."""
        return hash_value([self.language, self.entries])

    def count(self, texts: pl.Series) -> pl.Series:
        """Return the number of listed words and phrases in each text (UInt32), with repetitions."""
        matches = comparable(texts, self.language).str.extract_many(
            list(self.entries), overlapping=True
        )
        return matches.list.len()


def comparable(texts: pl.Series, language: str) -> pl.Series:
    """Return texts in NFKC and lower case, without punctuation.

    Each word has a blank before and after it, so that only whole words match; languages that do not
    write blanks have none.
    """
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
    files: Mapping[str, str], source: str, targets: Sequence[str]
) -> tuple[WordList, ...]:
    """Return the lists for the languages of a recipe.

    Args:
        files: locations of files by language (FLORES-200 code); may be empty.
        source: language of the prompts.
        targets: languages of the variants.

    Raises:
        SourceError: a file is missing, not UTF-8 or without words, or ``source`` has no list.
    """
    if not files:
        return ()
    if source not in files:
        raise SourceError(
            f"{_KEY} has no list for {source}, the language of the prompts, so words that a variant adds "
            f"to its prompt cannot be counted: add `{source}: <file>`"
        )
    codes = [code for code in (source, *targets) if code in files]
    return tuple(_load(code, files[code]) for code in codes)


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
