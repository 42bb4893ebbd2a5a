"""Counts of a run: the strip at the top, the table of languages, and the heat map of reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from mlc_data.checks.language_id import LanguageId
from mlc_data.checks.stage import KEPT
from mlc_data.checks.tables import SCORES
from mlc_data.checks.verdicts import ATTEMPTS, FIRST
from mlc_data.core.manifest import VariantCounts
from mlc_data.core.parquet import scan_parquet
from mlc_data.language_id.reliability import reliability
from mlc_data.report.page.context import Facts, Tongue, by_reason
from mlc_data.report.page.limits import Origin, PageLimit


@dataclass(frozen=True)
class Part:
    """A part of a stacked bar: a share (0 to 1) of the requested variants, under a reason."""

    name: str
    number: int
    share: float
    failed: bool = False


@dataclass(frozen=True)
class LanguageRow:
    """One language.

    Attributes:
        tongue: the language.
        counts: requested, kept, rejected and failed variants.
        parts: reasons of what is not kept, the most frequent first.
        retried: variants that were translated again; None without rescue.
        saved: those that are kept since.
        reliability: greatest reliability of the language identifiers there, 0 to 1; None without them.
        origins: number of thresholds by `Origin`.
        abstained: variants that lack a score with a limit, by check.
    """

    tongue: Tongue
    counts: VariantCounts
    parts: tuple[Part, ...]
    retried: int | None
    saved: int | None
    reliability: float | None
    origins: Mapping[str, int]
    abstained: Mapping[str, int]

    @property
    def share(self) -> float:
        """Share (0 to 1) of the requested variants that is kept."""
        return self.counts.kept / self.counts.requested if self.counts.requested else 0.0


@dataclass(frozen=True)
class Languages:
    """The section; ``reasons`` are all that occur, in the order in which they count."""

    rows: tuple[LanguageRow, ...] = ()
    reasons: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class HeatCell:
    """Variants of a language that a reason rejects, and their share (0 to 1) of those requested."""

    language: str
    number: int
    share: float

    @property
    def level(self) -> int:
        """Step of the colour, 0 to 6: each stands for about twice the share of the one before."""
        steps = (0.0, 0.005, 0.02, 0.05, 0.1, 0.2)
        return sum(self.share > step for step in steps)


@dataclass(frozen=True)
class Heat:
    """Reasons (rows) by languages (columns)."""

    languages: tuple[Tongue, ...] = ()
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...] = ()
    missing: str = ""


def languages(facts: Facts, limits: Sequence[PageLimit]) -> Languages:
    """Return the counts of every target language."""
    by_language = facts.manifest.counts.by_language
    if not by_language or not facts.decided:
        return Languages(missing=f"No verdicts yet: mlc-data check {facts.folder}")
    names = {name for each in by_language.values() for name in (*each.rejected, *each.failed)}
    retried, saved = _rescued(facts)
    sure, silent = _reliabilities(facts), _abstained(facts)
    rows = tuple(
        LanguageRow(
            tongue=each,
            counts=counts,
            parts=_parts(counts),
            retried=None if retried is None else retried.get(each.code, 0),
            saved=None if retried is None else saved.get(each.code, 0),
            reliability=sure.get(each.code),
            origins=_origins(limits, each.code),
            abstained=silent.get(each.code, {}),
        )
        for each in facts.targets
        if (counts := by_language.get(each.code))
    )
    return Languages(rows, tuple(by_reason(sorted(names), facts)))


def heat(found: Languages) -> Heat:
    """Return the heat map of what `languages` counted."""
    if found.missing:
        return Heat(missing=found.missing)
    rows = tuple(
        (
            reason,
            tuple(
                _cell(row, {**row.counts.rejected, **row.counts.failed}.get(reason, 0))
                for row in found.rows
            ),
        )
        for reason in found.reasons
    )
    return Heat(tuple(row.tongue for row in found.rows), rows)


def _cell(row: LanguageRow, number: int) -> HeatCell:
    requested = row.counts.requested
    return HeatCell(row.tongue.code, number, number / requested if requested else 0.0)


def _parts(counts: VariantCounts) -> tuple[Part, ...]:
    total = counts.requested or 1
    every = [(name, number, False) for name, number in counts.rejected.items()]
    every += [(name, number, True) for name, number in counts.failed.items()]
    every.sort(key=lambda each: -each[1])
    return tuple(Part(name, number, number / total, failed) for name, number, failed in every)


def _rescued(facts: Facts) -> tuple[dict[str, int] | None, dict[str, int]]:
    """Return how many variants were translated again, and how many of them are kept, by language."""
    path = facts.run.path(ATTEMPTS)
    if facts.manifest.content_hash.attempts is None or not path.is_file():
        return None, {}
    tried = scan_parquet(path).group_by("language").agg(pl.col("prompt_id").n_unique()).collect()
    kept = scan_parquet(facts.run.path(KEPT)).filter(pl.col("rung") != FIRST)
    saved = kept.group_by("language").agg(pl.len()).collect()
    return dict(tried.iter_rows()), dict(saved.iter_rows())


def _reliabilities(facts: Facts) -> dict[str, float]:
    check = next((each for each in facts.checks if isinstance(each, LanguageId)), None)
    if check is None:
        return {}
    return {
        each.code: max(reliability(voter, each.code) for voter in check.identifiers)
        for each in facts.targets
    }


def _abstained(facts: Facts) -> dict[str, dict[str, int]]:
    """Return the number of variants that lack a score with a limit, by language and check that may abstain."""
    path = facts.run.path(SCORES)
    silent = [
        check
        for check in facts.checks
        if check.abstains and check.limits and set(check.scores) <= set(facts.score_columns)
    ]
    if not silent or not path.is_file():
        return {}
    nulls = [
        pl.any_horizontal(pl.col({limit.score for limit in each.limits}).is_null())
        .sum()
        .alias(each.name)
        for each in silent
    ]
    counts = scan_parquet(path).group_by("language").agg(nulls).collect()
    return {
        row["language"]: {each.name: row[each.name] for each in silent if row[each.name]}
        for row in counts.iter_rows(named=True)
    }


def _origins(limits: Sequence[PageLimit], code: str) -> dict[str, int]:
    counts = dict.fromkeys(map(str, Origin), 0)
    for each in limits:
        if code in each.origins:
            counts[str(each.origins[code])] += 1
    return counts


@dataclass(frozen=True)
class Figure:
    """A figure with its interval, ``low`` to ``high``; None where undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Compared:
    """A figure before and after alignment; ``better`` is ``more``, ``less`` or empty."""

    title: str
    before: Figure
    after: Figure
    better: str = ""
