"""Check for copies: variants that repeat the prompt."""

from __future__ import annotations

import polars as pl

from mlc_data.checks.base import Check, CheckSection, at_most, by_spacing
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.text.spans import names, without_spans, words

_WORDS_OF_A_SENTENCE = 4
"""Words of a sentence below which ("OK.", "Hotel Paris?") it may be its own translation."""


class CopyCheck(CheckSection):
    """Variants that repeat the prompt."""

    max_share: ByLanguage = by_language(0.6)
    """Greatest share of the variant's words (0 to 1) that the prompt may have, too."""


class Copy(Check):
    """Share of the variant's words that the prompt has, too.

    ``copied_share`` (0 to 1): of the distinct words of the whole text, or of its worst sentence,
    whichever is more; the prompt's addresses, placeholders, numbers and names do not count. 1 if the
    variant is the prompt.
    """

    name = "copied"
    section = CopyCheck
    scores = ("copied_share",)
    limits = (at_most("copied_share", "max_share", loosest=0.9),)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``copied_share``."""
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
        wholes = indexed.select("index", by_spacing(rows, copied_share).alias("share"))
        long_enough = _own(sentences["source"]).list.len() >= _WORDS_OF_A_SENTENCE
        sentences = sentences.filter(long_enough)
        parts = sentences.select("index", by_spacing(sentences, copied_share).alias("share"))
        worst = pl.concat([wholes, parts]).group_by("index").agg(pl.col("share").max())
        return worst.sort("index").select(copied_share="share")


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
