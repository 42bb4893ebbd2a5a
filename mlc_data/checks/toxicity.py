"""Check of the user's word lists: listed words are neither made up nor lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import polars as pl
from pydantic import Field, field_validator

from mlc_data.checks.base import ENGLISH, Check, CheckSection, Context, at_most
from mlc_data.checks.word_lists import WordList, load_word_lists
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.languages.flores import get_language


class ToxicityCheck(CheckSection):
    """Words of the user's lists that the variant has and the prompt does not, or the reverse."""

    words: dict[str, str] = Field(default_factory=dict)
    """Lists by language (FLORES-200 code): locations of UTF-8 files with a word or phrase a line; `#`
    begins a comment. No lists are shipped, and without any the check is skipped. The language of the
    prompts needs a list; languages without a list are not checked."""
    max_added: ByLanguage = by_language(0.0)
    """Greatest number of listed words in a variant of a prompt that has none (0 and up)."""
    max_lost: ByLanguage = by_language(1.0)
    """Greatest value that passes: 0 rejects variants without any listed word where the prompt has some; 1 rejects none, because a list
    seldom has all forms of a word."""

    @field_validator("words")
    @classmethod
    def _check_languages(cls, words: dict[str, str]) -> dict[str, str]:
        for code in words:
            get_language(code)
        return words


class Toxicity(Check):
    """Listed words of the variant compared with those of the prompt.

    - ``toxicity_added`` (0 and up): listed words of the variant, if the prompt has none.
    - ``toxicity_lost`` (0 or 1): the prompt has listed words and the variant has none.

    Both are 0 in languages without a list.
    """

    name = "toxicity"
    section = ToxicityCheck
    scores = ("toxicity_added", "toxicity_lost")
    limits = (
        at_most("toxicity_added", "max_added"),
        at_most("toxicity_lost", "max_lost"),
    )

    def __init__(
        self,
        settings: CheckSection | None = None,
        source: str = ENGLISH,
        lists: Sequence[WordList] = (),
    ) -> None:
        super().__init__(settings, source)
        self.lists = tuple(lists)

    @classmethod
    def of_recipe(cls, settings: CheckSection, context: Context) -> Self | None:
        """Return the check; None if the recipe names no lists.

        Raises:
            SourceError: a list cannot be used, or the language of the prompts has none.
        """
        files = getattr(settings, "words", {})
        lists = load_word_lists(files, context.source, context.targets)
        return cls(settings, context.source, lists) if lists else None

    def scored_by(self) -> dict[str, Any]:
        """Return the hashes of the lists by language."""
        return {words.language: words.hash for words in self.lists}

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``toxicity_added`` and ``toxicity_lost``."""
        by_code = {words.language: words for words in self.lists}
        parts = [pl.DataFrame(schema={"row": pl.UInt32, "own": pl.UInt32, "prompt": pl.UInt32})]
        for code in rows["language"].unique().sort():
            if code in by_code and self.source in by_code:
                some = rows.with_row_index("row").filter(pl.col("language") == code)
                listed = by_code[code].count(some["text"]).cast(pl.UInt32)
                expected = by_code[self.source].count(some["source"]).cast(pl.UInt32)
                parts.append(pl.DataFrame({"row": some["row"], "own": listed, "prompt": expected}))
        counts = rows.with_row_index("row").select("row")
        counted = counts.join(pl.concat(parts), on="row", how="left", maintain_order="left")
        own, prompt = pl.col("own").fill_null(0), pl.col("prompt").fill_null(0)
        return counted.select(
            toxicity_added=pl.when(prompt == 0).then(own).otherwise(0).cast(pl.Float64),
            toxicity_lost=((prompt > 0) & (own == 0)).cast(pl.Float64),
        )
