"""The sample of a run's variants that people judge."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from mlc_data.checks.base import Check
from mlc_data.checks.stage import KEPT, REJECTED, decided_by, recipe_checks
from mlc_data.core.files import atomic_file
from mlc_data.core.hashing import hash_value
from mlc_data.core.parquet import read_table, scan_parquet, write_table
from mlc_data.core.records import KEYS, Status
from mlc_data.errors import MlcDataError, UsageError, first_line
from mlc_data.pipeline.layout import REVIEW_FOLDER
from mlc_data.pipeline.run import Run
from mlc_data.review.strata import divide, order

log = logging.getLogger(__name__)

SAMPLE: dict[str, pl.DataType] = {
    "row": pl.String(),
    **KEYS,
    "prompt": pl.String(),
    "variant": pl.String(),
    "back_translation": pl.String(),
    "verdict": pl.String(),
    "reason": pl.String(),
    "stratum": pl.String(),
    "stratum_size": pl.Int64(),
}
"""``review/sample-<id>.parquet``: one row a sampled variant.

``row`` is ``<prompt_id>:<language>``; ``verdict`` (kept or rejected) and ``reason`` (null for kept ones) are those
of the time; ``stratum_size`` is the number of the run's variants in the language's stratum.
"""

ALL = "*"
"""Name that stands for every variant in counts by reason."""

ROW = pl.concat_str("prompt_id", "language", separator=":")
"""Id of a variant in files for people."""


def draw(run: Run, per_language: int, seed: int) -> pl.DataFrame:
    """Return a sample (`SAMPLE`) of the variants with a text, in an order that a seed stands for.

    Args:
        run: a run whose variants have verdicts.
        per_language: rows a language (1 and up), or all where there are fewer.
        seed: another one gives other rows.

    Raises:
        UsageError: nothing has been decided yet, or there are no variants.
    """
    refuse_undecided(run)
    checks = [check for check in recipe_checks(decided_by(run)) if check.enabled]
    parts = [
        pl.DataFrame(schema={name: SAMPLE[name] for name in ("row", "stratum", "stratum_size")})
    ]
    for language in run.recipe.languages.targets:
        strata = divide(_variants(run, language, checks), checks, per_language)
        parts += [stratum.sampled(seed) for stratum in strata if stratum.wanted]
    chosen = pl.concat(parts)
    if chosen.is_empty():
        raise UsageError(f"{run.folder} has no variants to review: none has a text")
    texts = verdicts_of(run, chosen["row"].to_list())
    shown = texts.select(
        "row", *KEYS, "back_translation", "verdict", "reason", prompt="source", variant="text"
    )
    sample = chosen.join(shown, on="row", how="inner", validate="1:1").select(list(SAMPLE))
    places = [order(seed, row).hex() for row in sample["row"]]
    ranks = {code: number for number, code in enumerate(run.recipe.languages.targets)}
    by_language = pl.col("language").replace_strict(ranks, return_dtype=pl.Int64)
    return (
        sample.with_columns(pl.Series("_place", places)).sort(by_language, "_place").drop("_place")
    )


def refuse_undecided(run: Run) -> None:
    """Refuse a run whose variants have no verdicts.

    Raises:
        UsageError: it has none.
    """
    if not run.path(KEPT).is_file() or not run.path(REJECTED).is_file():
        raise UsageError(f"{run.folder} has no verdicts to review yet: mlc-data check {run.folder}")


def verdicts_of(run: Run, rows: Sequence[str]) -> pl.DataFrame:
    """Return the present text, ``verdict``, ``reason``, ``reasons`` and scores of variants by their ids."""
    wanted = pl.LazyFrame({"row": rows}, schema={"row": pl.String})
    # The prompts are looked for while the file is read; ids of rows are made for the few that are left.
    prompts = pl.col("prompt_id").is_in({row.rpartition(":")[0] for row in rows})
    parts = [
        table.filter(prompts).with_columns(row=ROW).join(wanted, on="row", how="semi").collect()
        for table in _decided(run)
    ]
    return pl.concat(parts, how="diagonal")


def counts_of(run: Run) -> pl.DataFrame:
    """Return the ``number`` of variants with a text by ``language`` and ``reason``.

    A variant counts under each of its reasons, under null if it is kept, and under `ALL`.
    """
    tables = [table.select("language", "reasons") for table in _decided(run)]
    both = pl.concat(tables)
    every = both.select("language", reason=pl.lit(ALL))
    kept = both.filter(pl.col("reasons").list.len() == 0)
    rejected = both.filter(pl.col("reasons").list.len() > 0)
    by_reason = rejected.select("language", reason="reasons").explode("reason")
    no_reason = kept.select("language", reason=pl.lit(None, pl.String))
    counts = pl.concat([every, by_reason, no_reason]).group_by("language", "reason")
    return counts.agg(number=pl.len().cast(pl.Int64)).collect()


def sample_id(sample: pl.DataFrame) -> str:
    """Return a name for a sample's files, made from its rows and texts."""
    return hash_value(sample.sort("row").rows())[:8]


def sample_path(run: Run, name: str) -> Path:
    """Return the file that keeps a sample."""
    return run.path(REVIEW_FOLDER, f"sample-{name}.parquet")


def keep_sample(run: Run, sample: pl.DataFrame) -> str:
    """Write a sample into the run's folder; return its id."""
    name = sample_id(sample)
    path = sample_path(run, name)
    # The id says what is in it; the folder of a finished run may be one that cannot be written.
    if path.is_file() and _holds(path, name):
        return name
    with run.locked():
        path.parent.mkdir(exist_ok=True)
        with atomic_file(path) as temporary:
            write_table(sample, temporary, SAMPLE)
    return name


def _holds(path: Path, name: str) -> bool:
    """Return whether a file holds the sample of that id; one that was harmed does not, and is written anew."""
    try:
        return sample_id(read_table(path, SAMPLE)) == name
    except (pl.exceptions.PolarsError, OSError, MlcDataError) as error:
        log.warning("%s cannot be read, and is written anew: %s", path, first_line(error))
        return False


def kept_samples(run: Run) -> dict[str, pl.DataFrame]:
    """Return every sample of a run by its id."""
    files = sorted(run.path(REVIEW_FOLDER).glob("sample-*.parquet"))
    return {file.stem.removeprefix("sample-"): read_table(file, SAMPLE) for file in files}


def _decided(run: Run) -> Iterator[pl.LazyFrame]:
    """Yield the tables of kept and rejected variants with ``verdict``, ``reason`` and ``reasons``."""
    kept = scan_parquet(run.path(KEPT))
    yield kept.with_columns(
        verdict=pl.lit(str(Status.KEPT)),
        reason=pl.lit(None, pl.String),
        reasons=pl.lit([], pl.List(pl.String)),
    )
    rejected = scan_parquet(run.path(REJECTED)).filter(pl.col("status") == Status.REJECTED)
    yield rejected.with_columns(verdict=pl.lit(str(Status.REJECTED)))


def _variants(run: Run, language: str, checks: Sequence[Check]) -> pl.DataFrame:
    """Return what `divide` needs of a language's variants."""
    scores = {
        name
        for check in checks
        for limit in check.limits
        for name in limit.value(check.settings).meta.root_names()
    }
    columns = ("verdict", "reason", *sorted(scores - {"language"}))
    parts = [
        table.filter(pl.col("language") == language).select(ROW.alias("row"), "language", *columns)
        for table in _decided(run)
    ]
    return pl.concat(parts).collect()
