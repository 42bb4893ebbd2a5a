"""Thresholds by language from the scores of trusted parallel text.

Each threshold is set, for each language, to the value that rejects at most a target share of good
text with 95 % confidence: an order statistic of the scores, chosen by the binomial distribution
(Wilks 1941), without assumptions about the scores' distribution. At least
``ln 0.05 / ln (1 - target)`` texts are needed, 149 for a target of 0.02; languages with fewer keep
their thresholds. `Limit` says of each threshold whether and how far it is calibrated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from mlc_data.checks.round_trip import RoundTrip
from mlc_data.checks.scoring import build_checks, prepare, reasons, score_rows
from mlc_data.core.files import write_text
from mlc_data.core.hashing import hash_file
from mlc_data.core.manifest import now
from mlc_data.core.parquet import read_parquet
from mlc_data.core.records import TRANSLATIONS
from mlc_data.errors import UnknownLanguageError, UsageError
from mlc_data.language_id.loading import load_identifiers
from mlc_data.languages.flores import get_language
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import merge, parse_recipe
from mlc_data.recipe.recipe import Recipe

CONFIDENCE = 0.95
DIGITS = 3
TARGET = 0.02
"""Share of good text that each threshold may reject, unless another is named."""
GREATEST = 0.3
"""Greatest share that is proposed: a threshold that rejects more of the good text is of little use."""
COLUMNS = ("source", "language", "text")
OPTIONAL = "back_translation"

CALIBRATED = frozenset({
    "arb_Arab", "ben_Beng", "deu_Latn", "eng_Latn", "fra_Latn", "hin_Deva", "jpn_Jpan", "kmr_Latn",
    "kor_Hang", "pbt_Arab", "rus_Cyrl", "spa_Latn", "swh_Latn", "tha_Thai", "urd_Arab", "vie_Latn",
    "zho_Hans", "zho_Hant",
})  # fmt: skip
"""Languages whose default thresholds come from human translations (NTREX-128, 1,997 sentences each),
the quickstart's among them. All others share the ``default`` of each threshold."""


@dataclass(frozen=True)
class Calibration:
    """Calibrated thresholds, and the texts that they come from.

    Attributes:
        values: dotted key of a threshold to its values by language (FLORES-200 code).
        rows: number of trusted texts by language, see `effective_rows` where they have weights.
        too_few: the same for languages with fewer than `least_rows`, which keep their thresholds.
        target: share of good text that each threshold may reject (0 to 1).
        reference: description of the texts' origin.
        optimistic: True if they had already passed the thresholds that were calibrated.
        loosened: True if thresholds were only loosened, because there are few texts.
        date: UTC, ISO 8601.
    """

    values: Mapping[str, Mapping[str, float]]
    rows: Mapping[str, int]
    too_few: Mapping[str, int]
    target: float
    reference: str
    optimistic: bool
    loosened: bool = False
    date: str = field(default_factory=now)


def least_rows(target: float) -> int:
    """Return the fewest texts that allow a bound on a share of ``target`` (0 to 1, both excluded)."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(1 - target))


def order(rows: int, target: float) -> int:
    """Return the greatest number k of lowest scores that a least value may cut off or equal.

    With 95 % confidence the k-th lowest score is not above the ``target`` quantile. 0 for too few rows.
    """
    below, cumulated = 0, 0.0
    log_no, log_yes = math.log(1 - target), math.log(target)
    while below < rows:
        log_choose = math.lgamma(rows + 1) - math.lgamma(below + 1) - math.lgamma(rows - below + 1)
        cumulated += math.exp(log_choose + below * log_yes + (rows - below) * log_no)
        if cumulated > 1 - CONFIDENCE:
            break
        below += 1
    return below


def effective_rows(weights: Sequence[float]) -> int:
    """Return the number of equally weighted rows that say as much: ``(sum w)^2 / sum w^2`` (Kish 1965)."""
    squares = sum(weight**2 for weight in weights)
    return math.floor(sum(weights) ** 2 / squares + 1e-9) if squares else 0


def bound(
    scores: Sequence[float], target: float, *, upper: bool, weights: Sequence[float] | None = None
) -> float:
    """Return the threshold that rejects at most a share ``target`` of such scores, with 95 % confidence.

    Rounded to three digits, away from the scores. With ``weights``, such as those of a sample with unequal
    probabilities, shares are shares of their sum, and there are as many scores as `effective_rows` says.

    Raises:
        ValueError: there are fewer scores than `least_rows`.
    """
    given = [1.0] * len(scores) if weights is None else weights
    rows = effective_rows(given)
    k = order(rows, target)
    if not k:
        raise ValueError(f"{rows} scores are fewer than {least_rows(target)}")
    ordered = sorted(zip(scores, given, strict=True), reverse=upper)
    # What lies beyond the threshold is at most the share that k - 1 of equally weighted scores are.
    beyond, allowed = 0.0, sum(given) * (k - 1) / rows + 1e-9
    value = ordered[0][0]
    for score, weight in ordered:
        if beyond > allowed:
            break
        value, beyond = score, beyond + weight
    steps = float(value) * 10.0**DIGITS
    return (math.ceil(steps) if upper else math.floor(steps)) / 10.0**DIGITS


def calibrate(
    scores: pl.DataFrame,
    recipe: Recipe,
    target: float,
    *,
    loosened: bool = False,
    **where: Any,
) -> Calibration:
    """Return thresholds from scores of good text.

    Args:
        scores: ``language`` and score columns, as `scoring.score_rows` makes them; a threshold is
            calibrated on the texts whose score is not missing. May have a ``weight``, see `bound`.
        recipe: the recipe whose thresholds are replaced.
        target: share of good text that each threshold may reject (0 to 1, both excluded).
        loosened: keep thresholds that would become stricter.
        where: ``reference`` and ``optimistic`` of `Calibration`.

    Raises:
        UsageError: the target is out of range, or no language has enough rows.
    """
    if not 0 < target < 1:
        raise UsageError(f"--false-reject takes a share between 0 and 1, not {target}")
    scores = _weighted(scores)
    rows = _rows_of(scores)
    least = least_rows(target)
    too_few = {code: number for code, number in rows.items() if number < least}
    if len(too_few) == len(rows):
        raise UsageError(
            f"no language has the {least} texts that a false-reject rate of {target} needs "
            f"({', '.join(f'{code} {number}' for code, number in too_few.items()) or 'no texts'})"
            f"{_possible(too_few)}"
        )
    values: dict[str, dict[str, float]] = {}
    for threshold in recipe.checks.thresholds():
        limit = threshold.limit
        if not limit.calibrated or limit.score not in scores.columns:
            continue
        measured = scores.select(
            "language", "weight", value=limit.value(threshold.settings)
        ).drop_nulls()
        for code, part in sorted(measured.partition_by("language", as_dict=True).items()):
            language = str(code[0])
            weights = part["weight"].to_list()
            if effective_rows(weights) < least:
                continue
            value = bound(part["value"].to_list(), target, upper=limit.upper, weights=weights)
            if limit.loosest is not None:
                value = (min if limit.upper else max)(value, limit.loosest)
            present = limit.thresholds(threshold.settings).get(language)
            stricter = value < present if limit.upper else value > present
            if (limit.tighten and not loosened) or not stricter:
                values.setdefault(threshold.key, {})[language] = value
    return Calibration(values, rows, too_few, target, loosened=loosened, **where)


def _weighted(scores: pl.DataFrame) -> pl.DataFrame:
    """Return scores with a ``weight``, 1 where they have none."""
    return scores if "weight" in scores.columns else scores.with_columns(weight=pl.lit(1.0))


def _rows_of(scores: pl.DataFrame) -> dict[str, int]:
    weights = scores.group_by("language").agg("weight").sort("language").iter_rows()
    return {str(code): effective_rows(each) for code, each in weights}


def least_target(rows: int) -> float | None:
    """Return the least share that so many texts allow (0 to 1), or None if that is over `GREATEST`."""
    share = 1 - math.exp(math.log(1 - CONFIDENCE) / rows) if rows else 1.0
    return math.ceil(share * 1000) / 1000 if share <= GREATEST else None


def usual_target(scores: pl.DataFrame) -> float:
    """Return `TARGET`, or the least share that the texts of half of the languages allow, if it is more.

    Args:
        scores: as for `calibrate`.
    """
    rows = sorted(_rows_of(_weighted(scores)).values())
    typical = rows[len(rows) // 2] if rows else 0
    return max(TARGET, least_target(typical) or TARGET)


def _possible(rows: Mapping[str, int]) -> str:
    """Return in words the least share that the language with most texts allows; empty where none does."""
    most = max(rows.values(), default=0)
    share = least_target(most)
    return f". With {most} texts --false-reject can be {share} at the least" if share else ""


def recipe_with(recipe: Recipe, calibration: Calibration) -> Recipe:
    """Return the recipe with the calibrated thresholds."""
    return parse_recipe(
        merge(recipe.model_dump(mode="json"), fragment(calibration)), "the calibration"
    )


def rejected(scores: pl.DataFrame, recipe: Recipe) -> dict[str, float]:
    """Return the share of the texts (0 to 1) that the recipe's checks reject together, by language.

    Checks whose scores are not in the table are left out.
    """
    checks = build_checks(recipe, load_identifiers(recipe.checks.language_identifiers))
    failed = reasons([check for check in checks if set(check.scores) <= set(scores.columns)])
    verdicts = _weighted(scores).select("language", "weight", rejected=failed.list.len() > 0)
    share = (pl.col("rejected") * pl.col("weight")).sum() / pl.col("weight").sum()
    return dict(verdicts.group_by("language").agg(share).sort("language").iter_rows())


def reference_scores(path: Path, recipe: Recipe) -> pl.DataFrame:
    """Return ``language`` and all scores of the trusted pairs in a file (.parquet, .csv or .jsonl).

    The file has the columns ``source``, ``language`` (FLORES-200 code) and ``text``, and may have
    ``back_translation``. Without the last, the round trip is not calibrated.

    Raises:
        UsageError: the file cannot be read, lacks a column, or names an unknown language.
        ModelError: a language identifier is missing.
    """
    pairs = _read(path)
    back = OPTIONAL in pairs.columns and pairs[OPTIONAL].null_count() < pairs.height
    if OPTIONAL not in pairs.columns:
        pairs = pairs.with_columns(pl.lit(None, pl.String).alias(OPTIONAL))
    elif back:
        pairs = pairs.drop_nulls(OPTIONAL)
    checks = build_checks(recipe, load_identifiers(recipe.checks.language_identifiers))
    checks = tuple(check for check in checks if back or check.name != RoundTrip.name)
    segment = pl.struct(
        source="source",
        text="text",
        log_prob=pl.lit(0.0),
        unknown_share=pl.lit(0.0),
        cached=pl.lit(value=False),
        back=OPTIONAL,
    )
    rows = pairs.with_row_index("prompt_id").with_columns(
        pl.col("prompt_id").cast(pl.String),
        failure=pl.lit(None, pl.String),
        segments=pl.concat_list(segment),
    )
    rows = rows.select(list(TRANSLATIONS))
    return score_rows(prepare(checks, lambda: iter([rows])), rows)


def kept_scores(run: Run) -> pl.DataFrame:
    """Return ``language`` and all scores of the variants that a run has kept.

    Raises:
        UsageError: nothing has been decided yet.
    """
    path = run.path("variants", "variants.parquet")
    if not path.is_file():
        raise UsageError(
            f"{run.folder} has no kept variants yet: run `mlc-data check` first, or name trusted "
            "parallel text with --reference"
        )
    return read_parquet(path)


def fragment(calibration: Calibration) -> dict[str, Any]:
    """Return the calibrated thresholds as part of a recipe."""
    recipe: dict[str, Any] = {"checks": {}}
    for name, values in calibration.values.items():
        *sections, key = name.split(".")
        section = recipe
        for part in sections:
            section = section.setdefault(part, {})
        section[key] = dict(values)
    return recipe


def write_fragment(calibration: Calibration, path: Path) -> None:
    """Write a recipe fragment for ``--with``, with its origin as comments."""
    note = [
        "Thresholds by language, written by: mlc-data calibrate",
        f"date: {calibration.date}",
        f"reference: {calibration.reference}",
        f"target: each threshold rejects at most {calibration.target} of good text, with {CONFIDENCE:.0%} "
        "confidence",
        "texts: " + ", ".join(f"{code} {number}" for code, number in calibration.rows.items()),
        f"not calibrated (fewer than {least_rows(calibration.target)} texts): "
        + (", ".join(calibration.too_few) or "none"),
    ]
    if calibration.loosened:
        note.append(
            "few texts: thresholds are loosened where good texts need it, and none is made stricter"
        )
    if calibration.optimistic:
        note.append(
            "OPTIMISTIC: these texts had passed the former thresholds, so good texts that were "
            "rejected then are missing"
        )
    body = yaml.safe_dump(fragment(calibration), sort_keys=False, allow_unicode=True)
    write_text(path, "".join(f"# {line}\n" for line in note) + body)


def describe(path: Path) -> str:
    """Return a reference file's name and hash."""
    return f"{path.name}, SHA-256 {hash_file(path)}"


def _read(path: Path) -> pl.DataFrame:
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        ".parquet": read_parquet,
        ".csv": lambda file: pl.read_csv(file, glob=False),
        # An open file has no name that could be taken for a pattern.
        ".jsonl": lambda file: pl.read_ndjson(file.read_bytes()),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.is_file():
        what = "does not exist" if reader else f"is not one of {', '.join(readers)}"
        raise UsageError(f"--reference: {path} {what}")
    try:
        table = reader(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"--reference: {path} cannot be read: {error}") from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise UsageError(
            f"--reference: {path} has no column {' and no column '.join(map(repr, missing))}; it has: "
            f"{', '.join(table.columns)}. Wanted: {', '.join(COLUMNS)}, and {OPTIONAL} if there is any"
        )
    wanted = [name for name in (*COLUMNS, OPTIONAL) if name in table.columns]
    wrong = [name for name in wanted if table.schema[name] not in (pl.String, pl.Null)]
    if wrong:
        raise UsageError(f"--reference: {path}: the columns {', '.join(wrong)} do not hold text")
    empty = table.select(pl.any_horizontal(pl.col(COLUMNS).is_null()).sum()).item()
    if empty:
        raise UsageError(
            f"--reference: {path}: {empty} rows have no {', '.join(COLUMNS[:2])} or text"
        )
    for code in table["language"].unique().sort():
        try:
            get_language(code)
        except UnknownLanguageError as error:
            raise UsageError(f"--reference: {path}: {error}") from error
    return table.select(pl.col(wanted).cast(pl.String))
