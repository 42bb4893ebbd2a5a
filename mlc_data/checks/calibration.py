"""Thresholds by language from the scores of trusted parallel text.

For each threshold and language, the value is taken that keeps the share of good text that it rejects
under a target, with 95 % confidence: an order statistic of the scores, chosen by the binomial
distribution (Wilks 1941). No assumption about the scores' distribution is made. It takes
``ln 0.05 / ln (1 - target)`` texts, 149 for a target of 0.02, for the most extreme score to be such a
bound; languages with fewer keep their thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from mlc_data.checks.language_id import counted
from mlc_data.checks.scoring import build_checks, prepare, reasons, score_rows
from mlc_data.core.files import write_text
from mlc_data.core.hashing import hash_file
from mlc_data.core.manifest import now
from mlc_data.core.records import TRANSLATIONS
from mlc_data.errors import UnknownLanguageError, UsageError
from mlc_data.language_id.fasttext import load_identifiers
from mlc_data.languages.flores import get_language
from mlc_data.pipeline.run import Run
from mlc_data.recipe.base import ByLanguage
from mlc_data.recipe.checks import Checks
from mlc_data.recipe.loading import merge, parse_recipe
from mlc_data.recipe.recipe import Recipe

CONFIDENCE = 0.95
DIGITS = 3
COLUMNS = ("source", "language", "text")
OPTIONAL = "back_translation"

CALIBRATED = frozenset({
    "arb_Arab", "ben_Beng", "deu_Latn", "eng_Latn", "fra_Latn", "hin_Deva", "jpn_Jpan", "kmr_Latn",
    "kor_Hang", "pbt_Arab", "rus_Cyrl", "spa_Latn", "swh_Latn", "tha_Thai", "urd_Arab", "vie_Latn",
    "zho_Hans", "zho_Hant",
})  # fmt: skip
"""Languages whose default thresholds come from human translations into them (NTREX-128, 1,997
sentences each): the quickstart's are among them. All others share the ``default`` of each threshold."""


@dataclass(frozen=True)
class Calibrated:
    """A threshold that can be calibrated.

    Attributes:
        section: of the recipe's ``checks``.
        key: the threshold in it.
        upper: whether it is a greatest value; else it is a least one.
        tighten: whether it may become stricter than it is. Not where nearly all good text has the best
            score there is: the next text need not.
        loosest: the furthest that it may go, so that no check is switched off by a few untranslated or
            wrong lines in the reference; None sets no limit.
        score: what the check compares with it, over the columns of scores.
    """

    section: str
    key: str
    upper: bool
    tighten: bool
    column: str
    loosest: float | None = None
    score: Callable[[Checks], pl.Expr] | None = None

    @property
    def name(self) -> str:
        """Dotted key within the recipe."""
        return f"checks.{self.section}.{self.key}"

    def values(self, checks: Checks) -> pl.Expr:
        """The score as the check compares it."""
        return self.score(checks) if self.score else pl.col(self.column)

    def now(self, checks: Checks) -> ByLanguage:
        """The threshold as it is."""
        found: ByLanguage = getattr(getattr(checks, self.section), self.key)
        return found


def _against(checks: Checks) -> pl.Expr:
    return counted(checks.language_id)


THRESHOLDS = (
    Calibrated("script", "min_share", False, False, "script_share", 0.2),
    Calibrated("language_id", "max_against", True, False, "language_id_against", 1.5, _against),
    Calibrated("length", "min_ratio", False, True, "length_ratio"),
    Calibrated("length", "max_ratio", True, True, "length_ratio"),
    Calibrated("repetition", "max_share", True, False, "repetition_share", 0.6),
    Calibrated("copied", "max_share", True, False, "copied_share", 0.9),
    Calibrated("coverage", "min_returned", False, False, "coverage_returned", 0.1),
    Calibrated("coverage", "max_invented", True, False, "coverage_invented", 12.0),
    Calibrated("coverage", "min_length", False, False, "coverage_length", 0.25),
    Calibrated("round_trip", "min_chrf", False, True, "round_trip_chrf"),
    Calibrated("round_trip", "min_words", False, True, "round_trip_words"),
)
"""Of the checks whose scores are continuous. A check without an entry here keeps its thresholds."""


@dataclass(frozen=True)
class Calibration:
    """What came of it.

    Attributes:
        values: dotted key of a threshold to its values by language (FLORES-200 code).
        rows: trusted texts by language.
        too_few: languages with fewer than `least_rows`, which keep their thresholds.
        target: share of good text that each threshold may reject (0 to 1).
        reference: where the texts are from, in words.
        optimistic: whether they had already passed the thresholds that were calibrated.
        date: UTC, ISO 8601.
    """

    values: Mapping[str, Mapping[str, float]]
    rows: Mapping[str, int]
    too_few: Mapping[str, int]
    target: float
    reference: str
    optimistic: bool
    date: str = field(default_factory=now)


def least_rows(target: float) -> int:
    """The fewest texts that allow a bound on a share of ``target`` (0 to 1, both excluded)."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(1 - target))


def order(rows: int, target: float) -> int:
    """How many of the lowest scores, at most, a least value may cut off or equal: the greatest k such
    that with 95 % confidence the k-th lowest score is not above the ``target`` quantile. 0 if there
    are too few rows."""
    below, cumulated = 0, 0.0
    log_no, log_yes = math.log(1 - target), math.log(target)
    while below < rows:
        log_choose = math.lgamma(rows + 1) - math.lgamma(below + 1) - math.lgamma(rows - below + 1)
        cumulated += math.exp(log_choose + below * log_yes + (rows - below) * log_no)
        if cumulated > 1 - CONFIDENCE:
            break
        below += 1
    return below


def bound(scores: Sequence[float], target: float, *, upper: bool) -> float:
    """The threshold that rejects at most a share ``target`` of such scores, with 95 % confidence.

    Rounded to three digits, away from the scores.

    Raises:
        ValueError: there are fewer scores than `least_rows`.
    """
    k = order(len(scores), target)
    if not k:
        raise ValueError(f"{len(scores)} scores are fewer than {least_rows(target)}")
    ordered = sorted(scores, reverse=upper)
    steps = float(ordered[k - 1]) * 10.0**DIGITS
    return (math.ceil(steps) if upper else math.floor(steps)) / 10.0**DIGITS


def calibrate(scores: pl.DataFrame, recipe: Recipe, target: float, **where: Any) -> Calibration:
    """Thresholds from scores of good text.

    Args:
        scores: ``language`` and score columns, as `runner.score_rows` makes them; thresholds whose
            score is missing, or null for a text, do without.
        recipe: its thresholds are those to be replaced.
        target: share of good text that each threshold may reject (0 to 1, both excluded).
        where: ``reference`` and ``optimistic`` of `Calibration`.

    Raises:
        UsageError: the target is out of range, or no language has enough rows.
    """
    if not 0 < target < 1:
        raise UsageError(f"--false-reject takes a share between 0 and 1, not {target}")
    rows = dict(scores.group_by("language").len().sort("language").iter_rows())
    least = least_rows(target)
    too_few = {code: number for code, number in rows.items() if number < least}
    if len(too_few) == len(rows):
        raise UsageError(
            f"no language has the {least} texts that a false-reject rate of {target} needs "
            f"({', '.join(f'{code} {number}' for code, number in too_few.items()) or 'no texts'})"
        )
    values: dict[str, dict[str, float]] = {}
    for one in THRESHOLDS:
        if one.column not in scores.columns:
            continue
        standing = one.now(recipe.checks)
        found = scores.select("language", value=one.values(recipe.checks)).drop_nulls()
        for code, part in sorted(found.partition_by("language", as_dict=True).items()):
            language = str(code[0])
            if part.height < least:
                continue
            value = bound(part["value"].to_list(), target, upper=one.upper)
            if one.loosest is not None:
                value = (min if one.upper else max)(value, one.loosest)
            stricter = (
                value < standing.get(language) if one.upper else value > standing.get(language)
            )
            if one.tighten or not stricter:
                values.setdefault(one.name, {})[language] = value
    return Calibration(values, rows, too_few, target, **where)


def recipe_with(recipe: Recipe, found: Calibration) -> Recipe:
    """The recipe with the calibrated thresholds in it."""
    return parse_recipe(merge(recipe.model_dump(mode="json"), fragment(found)), "the calibration")


def rejected(scores: pl.DataFrame, recipe: Recipe) -> dict[str, float]:
    """Share of the texts (0 to 1) that the recipe's checks together reject, by language.

    Checks whose scores are not in the table are left out.
    """
    checks = build_checks(recipe, load_identifiers(recipe.checks.language_identifiers))
    given = reasons([one for one in checks if set(one.scores) <= set(scores.columns)])
    share = scores.select("language", wrong=given.list.len() > 0).group_by("language")
    return dict(share.agg(pl.col("wrong").mean()).sort("language").iter_rows())


def reference_scores(path: Path, recipe: Recipe) -> pl.DataFrame:
    """``language`` and all scores of the trusted pairs in a file (.parquet, .csv or .jsonl).

    It has the columns ``source``, ``language`` (FLORES-200 code) and ``text``, and may have
    ``back_translation``. Without that, the round trip is not calibrated.

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
    checks = tuple(one for one in checks if back or one.reason != "round_trip")
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
    """``language`` and all scores of the variants that a run has kept.

    Raises:
        UsageError: nothing has been decided yet.
    """
    path = run.path("variants", "variants.parquet")
    if not path.is_file():
        raise UsageError(
            f"{run.folder} has no kept variants yet: run `mlc-data check` first, or name trusted "
            "parallel text with --reference"
        )
    return pl.read_parquet(path)


def fragment(found: Calibration) -> dict[str, Any]:
    """The calibrated thresholds as part of a recipe."""
    checks: dict[str, dict[str, Any]] = {}
    for name, values in found.values.items():
        _, section, key = name.split(".")
        checks.setdefault(section, {})[key] = dict(values)
    return {"checks": checks}


def write_fragment(found: Calibration, path: Path) -> None:
    """Write a recipe fragment for ``--with``, with everything about where it comes from as comments."""
    note = [
        "Thresholds by language, written by: mlc-data calibrate",
        f"date: {found.date}",
        f"reference: {found.reference}",
        f"target: each threshold rejects at most {found.target} of good text, with {CONFIDENCE:.0%} "
        "confidence",
        "texts: " + ", ".join(f"{code} {number}" for code, number in found.rows.items()),
        f"not calibrated (fewer than {least_rows(found.target)} texts): "
        + (", ".join(found.too_few) or "none"),
    ]
    if found.optimistic:
        note.append(
            "OPTIMISTIC: these texts had passed the thresholds before, so what was rejected wrongly "
            "then is not among them"
        )
    body = yaml.safe_dump(fragment(found), sort_keys=False, allow_unicode=True)
    write_text(path, "".join(f"# {line}\n" for line in note) + body)


def describe(path: Path) -> str:
    """A reference file's name and hash."""
    return f"{path.name}, SHA-256 {hash_file(path)}"


def _read(path: Path) -> pl.DataFrame:
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        ".parquet": pl.read_parquet,
        ".csv": pl.read_csv,
        ".jsonl": pl.read_ndjson,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.is_file():
        what = "does not exist" if reader else f"is none of {', '.join(readers)}"
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
