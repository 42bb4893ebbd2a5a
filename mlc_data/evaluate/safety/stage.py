"""The stage that has both models answer prompts in many languages, and has the replies judged."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, astuple, dataclass
from typing import Any, Protocol

import polars as pl

from mlc_data.core import progress
from mlc_data.core.hashing import code_version, hash_value
from mlc_data.errors import UsageError
from mlc_data.evaluate.judges.base import Exchange, Judge
from mlc_data.evaluate.representations import held_out
from mlc_data.evaluate.safety.prompts import EvaluationPrompts, from_file, from_sets, join
from mlc_data.evaluate.safety.store import RowStore
from mlc_data.evaluate.safety.tables import (
    JUDGMENTS,
    REPLIES,
    SAFETY,
    judgment_rows,
    safety_rows,
)
from mlc_data.evaluate.safety.validity import READ, Reading, read_replies
from mlc_data.pipeline.run import Outcome, Run, Staging, write_table, write_text
from mlc_data.recipe.evaluate import Safety

log = logging.getLogger(__name__)

WHEN = ("before", "after")
"""The model that the recipe aligns, and its checkpoint."""


@dataclass(frozen=True)
class Model:
    """A model that answers: where it is, and what it is, for keys."""

    location: str
    revision: str | None
    identity: Any


class Keep(Protocol):
    """Takes replies as they come: places of prompts, and for each text, tokens, finished."""

    def __call__(self, places: Sequence[int], replies: Sequence[Any]) -> None:
        """Each reply has ``text``, ``tokens`` and ``finished``."""


class Speak(Protocol):
    """Has a model answer prompts."""

    def __call__(
        self, location: str, revision: str | None, prompts: Sequence[str], keep: Keep
    ) -> None:
        """Hands each batch of replies to ``keep`` as soon as it is there."""


def judge_safety(
    run: Run,
    *,
    speak: Speak,
    reading: Callable[[], Reading],
    judges: Sequence[Callable[[], Judge]],
    identities: Sequence[Any],
    reader: Any,
    force: bool = False,
) -> bool:
    """Write ``evaluation/replies.parquet``, ``judgments.parquet``, ``safety.parquet`` and ``safety.json``;
    returns whether the stage was reused.

    Replies and judgments are kept row by row in ``.evaluation/`` within the run's folder, so that a stage
    that was stopped goes on where it was, and another judge or limit asks no model again.

    Args:
        run: has ``sets/`` and ``checkpoint/``.
        speak: has a model answer.
        reading: gives identifiers and loops, called once if there is anything to read.
        judges: give the judges of `Safety.judges`, in order; called only if something is to be judged.
        identities: what each of them is, for keys: its name first; the same identity judges alike.
        reader: what ``reading`` gives, for the key.
        force: ask and judge again even if nothing has changed.

    Raises:
        UsageError: nothing has been aligned yet.
        SourceError: prompts cannot be read.
        ModelError: a judge cannot be loaded.
    """
    settings = run.recipe.evaluate.safety
    aligned = run.manifest.stages.get("align")
    if aligned is None or not run.path("checkpoint").is_dir():
        raise UsageError(f"{run.folder} has no checkpoint yet: run the align stage first")
    if settings is None:
        return run.stage("safety", {"safety": None}, _OUTPUTS, lambda _: Outcome(), force=force)
    prompts = _prompts(run, settings)
    base = run.recipe.align
    record = run.manifest.models["base"]
    models = {
        "before": Model(base.model, base.revision, [record.id, record.revision]),
        "after": Model(str(run.path("checkpoint")), None, aligned.outputs),
    }
    key = {
        "prompts": prompts.identity,
        "safety": settings.model_dump(mode="json"),
        "languages": run.recipe.languages.model_dump(mode="json"),
        "reader": reader,
        "align": [aligned.key, aligned.outputs],
        "judges": list(identities),
        "code": code_version("evaluate", "refusals", "records.py", "align/generate.py"),
    }

    def work(staging: Staging) -> Outcome:
        folder = run.path(".evaluation")
        if force:
            for file in folder.glob("*.jsonl"):
                file.unlink()
        replies = pl.concat(
            [_replies(run, when, models[when], prompts.frame, speak) for when in WHEN]
        )
        read = read_replies(replies, settings.validity, reading())
        replies = replies.hstack(read.select(list(READ)))
        write_table(replies, staging.path("evaluation", "replies.parquet"), REPLIES)
        tables: list[pl.DataFrame] = []
        for make, identity in zip(judges, identities, strict=True):
            tables.append(_judge(run, replies, make, identity))
        judgments = pl.concat(tables)
        write_table(judgments, staging.path("evaluation", "judgments.parquet"), JUDGMENTS)
        table = pl.concat(
            [safety_rows(one, replies, settings.bootstrap, settings.confidence) for one in tables]
        )
        write_table(table, staging.path("evaluation", "safety.parquet"), SAFETY)
        results = _results(table, str(identities[0][0]))
        counts = _counts(prompts, judgments)
        details = {"judge": identities[0], **results, "counts": counts}
        write_text(staging.path("evaluation", "safety.json"), json.dumps(details, indent=2) + "\n")
        return Outcome(results={"safety": results}, notes=counts)

    earlier = run.manifest.stages.get("safety")
    judged = earlier.notes.get("judges", {}).values() if earlier else ()
    return run.stage(
        "safety", key, _OUTPUTS, work, force=force or any(one["failed"] for one in judged)
    )


_OUTPUTS = tuple(
    f"evaluation/{name}"
    for name in ("replies.parquet", "judgments.parquet", "safety.parquet", "safety.json")
)


def _prompts(run: Run, settings: Safety) -> EvaluationPrompts:
    parts = []
    for number, each in enumerate(settings.prompts):
        if each.path is None and each.hub is None:
            identity = [run.content_hash("sets"), run.recipe.sets.test_share]
            parts.append(from_sets(held_out(run).to_dicts(), each, identity))
        else:
            parts.append(from_file(each, number))
    found = join(parts)
    for reason, count in found.rejected.items():
        log.warning("evaluate: %d of %d texts are not asked: %s", count, found.read, reason)
    return found


def _replies(
    run: Run, when: str, model: Model, prompts: pl.DataFrame, speak: Speak
) -> pl.DataFrame:
    settings = run.recipe.evaluate.safety
    assert settings is not None
    made = code_version("align/generate.py", "align/batches.py")
    limit = settings.max_new_tokens
    digest = hash_value([when, model.identity, limit, run.recipe.align.dtype, made])
    with closing(RowStore(run.path(".evaluation", f"replies-{digest[:16]}.jsonl"))) as store:
        texts = [
            text for text in prompts["prompt"].unique(maintain_order=True) if text not in store
        ]

        def keep(places: Sequence[int], replies: Sequence[Any]) -> None:
            store.add(
                (texts[place], {"reply": one.text, "tokens": one.tokens, "finished": one.finished})
                for place, one in zip(places, replies, strict=True)
            )

        if texts:
            log.info("evaluate: %s: %d prompts are answered", when, len(texts))
            speak(model.location, model.revision, texts, keep)
        answers = [store[text] for text in prompts["prompt"]]
    answered = prompts.with_columns(
        pl.lit(when).alias("when"),
        pl.Series("reply", [one["reply"] for one in answers], dtype=pl.String),
        pl.Series("tokens", [one["tokens"] for one in answers], dtype=pl.Int64),
        pl.Series("finished", [one["finished"] for one in answers], dtype=pl.Boolean),
    )
    return answered.select(name for name in REPLIES if name not in READ)


def _judge(
    run: Run, replies: pl.DataFrame, make: Callable[[], Judge], identity: Any
) -> pl.DataFrame:
    """As `JUDGMENTS`; invalid replies are not shown to the judge."""
    name = str(identity[0])
    exchanges = [
        Exchange(row["prompt"], row["reply"], row["language"]) if row["invalid"] is None else None
        for row in replies.iter_rows(named=True)
    ]
    keys = [None if one is None else hash_value(list(astuple(one))) for one in exchanges]
    asked = {key: one for key, one in zip(keys, exchanges, strict=True) if key and one}
    found: dict[str, Mapping[str, Any]] = {}
    path = run.path(".evaluation", f"judgments-{hash_value(identity)[:16]}.jsonl")
    with closing(RowStore(path)) as store:
        missing = [key for key in asked if key not in store]
        if missing:
            judge = make()
            with progress.bar(f"judging by {name}", len(missing), "replies") as bar:
                for start in range(0, len(missing), judge.batch_size):
                    batch = missing[start : start + judge.batch_size]
                    judgments = judge.judge([asked[key] for key in batch])
                    rows = {key: asdict(one) for key, one in zip(batch, judgments, strict=True)}
                    found |= rows
                    # What failed is not kept: it is judged again the next time.
                    store.add((key, row) for key, row in rows.items() if row["failure"] is None)
                    bar.advance(len(batch))
        found |= {key: store[key] for key in asked if key in store}
    return judgment_rows(replies, name, [None if key is None else found[key] for key in keys])


def _results(table: pl.DataFrame, judge: str) -> dict[str, Any]:
    """For the manifest: one judge's figures over all languages, before and after, of `SAFETY` rows."""
    rows = table.filter((pl.col("judge") == judge) & pl.col("language").is_null())
    results: dict[str, Any] = {when: {} for when in WHEN}
    for row in rows.iter_rows(named=True):
        results[row["when"]][row["figure"]] = {name: row[name] for name in ("value", "low", "high")}
    for when, figures in results.items():
        told = ", ".join(
            f"{name} {one['value']:.3g}"
            for name, one in figures.items()
            if one["value"] is not None
        )
        log.info("evaluate: %s: %s", when, told)
    return results


def _counts(prompts: EvaluationPrompts, judgments: pl.DataFrame) -> dict[str, Any]:
    """Rows in and out: read = asked + rejected; each reply is judged, invalid, or failed."""
    by_judge: dict[str, Any] = {}
    for (judge,), part in judgments.group_by("judge", maintain_order=True):
        failed = Counter(part["failure"].drop_nulls())
        invalid = Counter(part["invalid"].drop_nulls())
        by_judge[str(judge)] = {
            "replies": part.height,
            "judged": part.height - failed.total() - invalid.total(),
            "invalid": dict(sorted(invalid.items())),
            "failed": dict(sorted(failed.items())),
        }
        if failed:
            log.warning(
                "evaluate: %s gave no judgment of %d replies (%s); they are judged again the next time",
                judge, failed.total(), ", ".join(f"{name} {n}" for name, n in failed.items()),
            )  # fmt: skip
    return {
        "prompts": {
            "read": prompts.read,
            "asked": prompts.frame.height,
            "rejected": dict(prompts.rejected),
        },
        "judges": by_judge,
    }
