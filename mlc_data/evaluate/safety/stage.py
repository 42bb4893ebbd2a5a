"""The stage that has both models answer prompts in many languages, and has the replies judged."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, astuple
from functools import partial
from typing import Any, ClassVar

import polars as pl

from mlc_data.consistency.sets import held_out
from mlc_data.core import progress
from mlc_data.core.files import write_text
from mlc_data.core.hashing import hash_value
from mlc_data.core.manifest import BASE
from mlc_data.core.parquet import write_table
from mlc_data.core.paths import source_file
from mlc_data.core.wording import in_words
from mlc_data.evaluate.judges.base import Exchange, Judge
from mlc_data.evaluate.judges.selection import check_judge, identify_judge, load_judge
from mlc_data.evaluate.models import WHEN, aligned_stage, models_to_compare
from mlc_data.evaluate.safety.judge_agreement import judges_agreement
from mlc_data.evaluate.safety.prompts import EvaluationPrompts, from_file, from_sets, join
from mlc_data.evaluate.safety.reasoning import reasoning_counts, take_off_reasoning
from mlc_data.evaluate.safety.served import ask, identify_endpoint, open_client
from mlc_data.evaluate.safety.store import RowStore
from mlc_data.evaluate.safety.tables import (
    JUDGMENTS,
    REPLIES,
    SAFETY,
    judgment_rows,
    safety_rows,
)
from mlc_data.evaluate.safety.validity import READ, read_replies
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.language_id.loading import load_identifiers
from mlc_data.lm.chat_template import Chat
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import Stage, StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.evaluate import Safety

log = logging.getLogger(__name__)

REPLIES_VERSION = 3
"""Version of generated replies: raise it when generation gives other replies to the same prompts."""

JUDGES = "evaluate.safety.judges"

_NO_REPLY: Mapping[str, Any] = {"reply": "", "tokens": 0, "finished": False}

OnBatch = Callable[[Sequence[int], Sequence[Any]], None]
"""Called with each batch of replies: positions of prompts, and replies with ``text``, ``tokens``, ``finished``."""


class SafetyStage(Stage):
    """Generate replies of both models to prompts in many languages, and have them judged.

    Writes ``evaluation/replies.parquet``, ``judgments.parquet``, ``safety.parquet`` and ``safety.json``.
    Replies and judgments are kept row by row in ``.evaluation/`` within the run's folder, so that a
    stopped stage resumes, and another judge or limit generates no reply again.

    Raises:
        UsageError: nothing has been aligned yet.
        SourceError: prompts cannot be read.
        ModelError: a judge cannot be loaded.
    """

    name = "safety"
    version = 2
    reads = ("sets", "checkpoint")
    writes: ClassVar = {
        "evaluation/replies.parquet": "replies",
        "evaluation/judgments.parquet": "judgments",
        "evaluation/safety.parquet": "safety by language",
        "evaluation/safety.json": "safety",
    }
    models = (BASE,)
    results = ("safety",)

    def preflight(self, run: Run) -> None:
        """Check that prompts and judges exist.

        Raises:
            UsageError: prompts or an endpoint's key are missing, or an address is wrong.
            ModelError: a judge's model is missing.
        """
        settings = run.recipe.evaluate.safety
        if settings is None:
            return
        for number, prompts in enumerate(settings.prompts):
            if prompts.path:
                source_file(prompts.path, f"evaluate.safety.prompts[{number}].path")
        for number, judge in enumerate(settings.judges):
            check_judge(judge, f"{JUDGES}[{number}]")
        if settings.replies.endpoint is not None:
            open_client(settings.replies.endpoint, WHEN[0]).close()

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        settings, aligned = run.recipe.evaluate.safety, aligned_stage(run)
        if settings is None:
            return {"safety": None}
        return {
            "prompts": _prompts(run, settings).identity,
            "safety": settings.model_dump(mode="json"),
            "languages": run.recipe.languages.model_dump(mode="json"),
            "reader": [[each.id, each.revision] for each in self.identifiers(run)],
            "replies": REPLIES_VERSION,
            "align": [aligned.key, aligned.outputs],
            "judges": self.judge_identities(run),
        }

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        settings = run.recipe.evaluate.safety
        if settings is None:
            return StageResult()
        if staging.force:
            for file in run.path(".evaluation").glob("*.jsonl"):
                file.unlink()
        prompts, identities = _prompts(run, settings), self.judge_identities(run)
        replies = pl.concat([self._replies(run, when, prompts.frame) for when in WHEN])
        read = read_replies(replies, settings.validity, self.identifiers(run))
        # A missing reply is empty, but not because a model said nothing.
        valid = pl.when(pl.col("failure").is_null()).then("invalid").alias("invalid")
        replies = replies.hstack(read.select(list(READ))).with_columns(valid)
        write_table(replies, staging.path("evaluation", "replies.parquet"), REPLIES)
        tables = [
            _judge(run, replies, partial(self.open_judge, run, number), identity)
            for number, identity in enumerate(identities)
        ]
        judgments = pl.concat(tables)
        write_table(judgments, staging.path("evaluation", "judgments.parquet"), JUDGMENTS)
        table = pl.concat(
            [safety_rows(each, replies, settings.bootstrap, settings.confidence) for each in tables]
        )
        write_table(table, staging.path("evaluation", "safety.parquet"), SAFETY)
        results = _results(table, str(identities[0][0]))
        if len(tables) > 1:
            results["judges_agree"] = [asdict(each) for each in judges_agreement(tables)]
        counts = {**_counts(prompts, judgments), "replies": reasoning_counts(replies)}
        details = {"judge": identities[0], **results, "counts": counts}
        write_text(staging.path("evaluation", "safety.json"), json.dumps(details, indent=2) + "\n")
        return StageResult(results={"safety": results}, notes=counts)

    def incomplete(self, run: Run) -> bool:
        """Return whether a judge failed on some replies."""
        record = run.manifest.stages.get(self.name)
        judges = record.notes.get("judges", {}).values() if record else ()
        return any(judge["failed"] for judge in judges)

    def generate(
        self,
        run: Run,
        location: str,
        revision: str | None,
        prompts: Sequence[str],
        on_batch: OnBatch,
    ) -> None:
        """Generate a model's replies to prompts; ``on_batch`` gets each batch as soon as it is finished."""
        from mlc_data.lm.generate import generate
        from mlc_data.lm.loading import load_on_device, quiet

        settings = _settings(run)
        model, tokenizer = load_on_device(
            location, revision, _dtype(run), Chat.of(run.recipe.align)
        )
        limits = {"max_new_tokens": settings.max_new_tokens, "batch_size": settings.batch_size}
        with quiet():
            generate(model, tokenizer, prompts, on_batch, **limits)

    def identifiers(self, run: Run) -> tuple[LanguageIdentifier, ...]:
        """Return the identifiers of the replies' languages."""
        return tuple(load_identifiers(run.recipe.checks.language_identifiers))

    def open_judge(self, run: Run, number: int) -> Judge:
        """Return a judge of the recipe, ready to judge."""
        return load_judge(_settings(run).judges[number], f"{JUDGES}[{number}]")

    def judge_identities(self, run: Run) -> list[Any]:
        """Return the name of each judge and all that determines its judgments, without loading it."""
        settings = run.recipe.evaluate.safety
        judges = settings.judges if settings else ()
        return [identify_judge(judge, f"{JUDGES}[{n}]") for n, judge in enumerate(judges)]

    def _replies(self, run: Run, when: str, prompts: pl.DataFrame) -> pl.DataFrame:
        base, aligned = run.manifest.models[BASE], aligned_stage(run)
        model = [base.id, base.revision] if when == WHEN[0] else aligned.outputs
        limit, endpoint = _settings(run).max_new_tokens, _settings(run).replies.endpoint
        if endpoint is None:
            chat = [each for each in [Chat.of(run.recipe.align).identity] if each]
            digest = hash_value([when, model, limit, _dtype(run), REPLIES_VERSION, *chat])
        else:
            served = identify_endpoint(endpoint, when)
            digest = hash_value([when, model, limit, served, REPLIES_VERSION])
        failed: dict[str, str] = {}
        with closing(RowStore(run.path(".evaluation", f"replies-{digest[:16]}.jsonl"))) as store:
            distinct = prompts["prompt"].unique(maintain_order=True)
            texts = [text for text in distinct if text not in store]

            def keep(positions: Sequence[int], replies: Sequence[Any]) -> None:
                store.add(
                    (
                        texts[at],
                        {"reply": reply.text, "tokens": reply.tokens, "finished": reply.finished},
                    )
                    for at, reply in zip(positions, replies, strict=True)
                )

            if texts:
                log.info("evaluate: %s: generating replies to %d prompts", when, len(texts))
                if endpoint is None:
                    self.generate(run, *models_to_compare(run)[when], texts, keep)
                else:
                    reasons = ask(endpoint, when, texts, limit, keep)
                    failed = {texts[at]: reason for at, reason in reasons.items()}
            answers = [_NO_REPLY if text in failed else store[text] for text in prompts["prompt"]]
        answered = prompts.with_columns(
            pl.lit(when).alias("when"),
            pl.Series("reply", [each["reply"] for each in answers], dtype=pl.String),
            pl.Series("tokens", [each["tokens"] for each in answers], dtype=pl.Int64),
            pl.Series("finished", [each["finished"] for each in answers], dtype=pl.Boolean),
            pl.Series("failure", [failed.get(text) for text in prompts["prompt"]], dtype=pl.String),
        )
        return take_off_reasoning(answered).select(name for name in REPLIES if name not in READ)


def _dtype(run: Run) -> str:
    return _settings(run).replies.dtype or run.recipe.align.dtype


def _settings(run: Run) -> Safety:
    settings = run.recipe.evaluate.safety
    assert settings is not None
    return settings


def _prompts(run: Run, settings: Safety) -> EvaluationPrompts:
    parts = []
    for number, each in enumerate(settings.prompts):
        if each.own:
            identity = [run.content_hash("sets"), run.recipe.sets.test_share]
            parts.append(from_sets(held_out(run).to_dicts(), each, identity))
        else:
            parts.append(from_file(each, number))
    prompts = join(parts)
    for reason, count in prompts.rejected.items():
        # A limit is the recipe's own wish.
        level = logging.INFO if reason == "over_limit" else logging.WARNING
        log.log(level, "evaluate: %d of %d texts are not used: %s", count, prompts.read, reason)
    return prompts


def _judge(
    run: Run, replies: pl.DataFrame, make: Callable[[], Judge], identity: Any
) -> pl.DataFrame:
    """Return `JUDGMENTS` of replies; the judge does not get invalid and missing ones."""
    name = str(identity[0])
    exchanges = [
        Exchange(row["prompt"], row["reply"], row["language"])
        if row["invalid"] is None and row["failure"] is None
        else None
        for row in replies.iter_rows(named=True)
    ]
    keys = [None if each is None else hash_value(list(astuple(each))) for each in exchanges]
    by_key = {key: each for key, each in zip(keys, exchanges, strict=True) if key and each}
    judged: dict[str, Mapping[str, Any]] = {}
    path = run.path(".evaluation", f"judgments-{hash_value(identity)[:16]}.jsonl")
    with closing(RowStore(path)) as store:
        missing = [key for key in by_key if key not in store]
        if missing:
            judge = make()
            with progress.bar(f"judging by {name}", len(missing), "replies") as bar:
                for start in range(0, len(missing), judge.batch_size):
                    batch = missing[start : start + judge.batch_size]
                    judgments = judge.judge([by_key[key] for key in batch])
                    rows = {key: asdict(each) for key, each in zip(batch, judgments, strict=True)}
                    judged |= rows
                    # What failed is not kept: it is judged again the next time.
                    store.add((key, row) for key, row in rows.items() if row["failure"] is None)
                    bar.advance(len(batch))
        judged |= {key: store[key] for key in by_key if key in store}
    return judgment_rows(replies, name, [None if key is None else judged[key] for key in keys])


def _results(table: pl.DataFrame, judge: str) -> dict[str, Any]:
    """Return one judge's figures over all languages from `SAFETY` rows, before and after, for the manifest."""
    rows = table.filter((pl.col("judge") == judge) & pl.col("language").is_null())
    results: dict[str, Any] = {when: {} for when in WHEN}
    for row in rows.iter_rows(named=True):
        results[row["when"]][row["figure"]] = {name: row[name] for name in ("value", "low", "high")}
    for when, figures in results.items():
        known = {
            name: f"{interval['value']:.3g}"
            for name, interval in figures.items()
            if interval["value"] is not None
        }
        log.info("evaluate: %s: %s", when, in_words(known))
    return results


def _counts(prompts: EvaluationPrompts, judgments: pl.DataFrame) -> dict[str, Any]:
    """Return counts for the manifest: read = asked + rejected; each reply is judged, invalid, or failed."""
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
                judge, failed.total(), in_words(failed),
            )  # fmt: skip
    asked, rejected = prompts.frame.height, dict(prompts.rejected)
    counts = {"read": prompts.read, "asked": asked, "rejected": rejected}
    return {"prompts": counts, "judges": by_judge}
