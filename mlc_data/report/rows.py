"""Rows of a run that a person can read: variants with their verdicts, and replies before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mlc_data.core.parquet import read_parquet
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

KEPT, REJECTED = "variants/variants.parquet", "rejected/variants.parquet"


@dataclass(frozen=True)
class Selection:
    """Rows to show.

    Attributes:
        languages: FLORES-200 codes; empty for all.
        search: words in any case, in the prompt, the variant or the reply; empty for all.
        rejected: rejected and failed variants only.
        limit: number of prompts.
    """

    languages: Sequence[str] = ()
    search: str = ""
    rejected: bool = False
    limit: int = 10


def variants(run: Run, selection: Selection) -> pl.DataFrame:
    """Return row, prompt, language, status, reasons, text and back-translation, in order of the source.

    Raises:
        UsageError: nothing has been decided yet, or a language is none of the run's.
    """
    if "check" not in run.manifest.stages:
        raise UsageError(
            f"{run.folder} has no variants yet: run `mlc-data sets {run.folder}` first"
        )
    _check_languages(run, selection)
    columns = ["prompt_id", "language", "source", "text", "back_translation"]
    rejected = read_parquet(run.path(REJECTED)).select(
        *columns, "status", "reasons", pl.col("failure").fill_null("").alias("failure")
    )
    parts = [rejected]
    if not selection.rejected:
        none = pl.lit([], dtype=pl.List(pl.String))
        parts.append(
            read_parquet(run.path(KEPT)).select(
                *columns,
                pl.lit("kept").alias("status"),
                none.alias("reasons"),
                pl.lit("").alias("failure"),
            )
        )
    rows = read_parquet(run.path("prompts.parquet")).select("prompt_id", "row")
    table = _searched(pl.concat(parts), selection, ("source", "text", "back_translation"))
    return _first(table.join(rows, on="prompt_id", how="left").sort("row", "language"), selection)


def replies(run: Run, selection: Selection) -> pl.DataFrame:
    """Return prompt, language, harmful, and both replies with the first judge's verdicts.

    Raises:
        UsageError: the run's checkpoint has not been evaluated, or a language is none of the run's.
    """
    path = run.path("evaluation", "replies.parquet")
    if not path.is_file() or "safety" not in run.manifest.stages:
        raise UsageError(f"{run.folder} has no replies yet: run `mlc-data evaluate {run.folder}`")
    _check_languages(run, selection)
    key = ["prompt_id", "language"]
    judged = read_parquet(run.path("evaluation", "judgments.parquet"))
    first = judged.filter(pl.col("judge") == judged["judge"].first()) if judged.height else judged
    refused = pl.when("refused").then(pl.lit("refused")).otherwise(pl.lit("answered"))
    decided = pl.when(pl.col("refused").is_not_null()).then(refused)
    verdict = pl.coalesce("verdict", decided, "invalid", "failure").alias("verdict")
    both = read_parquet(path).join(
        first.select(*key, "when", verdict), on=[*key, "when"], how="left"
    )
    sides = [
        both.filter(pl.col("when") == when).select(
            *key,
            *(["prompt", "harmful"] if when == "before" else []),
            pl.col("reply").alias(when),
            pl.col("verdict").alias(f"verdict_{when}"),
        )
        for when in ("before", "after")
    ]
    table = sides[0].join(sides[1], on=key, how="left", maintain_order="left")
    return _first(_searched(table, selection, ("prompt", "before", "after")), selection)


def _searched(table: pl.DataFrame, selection: Selection, columns: Sequence[str]) -> pl.DataFrame:
    if selection.languages:
        table = table.filter(pl.col("language").is_in(list(selection.languages)))
    if selection.search:
        words = selection.search.lower()
        table = table.filter(
            pl.any_horizontal(
                pl.col(column).str.to_lowercase().str.contains(words, literal=True).fill_null(False)
                for column in columns
            )
        )
    return table


def _first(table: pl.DataFrame, selection: Selection) -> pl.DataFrame:
    wanted = table["prompt_id"].unique(maintain_order=True).head(selection.limit)
    return table.filter(pl.col("prompt_id").is_in(wanted.implode()))


def _check_languages(run: Run, selection: Selection) -> None:
    known = (run.recipe.languages.source, *run.recipe.languages.targets)
    if unknown := [code for code in selection.languages if code not in known]:
        raise UsageError(
            f"{unknown[0]} is no language of {run.folder}; its languages: {', '.join(known)}"
        )
