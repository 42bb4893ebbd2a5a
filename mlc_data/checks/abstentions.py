"""Counts of variants that a check has no opinion of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl

from mlc_data.checks.base import Check


class Abstentions:
    """Variants without a score of a check that may abstain, by language, added part by part."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = [check for check in checks if check.abstains]
        self._missing: Counter[tuple[str, str]] = Counter()
        self._total: Counter[str] = Counter()

    def add(self, scores: pl.DataFrame) -> None:
        """Add a table of scores (`verdicts.scores_schema`)."""
        if not self._checks:
            return
        abstained = [
            pl.all_horizontal(pl.col(check.scores).is_null()).sum().alias(check.name)
            for check in self._checks
        ]
        for row in scores.group_by("language").agg(pl.len(), *abstained).iter_rows(named=True):
            self._total[row["language"]] += row["len"]
            for check in self._checks:
                self._missing[check.name, row["language"]] += row[check.name]

    def notes(self) -> dict[str, str]:
        """Return in words, by check, how many variants have no score in the languages that it judges."""
        notes = {}
        for check in self._checks:
            judged = sorted(code for code in self._total if check.judges(code))
            counts = {code: self._missing[check.name, code] for code in judged}
            if missing := sum(counts.values()):
                total = sum(self._total[code] for code in judged)
                shown = ", ".join(f"{code} {number}" for code, number in counts.items() if number)
                notes[check.name] = (
                    f"{check.name}: no score for {missing} of {total} variants ({shown}), which pass it"
                )
        return notes
