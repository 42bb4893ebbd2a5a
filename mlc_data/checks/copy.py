"""Check for copies: variants that repeat the prompt, in whole or in part."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from mlc_data.checks.base import ENGLISH, Check, CheckSection, at_most, by_spacing
from mlc_data.checks.english.left import Left, english_left
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.text.spans import names, without_spans, words

_WORDS_OF_A_SENTENCE = 4
"""Words of a sentence below which ("OK.", "Hotel Paris?") it may be its own translation."""


class CopyCheck(CheckSection):
    """Variants that repeat the prompt, or are partly left in English."""

    max_share: ByLanguage = by_language(0.6)
    """Greatest share of the variant's words (0 to 1) that the prompt may have, too."""
    max_run: ByLanguage = by_language(2.0)
    """Greatest number of English words in a row."""
    max_english: ByLanguage = by_language(
        0.2, deu_Latn=0.25, tha_Thai=0.3, zho_Hans=0.25, zho_Hant=0.25
    )
    """Greatest share of English words (0 to 1); function words count twice."""


class Copy(Check):
    """Shares of the text that the prompt has, too, and that is English.

    - ``copied_share`` (0 to 1): share of the distinct words that the prompt has, too; its addresses,
      placeholders, numbers and names do not count. 1 if the variant is the prompt.
    - ``copied_run`` (0 and up): English words in a row, see `english_left`; 0 for prompts that are not
      English.
    - ``copied_english`` (0 to 1): share of English words, function words counted twice; likewise.

    Of each, the value of the whole text or of its worst sentence, whichever is more.
    """

    name = "copied"
    version: ClassVar[int] = 3
    section = CopyCheck
    scores = ("copied_share", "copied_run", "copied_english")
    limits = (
        at_most("copied_share", "max_share", loosest=0.9),
        at_most("copied_run", "max_run"),
        at_most("copied_english", "max_english", loosest=0.6),
    )

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the columns `scores`."""
        indexed = rows.with_row_index()
        sentences = (
            indexed.filter(pl.col("segments").list.len() > 1)
            .select("index", "language", "segments")
            .explode("segments")
            .select(
                "index",
                "language",
                source=pl.col("segments").struct.field("source"),
                text=pl.col("segments").struct.field("text"),
            )
            .drop_nulls()
        )
        wholes = self._measured(indexed.select("index", "language", "source", "text"))
        long_enough = _own(sentences["source"]).list.len() >= _WORDS_OF_A_SENTENCE
        parts = self._measured(sentences.filter(long_enough))
        worst = pl.concat([wholes, parts]).group_by("index").agg(pl.col(self.scores).max())
        return worst.sort("index").select(self.scores)

    def _measured(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``index`` and the scores of texts."""
        shares = by_spacing(rows, copied_share).alias("copied_share")
        left = _left(rows) if self.source == ENGLISH else [Left(0, 0.0)] * rows.height
        return rows.select(
            "index",
            shares,
            pl.Series("copied_run", [float(each.run) for each in left], dtype=pl.Float64),
            pl.Series("copied_english", [each.share for each in left], dtype=pl.Float64),
        )


def _left(rows: pl.DataFrame) -> list[Left]:
    """Return the English in each text, in order of the rows."""
    found: list[Left] = [Left(0, 0.0)] * rows.height
    places = rows.select("language", place=pl.int_range(pl.len())).group_by("language").all()
    for language, indices in places.iter_rows():
        part = rows[indices]
        for index, left in zip(
            indices, english_left(part["source"], part["text"], language), strict=True
        ):
            found[index] = left
    return found


def copied_share(rows: pl.DataFrame, spaced: bool) -> pl.Series:
    """Return the share (0 to 1) of the distinct words of ``text`` that occur in ``source``."""
    own = _own(rows["source"])
    kept = names(rows["source"])
    variant = _no_numbers(words(without_spans(rows["text"]), spaced=spaced))
    variant = variant.list.set_difference(kept)
    frame = pl.DataFrame(
        {
            "own": own,
            "variant": variant,
            "source": _plain(rows["source"]),
            "text": _plain(rows["text"]),
        }
    )
    copied = pl.col("variant").list.set_intersection("own").list.len()
    has_words = pl.col("variant").list.len() > 0
    return frame.select(
        pl.when(pl.col("own").list.len() == 0)
        .then(0.0)
        .when(pl.col("source") == pl.col("text"))
        .then(1.0)
        .when(has_words)
        .then(copied / pl.col("variant").list.len())
        .otherwise(0.0)
    ).to_series()


def _own(sources: pl.Series) -> pl.Series:
    """Return each prompt's words that a translation would change."""
    distinct = sources.rename("source").unique()
    own = _no_numbers(words(without_spans(distinct))).list.set_difference(names(distinct))
    return (
        sources.to_frame("source")
        .join(pl.DataFrame([distinct, own.rename("own")]), on="source", how="left",
              maintain_order="left")
        .get_column("own")
    )  # fmt: skip


def _no_numbers(lists: pl.Series) -> pl.Series:
    return lists.list.eval(pl.element().filter(pl.element().str.contains(r"\D")))


def _plain(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
