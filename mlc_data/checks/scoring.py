"""Checks of a recipe, applied to tables of translations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.checks.base import Check, Context, CorpusCheck, Parts
from mlc_data.core.records import KEYS
from mlc_data.errors import MlcDataError
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.recipe.recipe import Recipe
from mlc_data.sentence_encoder.loading import load_encoder


def build_checks(recipe: Recipe, identifiers: Sequence[LanguageIdentifier]) -> tuple[Check, ...]:
    """Return the recipe's checks in the order in which their reasons count (`registry.CHECKS`).

    Language identification is skipped without identifiers, the round trip where the recipe does not
    translate back, and toxicity without word lists.

    Raises:
        ModelError: the sentence encoder is missing, or is no such model.
        SourceError: a word list cannot be used.
    """
    languages, translate = recipe.languages, recipe.translate
    meaning = recipe.checks.meaning
    context = Context(
        languages.source,
        languages.targets,
        tuple(identifiers),
        round_trip=translate.round_trip,
        imported=translate.imported is not None and not translate.has_engine,
        encoder=load_encoder(meaning.encoder, meaning.prefix) if meaning.encoder else None,
    )
    made = (each.check.of_recipe(each.settings, context) for each in recipe.checks.chosen())
    return tuple(check for check in made if check)


def excuses_of(checks: Sequence[Check]) -> dict[str, pl.Expr]:
    """Return what excuses limits (Boolean over scores), by name: see `Check.confirming`."""
    return {
        name: excuse
        for check in checks
        if check.enabled
        for name, excuse in check.confirming().items()
    }


def check_versions(checks: Sequence[Check]) -> dict[str, int]:
    """Return the version of each check by name: part of the keys of scores and verdicts."""
    return {check.name: check.version for check in checks}


def scored_by(checks: Sequence[Check]) -> dict[str, dict[str, Any]]:
    """Return the settings that scores depend on, by check: part of the key of scores."""
    settings = {check.name: check.scored_by() for check in checks}
    return {name: values for name, values in settings.items() if values}


def prepare(checks: Sequence[Check], parts: Parts, folder: Path | None = None) -> tuple[Check, ...]:
    """Return the checks, ready to score; see `CorpusCheck.prepared`.

    Args:
        checks: see `build_checks`.
        parts: reads the run's translations, see `Parts`.
        folder: the one that `save` is called with next, see `CorpusCheck.prepared_in`; None if it is not.
    """

    def ready(check: Check) -> Check:
        if not isinstance(check, CorpusCheck):
            return check
        if folder is None or check.lasting:
            return check.prepared(parts)
        return check.prepared_in(folder / check.saved_as, parts)

    return tuple(map(ready, checks))


def save(checks: Sequence[Check], folder: Path, lasting: Path, *, others: bool) -> None:
    """Write what `prepare` made, for `load` in other processes; see `CorpusCheck.save`.

    Args:
        checks: see `prepare`.
        folder: for what is needed until the stage is done.
        lasting: for what is kept, see `CorpusCheck.lasting`.
        others: see `CorpusCheck.save`.
    """
    for check in checks:
        if isinstance(check, CorpusCheck):
            check.save((lasting if check.lasting else folder) / check.saved_as, others=others)


def load(checks: Sequence[Check], folder: Path, lasting: Path, parts: Parts) -> tuple[Check, ...]:
    """Return the checks, ready to score with what `save` wrote; see `CorpusCheck.loaded`."""
    return tuple(
        check.loaded((lasting if check.lasting else folder) / check.saved_as, parts)
        if isinstance(check, CorpusCheck)
        else check
        for check in checks
    )


def score_rows(checks: Sequence[Check], rows: pl.DataFrame) -> pl.DataFrame:
    """Return every check's scores.

    Args:
        checks: see `build_checks` and `prepare`.
        rows: `records.TRANSLATIONS`, without failures.

    Returns:
        `records.KEYS` and a Float64 column for each score, one row for each row in, in order; null where
        a check abstains.

    Raises:
        MlcDataError: a check gives other columns or rows, or a score that is not a finite number.
    """
    scores = [_scores(check, rows) for check in checks]
    return pl.concat([rows.select(list(KEYS)), *scores], how="horizontal")


def _scores(check: Check, rows: pl.DataFrame) -> pl.DataFrame:
    scores = check.score(rows)
    if tuple(scores.columns) != tuple(check.scores) or scores.height != rows.height:
        raise MlcDataError(
            f"the check {check.name!r} gives {scores.height} rows of {', '.join(scores.columns)} for "
            f"{rows.height} rows; it has to give a row for each, of {', '.join(check.scores)}"
        )
    scores = scores.cast(pl.Float64)
    for name in scores.columns:
        if not scores[name].is_finite().fill_null(value=check.abstains).all():
            raise MlcDataError(
                f"the check {check.name!r} gives a {name} that is not a finite number"
            )
    return scores


def reasons(checks: Sequence[Check]) -> pl.Expr:
    """Return the names (list) of the enabled checks that a row does not pass, in order of the checks;
    empty for a good variant. Evaluated over a table of scores."""
    excuses = excuses_of(checks)
    failed = [
        pl.when(~check.passes(excuses)).then(pl.lit(check.name))
        for check in checks
        if check.enabled and check.limits
    ]
    if not failed:
        return pl.repeat([], pl.len(), dtype=pl.List(pl.String))
    return pl.concat_list(failed).list.drop_nulls()


def score_names(checks: Sequence[Check]) -> tuple[str, ...]:
    """Return the names of all score columns, in order."""
    return tuple(name for check in checks for name in check.scores)
