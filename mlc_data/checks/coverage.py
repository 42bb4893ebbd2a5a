"""Has each sentence and clause of the prompt its counterpart, and is nothing made up?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import polars as pl

from mlc_data.checks.base import VariantReason, at_least, at_most, within
from mlc_data.checks.english.words import FUNCTION_WORDS, found, one_of_its_kind
from mlc_data.checks.sentences import returned
from mlc_data.languages.flores import get_language
from mlc_data.recipe.checks import CoverageCheck
from mlc_data.text.spans import words

_WINDOW = 5
"""Content words in a row that are looked at together."""
_SOME = 25
"""Characters added to lengths before they are compared, so that short sentences vary less."""
_CLAUSE_END = r"[,;:()\n–—]+"


@dataclass(frozen=True)
class Coverage:
    """Parts of the prompt that are missing from the variant, and parts of it that are made up.

    The round trip asks how much came back; this asks whether what did not come back lies together, as
    a dropped half or clause does and a paraphrase does not. Sentence by sentence, the worst counts:

    - ``coverage_returned`` (0 to 1): share of the content words of a clause, or of five content words in
      a row, that the back-translation has; one is added to both numbers, so that a clause of two words
      that are both paraphrased is no worse than 1/3. 1 without a back-translation.
    - ``coverage_invented`` (0 and up): content words in a row of the back-translation of which the
      prompt has none. 0 without a back-translation.
    - ``coverage_length`` (0 to 1): of a text of several sentences, the length of one relative to its
      source, divided by the same of all others together; 1 for one sentence.
    - ``coverage_empty`` (0 and up): sentences without any text.

    ``source`` is the language of the prompts.
    """

    settings: CoverageCheck = field(default_factory=CoverageCheck)
    source: str = "eng_Latn"
    reason = VariantReason.COVERAGE
    scores = ("coverage_returned", "coverage_invented", "coverage_length", "coverage_empty")
    limits = (
        at_least("coverage_returned", "min_returned"),
        at_most("coverage_invented", "max_invented"),
        at_least("coverage_length", "min_length"),
        at_most("coverage_empty", "max_empty"),
    )

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The columns `scores`."""
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

    def passes(self) -> pl.Expr:
        """Nothing dropped, nothing made up, as far as the thresholds go."""
        return within(self.settings, self.limits)

    def _backs(self, pairs: pl.DataFrame) -> pl.DataFrame:
        spaced = get_language(self.source).spaced
        sources, backs = (
            pairs[name].str.replace_all("’", "'", literal=True) for name in ("source", "back")
        )
        clauses = sources.str.replace_all(_CLAUSE_END, "\n").str.split("\n")
        # Of all clauses together first: that is quicker than clause by clause.
        flat = pairs.select("index").with_row_index("pair").with_columns(clauses.alias("clause"))
        flat = flat.explode("clause").with_columns(pl.col("clause").fill_null(""))
        wanted = flat.select("pair", words=words(flat["clause"], spaced=spaced))
        by_pair = wanted.group_by("pair", maintain_order=True).agg("words")["words"].to_list()
        there = words(backs, spaced=spaced).to_list()
        measured = [compare(*pair) for pair in zip(by_pair, there, strict=True)]
        return (
            pairs.select("index")
            .hstack(
                pl.DataFrame(
                    measured,
                    schema=dict.fromkeys(self.scores[:2], pl.Float64),
                    orient="row",
                )
            )
            .group_by("index")
            .agg(pl.col("coverage_returned").min(), pl.col("coverage_invented").max())
        )


def compare(clauses: list[list[str]], back: list[str]) -> tuple[float, float]:
    """``coverage_returned`` and ``coverage_invented`` of the words of a sentence's clauses and of its
    back-translation."""
    wanted = [_content(clause) for clause in clauses]
    every = [word for clause in wanted for word in clause]
    there = _content(back)
    flags = found(every, there)
    missing = 1.0 if all(flags) else min(_windows(flags, [len(clause) for clause in wanted]))
    runs = (sum(1 for _ in run) for new, run in groupby(found(there, every)) if not new)
    return missing, float(max(runs, default=0))


def _content(texts: list[str]) -> list[str]:
    return [one_of_its_kind(word) for word in texts if word not in FUNCTION_WORDS]


def _windows(flags: list[bool], lengths: list[int]) -> Iterator[float]:
    """Smoothed share that was found, of each clause and of each window."""
    begun = 0
    for length in lengths:
        yield (1 + sum(flags[begun : begun + length])) / (1 + length)
        begun += length
    for start in range(len(flags) - _WINDOW + 1):
        yield (1 + sum(flags[start : start + _WINDOW])) / (1 + _WINDOW)


def _lengths(frame: pl.DataFrame) -> pl.DataFrame:
    """``index``, ``coverage_length`` and ``coverage_empty`` of rows with sentences."""
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
