"""A run's tables as Parquet shards: configurations ``sets``, ``variants`` and ``preferences``, each in two splits."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlc_data.core.hashing import hash_file
from mlc_data.core.manifest import Manifest
from mlc_data.core.parquet import SplitFiles, read_parquet, scan_parquet, with_schema
from mlc_data.core.records import SETS, VARIANTS, Split
from mlc_data.errors import MlcDataError, UsageError
from mlc_data.pipeline.run import Run
from mlc_data.publish.preferences import CONVERSATIONAL, PAIR_TABLES, has_pairs, write_pairs
from mlc_data.variant_sets import split_of

_ROWS_AT_ONCE = 50_000
_VARIANTS_FILE = "variants/variants.parquet"


@dataclass(frozen=True)
class Tables:
    """Tables of a publication.

    Attributes:
        rows: by configuration and split; splits that have none are left out.
        paired: rows of ``sets`` that have a chosen and a rejected response.
        schemas: columns of each configuration.
        unlicensed: True where there are pairs, which are left out since their source has no recorded license.
    """

    rows: dict[str, dict[str, int]]
    paired: int
    schemas: dict[str, dict[str, pl.DataType]]
    unlicensed: bool = False


def require(run: Run, *stages: str) -> Manifest:
    """Return the manifest, after checking that the outputs of ``stages`` are as it says.

    Raises:
        UsageError: a stage has not been done.
        MlcDataError: a file is missing or was changed since.
    """
    manifest = run.manifest
    for name in stages:
        record = manifest.stages.get(name)
        if record is None:
            raise UsageError(
                f"{run.folder} has nothing to publish yet: its stage {name!r} is not done. "
                f"Run it first: mlc-data {name} {run.folder}"
            )
        for relative, digest in record.outputs.items():
            path = run.path(relative)
            if not path.is_file() or hash_file(path) != digest:
                raise MlcDataError(
                    f"{path} is missing or was changed since the stage {name!r} wrote it, so it is "
                    f"not published. Run the stage again: mlc-data {name} {run.folder}"
                )
    return manifest


def write_tables(run: Run, folder: Path, *, pairs: bool = True) -> Tables:
    """Write ``sets/`` and ``variants/`` into ``folder``, and ``preferences/`` with the run's pairs if it has any and
    ``pairs`` is True, in shards of the recipe's size.

    Kept variants of prompts that have no set are in ``variants`` too; a prompt's split is decided by
    its id, so no prompt is in both splits. A split without rows is left out: `datasets` refuses to
    load any of a configuration that has one.

    Raises:
        UsageError: there is no variant set.
        MlcDataError: the sets were split by another share than the recipe has now.
    """
    rows = {"sets": _copy_sets(run, folder / "sets")}
    if not rows["sets"]:
        raise UsageError(
            f"{run.folder} has no variant set, so there is nothing to publish: "
            "rejected/variants.parquet and `mlc-data explain` say why variants were not kept"
        )
    schema = dict(scan_parquet(run.path(_VARIANTS_FILE)).collect_schema())
    if list(schema.items())[: len(VARIANTS)] != list(VARIANTS.items()):
        raise MlcDataError(f"{run.path(_VARIANTS_FILE)} has other columns than it should have")
    rows["variants"] = _split_variants(run, folder / "variants", schema)
    both = pl.col("chosen").is_not_null() & pl.col("rejected").is_not_null()
    paired = scan_parquet(folder / "sets").filter(both).select(pl.len())
    schemas = {"sets": dict(SETS), "variants": schema}
    there = has_pairs(run)
    if there and pairs:
        for config, file in PAIR_TABLES.items():
            if run.path(file).is_file():
                rows[config] = _without_empty(write_pairs(run, folder / config, file))
                schemas[config] = CONVERSATIONAL
    return Tables(rows, int(paired.collect().item()), schemas, there and not pairs)


def _copy_sets(run: Run, folder: Path) -> dict[str, int]:
    folder.mkdir()
    rows = dict.fromkeys(map(str, Split), 0)
    for file in sorted(run.path("sets").glob("*.parquet")):
        with_schema(pl.DataFrame(schema=scan_parquet(file).collect_schema()), SETS, str(file))
        split = file.name.partition("-")[0]
        ids = read_parquet(file, columns=["prompt_id"])["prompt_id"]
        # The recipe may have another share by now; `variants` is split by it.
        if any(split_of(prompt_id, run.recipe.sets.test_share) != split for prompt_id in ids):
            raise MlcDataError(
                f"{file} was split by another sets.test_share than {run.path('recipe.yaml')} has: "
                f"build the sets again: mlc-data sets {run.folder}"
            )
        if ids.len():
            shutil.copyfile(file, folder / file.name)
            rows[split] += ids.len()
    return _without_empty(rows)


def _split_variants(run: Run, folder: Path, schema: Mapping[str, pl.DataType]) -> dict[str, int]:
    folder.mkdir()
    settings = run.recipe.sets
    table = scan_parquet(run.path(_VARIANTS_FILE))
    # Turns and responses are published where they belong, in the other configurations.
    prompts = read_parquet(run.path("prompts.parquet"), columns=["prompt_id"])["prompt_id"]
    table = table.filter(pl.col("prompt_id").is_in(prompts.to_list()))
    with (
        SplitFiles(folder, "train", settings.shard_rows, schema) as train,
        SplitFiles(folder, "test", settings.shard_rows, schema) as test,
    ):
        for part in table.collect_batches(chunk_size=_ROWS_AT_ONCE, maintain_order=True):
            held_out = pl.Series(
                [
                    split_of(prompt_id, settings.test_share) == Split.TEST
                    for prompt_id in part["prompt_id"]
                ],
                dtype=pl.Boolean,
            )
            test.write(part.filter(held_out))
            train.write(part.filter(~held_out))
    return _without_empty({"train": train.rows, "test": test.rows})


def _without_empty(rows: Mapping[str, int]) -> dict[str, int]:
    return {split: number for split, number in rows.items() if number}
