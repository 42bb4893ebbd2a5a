"""Replies before and after alignment, side by side, with every judge's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from mlc_data.core.parquet import read_parquet
from mlc_data.evaluate.models import WHEN
from mlc_data.report.page.context import Facts

_KEYS = ["prompt_id", "language"]


@dataclass(frozen=True)
class Replies:
    """The section.

    Attributes:
        pairs: a mapping for each prompt in a language, for the page's script: ``before`` and ``after`` hold the
            reply and each judge's words; ``d`` is whether a judge says something else after alignment.
        total: prompts in all languages that were asked.
        languages: codes in order.
        missing: why there are none, in one line.
    """

    pairs: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    languages: tuple[str, ...] = ()
    missing: str = ""


def replies(facts: Facts) -> Replies:
    """Return the replies; of many, those that are judged differently first, and then some at random."""
    path = facts.run.path("evaluation", "replies.parquet")
    if "safety" not in facts.manifest.stages or not path.is_file():
        step = "evaluate" if "align" in facts.manifest.stages else "align"
        return Replies(missing=f"No replies yet: mlc-data {step} {facts.folder}")
    table = read_parquet(path)
    judged = read_parquet(facts.run.path("evaluation", "judgments.parquet"))
    differ = _differing(judged)
    keys = table.select(_KEYS).unique(maintain_order=True)
    rank = np.random.default_rng(facts.options.seed).permutation(keys.height)
    ordered = (
        keys.join(differ, on=_KEYS, how="left", maintain_order="left")
        .with_columns(pl.col("differs").fill_null(value=False), rank=pl.Series(rank))
        .sort("differs", "rank", descending=[True, False])
        .head(facts.options.replies)
    )
    said = _by_key(judged.join(ordered, on=_KEYS, how="semi"))
    texts = _by_key(table.join(ordered, on=_KEYS, how="semi"))
    pairs = [
        _pair((prompt, code), texts[prompt, code], said.get((prompt, code), []), differs=differs)
        for prompt, code, differs in ordered.select(*_KEYS, "differs").iter_rows()
    ]
    codes = table["language"].unique(maintain_order=True).to_list()
    return Replies(pairs, keys.height, tuple(codes))


def _differing(judged: pl.DataFrame) -> pl.DataFrame:
    """Return ``differs`` by prompt and language: a judge's verdict, refusal or the reply's validity has changed."""
    said = pl.concat_str(
        pl.col("verdict").fill_null("-"),
        pl.col("refused").cast(pl.String).fill_null("-"),
        pl.col("invalid").fill_null("-"),
        separator=" ",
    )
    by_judge = judged.group_by(*_KEYS, "judge").agg(differs=said.n_unique() > 1)
    return by_judge.group_by(_KEYS).agg(pl.col("differs").any())


def _by_key(table: pl.DataFrame) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in table.iter_rows(named=True):
        found.setdefault((row["prompt_id"], row["language"]), []).append(row)
    return found


def _pair(
    key: tuple[str, str],
    texts: list[dict[str, Any]],
    said: list[dict[str, Any]],
    *,
    differs: bool,
) -> dict[str, Any]:
    first = texts[0]
    pair: dict[str, Any] = {
        "i": key[0],
        "l": key[1],
        "p": first["prompt"],
        "c": first["category"],
        "h": first["harmful"],
        "d": differs,
    }
    for when in WHEN:
        text = next((each for each in texts if each["when"] == when), None)
        words = [_words(each) for each in said if each["when"] == when]
        pair[when] = None if text is None else _side(text, words)
    return pair


def _side(text: Mapping[str, Any], words: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "t": text["reply"],
        "cut": not text["finished"],
        "invalid": text["invalid"],
        "language": text["reply_language"],
        "same": text["same_language"],
        "j": words,
    }


def _words(row: Mapping[str, Any]) -> dict[str, Any]:
    verdict = row["failure"] or row["invalid"] or row["verdict"]
    refused = {True: "refused", False: "answered"}.get(row["refused"])
    shown = ", ".join(each for each in (refused, verdict) if each)
    return {"judge": row["judge"], "says": shown or "no opinion", "why": row["detail"] or ""}
