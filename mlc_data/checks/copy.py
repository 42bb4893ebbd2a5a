"""Is the variant the prompt again?"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import VariantReason, at_most, by_spacing, within
from mlc_data.recipe.checks import CopyCheck
from mlc_data.text.spans import names, without_spans, words

_WORDS_OF_A_SENTENCE = 4
"""Of a shorter sentence ("OK.", "Hotel Paris?") a copy may well be its translation."""


@dataclass(frozen=True)
class Copied:
    """Share of the words that stand in the prompt.

    ``copied_share`` (0 to 1): of the distinct words of the whole text, or of its worst sentence,
    whichever is more; the prompt's addresses, placeholders, numbers and names do not count. 1 if the
    variant is the prompt.
    """

    settings: CopyCheck = field(default_factory=CopyCheck)
    reason = VariantReason.COPIED
    scores = ("copied_share",)
    limits = (at_most("copied_share", "max_share"),)

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``copied_share``."""
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

    def passes(self) -> pl.Expr:
        """At most the language's share."""
        return within(self.settings, self.limits)


def copied_share(rows: pl.DataFrame, spaced: bool) -> pl.Series:
    """Share (0 to 1) of the distinct words of ``text`` that occur in ``source``."""
    own = _own(rows["source"])
    kept = names(rows["source"])
    found = _no_numbers(words(without_spans(rows["text"]), spaced=spaced)).list.set_difference(kept)
    frame = pl.DataFrame(
        {"own": own, "found": found, "source": _plain(rows["source"]), "text": _plain(rows["text"])}
    )
    copied = pl.col("found").list.set_intersection("own").list.len()
    found_any = pl.col("found").list.len() > 0
    return frame.select(
        pl.when(pl.col("own").list.len() == 0)
        .then(0.0)
        .when(pl.col("source") == pl.col("text"))
        .then(1.0)
        .when(found_any)
        .then(copied / pl.col("found").list.len())
        .otherwise(0.0)
    ).to_series()


def _own(sources: pl.Series) -> pl.Series:
    """Each prompt's words that a translation would change."""
    distinct = sources.rename("source").unique()
    found = _no_numbers(words(without_spans(distinct))).list.set_difference(names(distinct))
    return (
        sources.to_frame("source")
        .join(pl.DataFrame([distinct, found.rename("own")]), on="source", how="left",
              maintain_order="left")
        .get_column("own")
    )  # fmt: skip


def _no_numbers(lists: pl.Series) -> pl.Series:
    return lists.list.eval(pl.element().filter(pl.element().str.contains(r"\D")))


def _plain(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
