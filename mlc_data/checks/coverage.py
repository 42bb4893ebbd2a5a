"""Check of coverage: no sentence or clause is dropped, and none is made up."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from itertools import accumulate, chain, groupby

import polars as pl

from mlc_data.checks.base import MADE_UP, SAME, Check, CheckSection, at_least, at_most
from mlc_data.checks.english.words import FUNCTION_WORDS, canonical_form, occur
from mlc_data.checks.sentences import returned
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.languages.flores import get_language
from mlc_data.text.spans import words

_WINDOW = 5
"""Consecutive content words that are compared together."""
_SOME = 25
"""Characters added to lengths before they are compared, so that short sentences vary less."""
_MOST = 0.8
"""Least share of the other words that came back, for missing or new words to be evidence of a fault
of the variant and not of a poor back-translation."""
_CLAUSE_END = r"[,;:()\n–—]+"


class CoverageCheck(CheckSection):
    """Parts of the prompt that were dropped, and parts of the variant that were made up."""

    min_returned: ByLanguage = by_language(0.25)
    """Least share of the content words of a clause, or of five in a row, that must come back (0 to 1;
    one is added to both numbers). 0.25 rejects a clause of four words if none came back."""
    max_invented: ByLanguage = by_language(6.0)
    """Greatest number of consecutive content words of the back-translation that the prompt does not have."""
    min_length: ByLanguage = by_language(
        0.45, jpn_Jpan=0.4, kor_Hang=0.4, pbt_Arab=0.4, yue_Hant=0.4, zho_Hans=0.4, zho_Hant=0.4
    )
    """Least length of a sentence relative to its source, compared with the rest of the text (0 to 1)."""
    max_empty: ByLanguage = by_language(0.0)
    """Greatest number of sentences without any text."""


class Coverage(Check):
    """Parts of the prompt that are missing from the variant, and parts of it that are made up.

    The round trip measures how much came back. This measures whether the missing words lie together, as
    in a dropped clause and unlike in a paraphrase. It abstains where less than half of the other words came
    back: then the back-translation is too poor to tell. Each score is that of the worst sentence:

    - ``coverage_returned`` (0 to 1): share of the content words of a clause, or of five content words in
      a row, that the back-translation has; one is added to both numbers, so that a clause of two words
      that are both paraphrased is no worse than 1/3. 1 without a back-translation.
    - ``coverage_invented`` (0 and up): content words in a row of the back-translation of which the
      prompt has none. 0 without a back-translation.
    - ``coverage_length`` (0 to 1): of a text of several sentences, the length of one relative to its
      source, divided by the same of all others together; 1 for one sentence.
    - ``coverage_empty`` (0 and up): sentences without any text.

    """

    name = "coverage"
    version = 4
    section = CoverageCheck
    scores = ("coverage_returned", "coverage_invented", "coverage_length", "coverage_empty")
    limits = (
        at_least("coverage_returned", "min_returned", loosest=0.1, unless=(SAME, MADE_UP)),
        at_most("coverage_invented", "max_invented", loosest=12.0, unless=(MADE_UP,)),
        at_least("coverage_length", "min_length", loosest=0.25),
        at_most("coverage_empty", "max_empty"),
    )

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the columns `scores`."""
        backs = self._backs(returned(rows))
        frame = rows.select("segments").with_row_index()
        return (
            frame.select("index")
            .join(backs, on="index", how="left", maintain_order="left")
            .join(_lengths(frame), on="index", how="left", maintain_order="left")
            .select(
                pl.col("coverage_returned").fill_null(1.0),
                pl.col("coverage_invented").fill_null(0.0),
                pl.col("coverage_length").fill_null(1.0),
                pl.col("coverage_empty").fill_null(0.0),
            )
        )

    def _backs(self, pairs: pl.DataFrame) -> pl.DataFrame:
        spaced = get_language(self.source).spaced
        sources, backs = (
            pairs[name].str.replace_all("’", "'", literal=True) for name in ("source", "back")
        )
        clauses = sources.str.replace_all(_CLAUSE_END, "\n").str.split("\n")
        # Words of all clauses at once: that is faster than clause by clause.
        flat = pairs.select("index").with_row_index("pair").with_columns(clauses.alias("clause"))
        flat = flat.explode("clause").with_columns(pl.col("clause").fill_null(""))
        wanted = flat.select("pair", words=words(flat["clause"], spaced=spaced))
        by_pair = wanted.group_by("pair", maintain_order=True).agg("words")["words"].to_list()
        there = words(backs, spaced=spaced).to_list()
        schema = dict.fromkeys(self.scores[:2], pl.Float64)
        measured = [compare(*pair) for pair in zip(by_pair, there, strict=True)]
        return (
            pairs.select("index")
            .hstack(pl.DataFrame(measured, schema=schema, orient="row"))
            .group_by("index")
            .agg(pl.col("coverage_returned").min(), pl.col("coverage_invented").max())
        )


def compare(clauses: list[list[str]], back: list[str]) -> tuple[float, float]:
    """Return ``coverage_returned`` and ``coverage_invented`` of one sentence.

    Args:
        clauses: the words of each of its clauses.
        back: the words of its back-translation.
    """
    wanted = [_content(clause) for clause in clauses]
    every = [word for clause in wanted for word in clause]
    there = _content(back)
    flags, known = occur(every, there), occur(there, every)
    missing = 1.0 if all(flags) else min(_windows(flags, [len(clause) for clause in wanted]))
    return missing, float(max(_runs_of_new(known), default=0))


def _runs_of_new(known: list[bool]) -> Iterator[int]:
    """Yield the lengths of runs of new words, where most of the other words are known."""
    for new, run in groupby(known, key=operator.not_):
        length = sum(1 for _ in run)
        if new and sum(known) >= _MOST * (len(known) - length):
            yield length


def _content(texts: list[str]) -> list[str]:
    return [canonical_form(word) for word in texts if word not in FUNCTION_WORDS]


def _windows(flags: list[bool], lengths: list[int]) -> Iterator[float]:
    """Yield the smoothed share of words that came back, of each clause and of each window, or 1 where
    most of the other words did not come back either."""
    starts = accumulate(lengths, initial=0)
    clauses = zip(starts, lengths, strict=False)
    windows = ((start, _WINDOW) for start in range(len(flags) - _WINDOW + 1))
    total = sum(flags)
    for start, length in chain(clauses, windows):
        returned = sum(flags[start : start + length])
        rest = len(flags) - length
        yield (1 + returned) / (1 + length) if total - returned >= _MOST * rest else 1.0


def _lengths(frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``index``, ``coverage_length`` and ``coverage_empty`` of rows with sentences."""
    segment = pl.col("segments").struct
    parts = (
        frame.filter(pl.col("segments").list.len() > 0)
        .explode("segments")
        .select(
            "index",
            source=segment.field("source").str.len_chars(),
            text=segment.field("text").fill_null("").str.strip_chars().str.len_chars(),
        )
    )
    whole = parts.with_columns(
        rest_source=pl.col("source").sum().over("index") - pl.col("source"),
        rest_text=pl.col("text").sum().over("index") - pl.col("text"),
    )
    own = (pl.col("text") + _SOME) / (pl.col("source") + _SOME)
    rest = (pl.col("rest_text") + _SOME) / (pl.col("rest_source") + _SOME)
    several = pl.len().over("index") > 1
    relative = pl.when(several).then(pl.min_horizontal(own / rest, 1.0)).otherwise(1.0)
    return (
        whole.select("index", relative=relative, empty=(pl.col("text") == 0).cast(pl.Float64))
        .group_by("index")
        .agg(coverage_length=pl.col("relative").min(), coverage_empty=pl.col("empty").sum())
    )
