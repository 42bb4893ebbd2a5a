"""Facts of a run that several sections of the report need: languages, limits of the checks, tables of variants."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from mlc_data.checks.base import Check
from mlc_data.checks.stage import KEPT, REJECTED, decided_by, recipe_checks
from mlc_data.core.manifest import Manifest
from mlc_data.core.parquet import scan_parquet
from mlc_data.core.records import Status
from mlc_data.errors import MlcDataError
from mlc_data.languages.flores import get_language
from mlc_data.pipeline.run import Run
from mlc_data.recipe.recipe import Recipe

_RIGHT_TO_LEFT = frozenset({"Arab", "Hebr", "Thaa", "Nkoo", "Syrc", "Adlm", "Mand", "Samr"})


@dataclass(frozen=True)
class Tongue:
    """A language as the page shows it.

    Attributes:
        code: FLORES-200 code.
        name: English name.
        tag: BCP 47 tag, for the attribute ``lang``.
        direction: ``ltr`` or ``rtl``, for the attribute ``dir``.
    """

    code: str
    name: str
    tag: str
    direction: str

    @classmethod
    def of(cls, code: str) -> Tongue:
        """Return the language of a FLORES-200 code."""
        language = get_language(code)
        direction = "rtl" if language.script in _RIGHT_TO_LEFT else "ltr"
        return cls(code, language.name, language.bcp47, direction)


@dataclass(frozen=True)
class PageOptions:
    """Sizes of the report.

    Attributes:
        rows: variants in the row browser (0 and up), or all where there are fewer.
        seed: another one gives another sample.
        review: variants of each language in review mode (4 and up).
        examples: variants of each language and reason that the browser has at least, where there are as many.
        replies: prompts (each in one language) whose replies are shown, at most.
    """

    rows: int = 2000
    seed: int = 0
    review: int = 20
    examples: int = 4
    replies: int = 300


@dataclass(frozen=True)
class Facts:
    """A run, opened once for all sections.

    Attributes:
        run: the run.
        options: sizes of the report.
    """

    run: Run
    options: PageOptions = field(default_factory=PageOptions)

    @cached_property
    def manifest(self) -> Manifest:
        """Manifest of the run, read once."""
        return self.run.manifest

    @cached_property
    def folder(self) -> str:
        """The run's folder for commands, without folders of this machine, quoted for a shell."""
        folder = self.run.folder
        return shlex.quote(folder.name if folder.is_absolute() else str(folder))

    @cached_property
    def recipe(self) -> Recipe:
        """Recipe with the limits that were measured on the run."""
        return decided_by(self.run)

    @cached_property
    def source(self) -> Tongue:
        """Language of the prompts."""
        return Tongue.of(self.recipe.languages.source)

    @cached_property
    def targets(self) -> tuple[Tongue, ...]:
        """Languages of the variants, in the recipe's order."""
        return tuple(map(Tongue.of, self.recipe.languages.targets))

    @cached_property
    def decided(self) -> bool:
        """True if the run's variants have verdicts."""
        files = (self.run.path(KEPT), self.run.path(REJECTED))
        return "check" in self.manifest.stages and all(file.is_file() for file in files)

    @cached_property
    def _checks(self) -> tuple[tuple[Check, ...], str]:
        try:
            return tuple(check for check in recipe_checks(self.recipe) if check.enabled), ""
        except MlcDataError as error:
            return (), str(error)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """The enabled checks whose scores the run has; none where a model that they name is not here."""
        known = set(self.score_columns)
        return tuple(check for check in self._checks[0] if set(check.scores) <= known)

    @property
    def unscored(self) -> tuple[str, ...]:
        """Names of enabled checks that the recipe has and that the run has not been scored with."""
        scored = {check.name for check in self.checks}
        return tuple(check.name for check in self._checks[0] if check.name not in scored)

    @property
    def checks_missing(self) -> str:
        """Reason why there are no checks; empty if they can be used."""
        return self._checks[1]

    @cached_property
    def score_columns(self) -> tuple[str, ...]:
        """Columns of scores in the table of kept variants, in order; none without verdicts."""
        if not self.decided:
            return ()
        schema = scan_parquet(self.run.path(KEPT)).collect_schema()
        return tuple(name for name, kind in schema.items() if kind == pl.Float64())

    @cached_property
    def harmless(self) -> frozenset[str]:
        """Categories whose prompts the recipe calls harmless: their texts are not blurred."""
        safety = self.recipe.evaluate.safety
        named = (each.harmless for each in (safety.prompts if safety else ()))
        return frozenset(
            category for each in named if not isinstance(each, bool) for category in each
        )

    def variants(self) -> pl.LazyFrame:
        """Return every requested variant with ``status``, ``reason``, ``reasons``, ``rung`` and scores."""
        kept = scan_parquet(self.run.path(KEPT)).with_columns(
            status=pl.lit(str(Status.KEPT)),
            reason=pl.lit(None, pl.String),
            reasons=pl.lit([], pl.List(pl.String)),
            failure=pl.lit(None, pl.String),
        )
        return pl.concat([kept, scan_parquet(self.run.path(REJECTED))], how="diagonal")

    def notes(self, stage: str) -> Mapping[str, Any]:
        """Return the figures that a stage left in the manifest; empty if it has not been done."""
        record = self.manifest.stages.get(stage)
        return record.notes if record else {}


def by_reason(names: Sequence[str], facts: Facts) -> list[str]:
    """Return reasons in the order in which they count: those of checks first, then failures."""
    order = {each.check.name: place for place, each in enumerate(facts.recipe.checks.chosen())}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))
