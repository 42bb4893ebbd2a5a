"""What became of one prompt: its segments, hypotheses, scores, verdicts and set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from mlc_data.errors import UsageError
from mlc_data.workspace import Run


@dataclass(frozen=True)
class Explanation:
    """Everything that a run's tables say about one prompt.

    ``variants`` holds one mapping a target language: the columns of its translation, ``scores``,
    ``status``, ``reasons``. ``rejection`` is set for a row that did not become a prompt.
    """

    prompt_id: str
    prompt: str | None
    category: str | None
    row: int
    rejection: str | None
    variants: list[dict[str, Any]]
    split: str | None


def explain(run: Run, wanted: str, language: str | None = None) -> Explanation:
    """Find a prompt by its id (or its first digits), or a source row as ``row:17``.

    Raises:
        UsageError: no prompt fits, or several do; or the sources have not been read.
    """
    if not run.path("prompts.parquet").exists():
        raise UsageError(f"{run.folder} has no prompts yet: run the sources stage first")
    prompts = pl.read_parquet(run.path("prompts.parquet"))
    if wanted.startswith("row:"):
        number = wanted.removeprefix("row:")
        if not number.isdigit():
            raise UsageError(f"{wanted!r}: a source row reads row:17")
        rejected = pl.read_parquet(run.path("rejected", "prompts.parquet"))
        for row in rejected.filter(pl.col("row") == int(number)).iter_rows(named=True):
            told = f"{row['reason']}: {row['detail']}"
            return Explanation("", row["prompt"], None, row["row"], told, [], None)
        found = prompts.filter(pl.col("row") == int(number))
    else:
        found = prompts.filter(pl.col("prompt_id").str.starts_with(wanted))
    if found.height != 1:
        what = "no prompt" if found.is_empty() else f"{found.height} prompts"
        raise UsageError(
            f"{what} in {run.folder} with {wanted!r}; ids stand in prompts.parquet, and a source "
            "row can be named as row:17"
        )
    prompt = found.row(0, named=True)
    prompt_id = prompt["prompt_id"]
    return Explanation(
        prompt_id,
        prompt["prompt"],
        prompt["category"],
        prompt["row"],
        None,
        _variants(run, prompt_id, language),
        _split(run, prompt_id),
    )


def _variants(run: Run, prompt_id: str, language: str | None) -> list[dict[str, Any]]:
    if not run.path("translations").exists():
        return []
    mine = pl.col("prompt_id") == prompt_id
    if language:
        mine &= pl.col("language") == language
    rows = pl.read_parquet(run.path("translations", "*.parquet")).filter(mine)
    verdicts = {row["language"]: row for row in _verdicts(run, mine)}
    scores: dict[str, dict[str, float | None]] = {}
    if run.path("scores", "scores.parquet").exists():
        table = pl.read_parquet(run.path("scores", "scores.parquet")).filter(mine)
        for row in table.iter_rows(named=True):
            names = {name: row[name] for name in row if name not in ("prompt_id", "language")}
            scores[row["language"]] = names
    return [
        {
            **row,
            "scores": scores.get(row["language"], {}),
            "status": verdicts.get(row["language"], {}).get("status", "not decided yet"),
            "reasons": verdicts.get(row["language"], {}).get("reasons", []),
        }
        for row in rows.iter_rows(named=True)
    ]


def _verdicts(run: Run, mine: pl.Expr) -> list[dict[str, Any]]:
    rejected, kept = run.path("rejected", "variants.parquet"), run.path("variants/variants.parquet")
    if not kept.exists() or not rejected.exists():
        return []
    aside = pl.read_parquet(rejected).filter(mine).select("language", "status", "reasons")
    good = pl.read_parquet(kept).filter(mine).select("language")
    return [
        *aside.iter_rows(named=True),
        *({"language": row[0], "status": "kept", "reasons": []} for row in good.iter_rows()),
    ]


def _split(run: Run, prompt_id: str) -> str | None:
    for split in ("train", "test"):
        if list(run.path("sets").glob(f"{split}-*.parquet")):
            sets = pl.read_parquet(run.path("sets", f"{split}-*.parquet"), columns=["prompt_id"])
            if (sets["prompt_id"] == prompt_id).any():
                return split
    return None
