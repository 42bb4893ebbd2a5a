"""The list of checks that a recipe asks for, and how a list of checks is applied to a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl

from mlc_data.checks.base import Check, CorpusCheck, Limit
from mlc_data.checks.copy import Copied
from mlc_data.checks.coverage import Coverage
from mlc_data.checks.duplicate.check import Duplicate
from mlc_data.checks.intent import Intent
from mlc_data.checks.language_id import LanguageId
from mlc_data.checks.length import Length
from mlc_data.checks.preserved import Preserved
from mlc_data.checks.refusal import Refused
from mlc_data.checks.repetition import Repetition
from mlc_data.checks.round_trip import RoundTrip
from mlc_data.checks.script import Script
from mlc_data.checks.toxicity import Toxicity
from mlc_data.checks.unknown import Unknown
from mlc_data.checks.word_lists import load_word_lists
from mlc_data.core.records import KEYS
from mlc_data.language_id.fasttext import LanguageIdentifier
from mlc_data.recipe.recipe import Recipe


def build_checks(recipe: Recipe, identifiers: Sequence[LanguageIdentifier]) -> tuple[Check, ...]:
    """The checks in the order in which their reasons count (`VariantReason`).

    Language identification is left out without identifiers, the round trip where the recipe does not
    translate back, and toxicity without lists of words.

    Raises:
        SourceError: a list of words cannot be used.
    """
    settings, languages = recipe.checks, recipe.languages
    codes = (languages.source, *languages.targets)
    lists = load_word_lists(settings.toxicity, languages.source, languages.targets)
    found: tuple[Check | None, ...] = (
        Script(settings.script),
        LanguageId(tuple(identifiers), codes, settings.language_id) if identifiers else None,
        Length(settings.length),
        Repetition(settings.repetition),
        Copied(settings.copied),
        Preserved(settings.preserved),
        Refused(settings.refused),
        Unknown(settings.unknown),
        Coverage(settings.coverage, languages.source),
        Intent(settings.intent, languages.source),
        RoundTrip(settings.round_trip, languages.source) if recipe.translate.round_trip else None,
        Toxicity(settings.toxicity, languages.source, lists) if lists else None,
        Duplicate(settings.duplicate, languages.source),
    )
    return tuple(check for check in found if check)


KINDS: tuple[type[Check], ...] = (
    Script, LanguageId, Length, Repetition, Copied, Preserved, Refused, Unknown, Coverage, Intent,
    RoundTrip, Toxicity, Duplicate,
)  # fmt: skip
"""Every kind of check there is."""


def limits() -> Iterator[tuple[Limit, str]]:
    """What scores are compared with, and the section of the recipe's ``checks`` that says so."""
    for kind in KINDS:
        # Class attributes, which a protocol can only describe as properties.
        found: tuple[Limit, ...] = kind.limits  # type: ignore[assignment]
        yield from ((limit, str(kind.reason)) for limit in found)


def prepare(
    checks: Sequence[Check], parts: Callable[[], Iterator[pl.DataFrame]]
) -> tuple[Check, ...]:
    """The checks, ready to score; see `CorpusCheck.prepared`."""
    return tuple(
        check.prepared(parts) if isinstance(check, CorpusCheck) else check for check in checks
    )


def save(checks: Sequence[Check], folder: Path, *, others: bool) -> None:
    """Write what `prepare` made into a folder, for `load` in other processes; see `CorpusCheck.save`."""
    for check in checks:
        if isinstance(check, CorpusCheck):
            check.save(folder / check.reason, others=others)


def load(
    checks: Sequence[Check], folder: Path, parts: Callable[[], Iterator[pl.DataFrame]]
) -> tuple[Check, ...]:
    """The checks, ready to score by what `save` wrote; see `CorpusCheck.loaded`."""
    return tuple(
        check.loaded(folder / check.reason, parts) if isinstance(check, CorpusCheck) else check
        for check in checks
    )


def score_rows(checks: Sequence[Check], rows: pl.DataFrame) -> pl.DataFrame:
    """Every check's scores.

    Args:
        checks: see `build_checks` and `prepare`.
        rows: `records.TRANSLATIONS`, without failures.

    Returns:
        `records.KEYS` and a Float64 column a score, one row for each row in, in order.
    """
    return pl.concat(
        [rows.select(list(KEYS)), *(check.score(rows) for check in checks)], how="horizontal"
    )


def reasons(checks: Sequence[Check]) -> pl.Expr:
    """Over a table of scores: the reasons (list of `VariantReason`) of the enabled checks that the
    row does not pass, in the order of the checks; empty for a good variant."""
    given = [
        pl.when(~check.passes()).then(pl.lit(str(check.reason)))
        for check in checks
        if check.enabled
    ]
    if not given:
        return pl.lit([], dtype=pl.List(pl.String))
    return pl.concat_list(given).list.drop_nulls()


def score_names(checks: Sequence[Check]) -> tuple[str, ...]:
    """The names of all score columns, in order."""
    return tuple(name for check in checks for name in check.scores)


def check_versions(checks: Sequence[Check]) -> dict[str, int]:
    """Return the version of each check by its name; part of the keys of the stages that score and decide."""
    return {type(check).__name__: getattr(check, "version", 1) for check in checks}
