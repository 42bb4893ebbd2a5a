"""Limits by language from the run's own mismatched pairs.

A prompt with another prompt's translation is wrong for certain, and needs no trusted data. The score that
all but 1 % of such pairs stay below is the limit of its language: a variant that scores no better than a wrong
one is rejected. A limit is never above the threshold of the recipe, because prompts of one mould ("How do I ...?")
make wrong pairs that resemble each other. Evidence that excuses (`Check.evidence`) has to be above 99 % of the
*nearest* wrong pairs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from mlc_data.checks.base import Check, Parts, RunLimitedSection
from mlc_data.checks.scoring import prepare
from mlc_data.core.hashing import hash_value
from mlc_data.languages.by_language import ByLanguage
from mlc_data.recipe.recipe import Recipe

QUANTILE = 0.99
"""Share of the mismatched pairs that stay below a limit."""
LEAST_ROWS = 20
"""Variants of a language that limits are derived from, at least."""
SAMPLE = 300
"""Variants of a language that are compared with other prompts, at most."""
PAIRS = 600
"""Mismatched pairs of a language, about."""

LIMITS = {
    "language": pl.String(),
    "score": pl.String(),
    "rows": pl.Int64(),
    "pairs": pl.Int64(),
    "limit": pl.Float64(),
    "separable": pl.Boolean(),
}
"""Schema of ``scores/limits.parquet``: a row for each language and score that has a limit from the run.

``rows`` variants gave ``pairs`` mismatched pairs. ``limit`` is null where the rows are fewer than `LEAST_ROWS`: the
recipe's threshold holds, if it suits the measure (`RunLimitedSection.scaled`). ``separable`` is false where most variants score no better than wrong ones: the check
abstains."""


def measure(checks: Sequence[Check], parts: Parts) -> pl.DataFrame:
    """Return the limits (`LIMITS`) of the checks that take them from the run.

    Args:
        checks: see `build_checks`.
        parts: reads the run's translations, see `Parts`.
    """
    chosen = prepare([check for check in checks if _scores(check)], parts)
    limits = [pl.DataFrame(schema=LIMITS)]
    if chosen:
        for _, rows in sorted(_samples(parts()).items()):
            limits += [_limits(check, rows) for check in chosen]
            limits += [_excuses(check, rows) for check in chosen if check.evidence]
    return pl.concat(limits)


def with_run_limits(recipe: Recipe, limits: pl.DataFrame) -> Recipe:
    """Return the recipe with the thresholds by language that its checks take from the run.

    Args:
        recipe: its thresholds for languages by name hold, and so do those of checks with fixed limits.
        limits: see `measure`.
    """
    sections: dict[str, Any] = {}
    for each in recipe.checks.chosen():
        settings = each.settings
        if not isinstance(settings, RunLimitedSection) or settings.limits == "fixed":
            continue
        update = {
            limit.key: _merged(
                settings, limit.thresholds(settings), limits.filter(score=limit.score)
            )
            for limit in each.check.limits
            if limit.from_run
        }
        update |= {
            one.key: _excusing(limits.filter(score=one.score))
            for one in each.check.evidence
            if getattr(settings, one.key) is None
        }
        resolved = settings.model_copy(update=update)
        if each.key == f"checks.{each.check.name}":
            sections[each.check.name] = resolved
        else:
            custom = sections.setdefault("custom", dict(recipe.checks.custom))
            custom[each.check.name] = resolved
    return recipe.model_copy(update={"checks": recipe.checks.model_copy(update=sections)})


def abstaining(limits: pl.DataFrame) -> list[str]:
    """Return in words where checks abstain, and where thresholds of the recipe hold for want of rows."""
    lines = []
    for what, rows in (
        ("abstains, no better than wrong pairs, in", limits.filter(~pl.col("separable"))),
        (
            f"keeps the recipe's threshold, fewer than {LEAST_ROWS} variants, in",
            limits.filter(pl.col("limit").is_null()),
        ),
    ):
        for (score,), part in sorted(rows.partition_by("score", as_dict=True).items()):
            lines.append(f"{score} {what} {', '.join(part['language'].sort())}")
    return lines


def _scores(check: Check) -> list[str]:
    return [limit.score for limit in check.limits if limit.from_run]


def _samples(parts: Iterable[pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return up to `SAMPLE` rows of each language, the same ones in whatever order they are read."""
    samples: dict[str, pl.DataFrame] = {}
    for part in parts:
        ranked = part.with_columns(
            rank=pl.col("prompt_id").map_elements(hash_value, return_dtype=pl.String)
        )
        for (language,), rows in ranked.partition_by("language", as_dict=True).items():
            both = [samples[str(language)], rows] if str(language) in samples else [rows]
            samples[str(language)] = pl.concat(both).sort("rank").head(SAMPLE)
    return {language: rows.drop("rank") for language, rows in samples.items()}


def _limits(check: Check, rows: pl.DataFrame) -> pl.DataFrame:
    crossed = pl.concat(_mismatched(rows)) if rows.height >= LEAST_ROWS else rows.clear()
    good, bad = check.score(rows), check.score(crossed)
    lines: list[Any] = []
    for name in _scores(check):
        judged, wrong = good[name].drop_nulls(), bad[name].drop_nulls()
        if judged.is_empty():
            continue  # no back-translations, or a language that the measure does not know
        enough = judged.len() >= LEAST_ROWS and not wrong.is_empty()
        limit = _above(wrong) if enough else None
        usual: Any = judged.median()
        separable = limit is None or bool(usual >= limit)
        lines.append((rows["language"][0], name, judged.len(), wrong.len(), limit, separable))
    return pl.DataFrame(lines, schema=LIMITS, orient="row")


def _excuses(check: Check, rows: pl.DataFrame) -> pl.DataFrame:
    """Return what `QUANTILE` of the texts do not reach of a check's evidence with the nearest other prompt, and at
    least the loosest value."""
    wrong = check.nearest(rows)
    if rows.height < LEAST_ROWS or wrong.height < LEAST_ROWS:
        return pl.DataFrame(schema=LIMITS)
    language, count = rows["language"][0], wrong.height
    lines = [
        (
            *(language, one.score, rows.height, count * (count - 1)),
            max(_above(wrong[one.score]), one.loosest or 0.0),
            True,
        )
        for one in check.evidence
    ]
    return pl.DataFrame(lines, schema=LIMITS, orient="row")


def _excusing(limits: pl.DataFrame) -> ByLanguage:
    """Return thresholds of evidence: the run's, and none where it has none."""
    found = dict(limits.select("language", "limit").iter_rows())
    return ByLanguage({**found, "default": math.inf})


def _above(wrong: pl.Series) -> float:
    """Return the least value that `QUANTILE` of the scores stay below."""
    value: Any = wrong.quantile(QUANTILE, "lower")
    return math.nextafter(float(value), math.inf)


def _mismatched(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the rows with texts of other prompts, each row several times."""
    steps = min(rows.height - 1, max(1, math.ceil(PAIRS / rows.height)))
    for step in range(1, steps + 1):
        shift = max(1, step * rows.height // (steps + 1))
        others = pl.concat([rows.slice(shift), rows.head(shift)])
        pairs = zip(rows["segments"].to_list(), others["segments"].to_list(), strict=True)
        yield rows.with_columns(
            others["text"],
            others["back_translation"],
            pl.Series("segments", [_crossed(*pair) for pair in pairs], rows.schema["segments"]),
        ).filter(rows["source"] != others["source"])


def _crossed(segments: list[Any] | None, others: list[Any] | None) -> list[Any]:
    """Return sentences of one prompt with the texts of another's, as many as both have."""
    pairs = zip(segments or [], others or [], strict=False)
    return [{**own, "text": other["text"], "back": other["back"]} for own, other in pairs]


def _merged(settings: RunLimitedSection, given: ByLanguage, limits: pl.DataFrame) -> ByLanguage:
    """Return thresholds with the run's limits for languages that the recipe does not name."""
    greatest = given.root["default"] if settings.scaled else math.inf
    values = {**given.root, "default": greatest if settings.scaled else -math.inf}
    for language, limit, separable in limits.select("language", "limit", "separable").iter_rows():
        if language in given.root or limit is None:
            continue
        values[language] = min(limit, greatest) if separable else -math.inf
    return ByLanguage(values)
