"""Limits of the checks as the report shows them: value by language, origin, and the verdict over scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from mlc_data.checks.base import Check, Limit, RunLimitedSection
from mlc_data.checks.registry import CHECKS
from mlc_data.checks.run_limits import LIMITS
from mlc_data.checks.scoring import excuses_of
from mlc_data.checks.tables import LIMITS_FILE
from mlc_data.core.parquet import read_table
from mlc_data.core.section import Section
from mlc_data.report.page.context import Facts


class Origin(StrEnum):
    """Origin of a language's limit."""

    RUN = "run"  # from the run's own mismatched pairs
    RECIPE = "recipe"  # given in the recipe, by hand or by `mlc-data calibrate`
    DEFAULT = "default"  # the check's own default
    ABSTAINS = "abstains"  # the score is no better than that of wrong pairs: it rejects nothing


@dataclass(frozen=True)
class PageLimit:
    """A threshold of an enabled check.

    Attributes:
        check: name of the check.
        scores: columns that are compared with it; of several, the worst value counts.
        key: dotted key of the threshold in the recipe.
        upper: True if the threshold is the greatest value that passes.
        bounds: threshold by language; infinite where nothing is rejected.
        origins: `Origin` by language.
        value: what is compared, over the scores; null where a row passes at any threshold, because it has
            no score or is excused.
        shown: the same, null only where a row has no score.
        passes: whether the value passes (Boolean, never null), over ``language`` and the scores.
    """

    check: str
    scores: tuple[str, ...]
    key: str
    upper: bool
    bounds: Mapping[str, float]
    origins: Mapping[str, Origin]
    value: pl.Expr
    shown: pl.Expr
    passes: pl.Expr

    @property
    def id(self) -> str:
        """Name of the column that `passes` gets."""
        return f"pass {self.key}"


def page_limits(facts: Facts) -> tuple[PageLimit, ...]:
    """Return the thresholds of the enabled checks, in the order in which their reasons count."""
    excuses = excuses_of(facts.checks)
    path = facts.run.path(LIMITS_FILE)
    measured = read_table(path, LIMITS) if path.is_file() else pl.DataFrame(schema=LIMITS)
    chosen = {each.check.name: each for each in facts.run.recipe.checks.chosen()}
    found = []
    for check in facts.checks:
        by_key: dict[str, list[Limit]] = {}
        for limit in check.limits:
            by_key.setdefault(limit.key, []).append(limit)
        for key, limits in by_key.items():
            first, settings = limits[0], check.settings
            values = [_value(limit, settings, excuses) for limit in limits]
            passes = [_passes(limit, settings, excuses) for limit in limits]
            thresholds = first.thresholds(settings)
            worst = pl.max_horizontal if first.upper else pl.min_horizontal
            found.append(
                PageLimit(
                    check=check.name,
                    scores=tuple(limit.score for limit in limits),
                    key=f"{chosen[check.name].key}.{key}",
                    upper=first.upper,
                    bounds={each.code: thresholds.get(each.code) for each in facts.targets},
                    origins=_origins(facts, check, first, chosen[check.name].settings, measured),
                    value=worst(values).cast(pl.Float64),
                    shown=worst([limit.value(settings) for limit in limits]).cast(pl.Float64),
                    passes=pl.all_horizontal(passes),
                )
            )
    return tuple(found)


def _value(limit: Limit, settings: Section, excuses: Mapping[str, pl.Expr]) -> pl.Expr:
    return pl.when(~limit.excused(excuses)).then(limit.value(settings))


def _passes(limit: Limit, settings: Section, excuses: Mapping[str, pl.Expr]) -> pl.Expr:
    return limit.passes(settings).fill_null(value=True) | limit.excused(excuses)


def _origins(
    facts: Facts, check: Check, limit: Limit, given: Section, measured: pl.DataFrame
) -> dict[str, Origin]:
    own = limit.thresholds(given)
    default = _default(check.name)
    usual = limit.thresholds(default) if default is not None else None
    from_run = isinstance(given, RunLimitedSection) and given.limits == "run" and limit.from_run
    of_run = {
        row["language"]: row for row in measured.filter(score=limit.score).iter_rows(named=True)
    }
    origins = {}
    for each in facts.targets:
        code = each.code
        bound = limit.thresholds(check.settings).get(code)
        if from_run and code not in own.root:
            row = of_run.get(code)
            if row is None or row["limit"] is None:
                origins[code] = Origin.ABSTAINS if math.isinf(bound) else Origin.DEFAULT
            elif not row["separable"]:
                origins[code] = Origin.ABSTAINS
            else:
                origins[code] = Origin.RUN if bound == row["limit"] else Origin.DEFAULT
        elif usual is not None and own.get(code) == usual.get(code):
            origins[code] = Origin.DEFAULT
        else:
            origins[code] = Origin.RECIPE
    return origins


def _default(name: str) -> Section | None:
    """Return a built-in check's section as it is without any setting; None for a check of the user's own."""
    return next((each.section() for each in CHECKS if each.name == name), None)
