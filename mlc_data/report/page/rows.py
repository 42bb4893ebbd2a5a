"""Row browser: a sample of the variants, with every attempt and every score beside its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from mlc_data.checks.scoring import reasons
from mlc_data.checks.tables import SCORES
from mlc_data.checks.verdicts import ATTEMPTS, FIRST
from mlc_data.core.parquet import read_parquet, scan_parquet
from mlc_data.core.records import KEYS, Status
from mlc_data.report.page.context import Facts
from mlc_data.report.page.limits import PageLimit

_KEPT = "kept"


@dataclass(frozen=True)
class Rows:
    """The section.

    Attributes:
        variants: the sampled variants, each a mapping for the page's script.
        prompts: source text and category by prompt id.
        total: requested variants of the run.
        scores: names of the scores, in the order of a variant's ``v``.
        missing: why there are none, in one line.
    """

    variants: list[dict[str, Any]] = field(default_factory=list)
    prompts: Mapping[str, Any] = field(default_factory=dict)
    total: int = 0
    scores: tuple[str, ...] = ()
    missing: str = ""

    @property
    def whole(self) -> bool:
        """True if every variant of the run is in it."""
        return len(self.variants) == self.total


def rows(facts: Facts, limits: Sequence[PageLimit]) -> Rows:
    """Return a sample that a seed stands for: some variants of every language and reason, others at random."""
    if not facts.decided:
        return Rows(missing=f"No verdicts yet: mlc-data check {facts.folder}")
    words = pl.Categorical()  # millions of strings would take ten times the memory
    heads = (
        facts.variants()
        .select(pl.col("language").cast(words), reason=_outcome().cast(words))
        .collect(engine="streaming")
    )
    chosen = choose(heads, facts.options.rows, facts.options.examples, facts.options.seed)
    frame = (
        facts.variants()
        .with_row_index("place")
        .filter(pl.col("place").is_in(chosen))
        .with_columns(each.passes.alias(each.id) for each in limits)
        .collect(engine="streaming")
    )
    tried = _attempts(facts, frame)
    variants = [_variant(row, facts, limits, tried) for row in frame.iter_rows(named=True)]
    return Rows(variants, _prompts(facts, frame), heads.height, facts.score_columns)


def _outcome() -> pl.Expr:
    return pl.coalesce(pl.col("reason"), pl.lit(_KEPT))


def choose(heads: pl.DataFrame, number: int, least: int, seed: int) -> list[int]:
    """Return the places of rows, in order.

    Args:
        heads: ``language`` and ``reason`` of every row.
        number: rows in all, or more where there are many languages and reasons.
        least: rows of each language and reason, where there are as many.
        seed: seed of the random order.
    """
    if number >= heads.height:
        return list(range(heads.height))
    rank = np.random.default_rng(seed).permutation(heads.height)
    ranked = heads.select("language", "reason", rank=pl.Series(rank)).with_row_index("place")
    within = pl.col("rank").rank("ordinal").over("language", "reason")
    ordered = ranked.select("place", "rank", first=within <= least).sort(
        "first", "rank", descending=[True, False]
    )
    wanted = max(number, int(ordered["first"].sum()) if number else 0)
    places: list[int] = ordered["place"].head(wanted).sort().to_list()
    return places


def _variant(
    row: Mapping[str, Any],
    facts: Facts,
    limits: Sequence[PageLimit],
    tried: Mapping[tuple[str, str], list[dict[str, Any]]],
) -> dict[str, Any]:
    """Return a variant under short names: thousands of them are in the page."""
    failing = [n for n, each in enumerate(limits) if not row[each.id]]
    return {
        "i": row["prompt_id"],
        "l": row["language"],
        "s": row["status"],
        "r": row["reasons"],
        "g": row["rung"],
        "t": row["text"],
        "b": row["back_translation"],
        "v": [digits(row[name]) for name in facts.score_columns],
        "x": failing if row["status"] != Status.FAILED else [],
        "a": tried.get((row["prompt_id"], row["language"]), []),
    }


def digits(value: float | None, number: int = 5) -> float | None:
    """Return a score with few digits, an integer where it is one; None stays None."""
    if value is None:
        return None
    short = float(f"{value:.{number}g}")
    return int(short) if short.is_integer() else short


def _attempts(facts: Facts, frame: pl.DataFrame) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return all attempts at the variants that were translated again, the first one included."""
    path = facts.run.path(ATTEMPTS)
    if not path.is_file() or facts.manifest.content_hash.attempts is None:
        return {}
    again = _rows_of(scan_parquet(path).drop("segments"), frame)
    first = _first(facts, frame.join(again, on=list(KEYS), how="semi"))
    every = pl.concat([first, again], how="diagonal_relaxed")
    if facts.checks:
        every = every.with_columns(reasons=reasons(facts.checks))
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in every.iter_rows(named=True):
        why = [row["failure"]] if row["failure"] else row.get("reasons") or []
        attempt = {"g": row["rung"], "t": row["text"], "b": row["back_translation"], "r": why}
        found.setdefault((row["prompt_id"], row["language"]), []).append(attempt)
    return found


def _first(facts: Facts, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the first translations of variants, with their scores."""
    mine = _rows_of(scan_parquet(facts.run.path("translations")).drop("segments"), frame)
    scores = _rows_of(scan_parquet(facts.run.path(SCORES)), frame)
    return mine.join(scores, on=list(KEYS), how="left", maintain_order="left").with_columns(
        rung=pl.lit(FIRST)
    )


def _rows_of(table: pl.LazyFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a table that belong to the variants of a frame, in order."""
    prompts = pl.col("prompt_id").is_in(frame["prompt_id"].unique().implode())
    # Joined after the look for prompts, which leaves the order and holds no more than it finds.
    few = table.filter(prompts).collect(engine="streaming")
    return few.join(frame, on=list(KEYS), how="semi", maintain_order="left")


def _prompts(facts: Facts, frame: pl.DataFrame) -> dict[str, Any]:
    """Return text, category and row of the sampled variants' prompts."""
    known = read_parquet(
        facts.run.path("prompts.parquet"), ["prompt_id", "prompt", "category", "row"]
    ).join(frame.select("prompt_id").unique(), on="prompt_id", how="semi")
    return {
        row["prompt_id"]: {"t": row["prompt"], "c": row["category"], "n": row["row"]}
        for row in known.iter_rows(named=True)
    }
