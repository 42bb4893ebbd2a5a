"""The translation stage: every prompt into every target language, and back."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mlc_data import progress
from mlc_data.hashing import code_version, hash_rows
from mlc_data.manifest import ModelRecord
from mlc_data.recipe import Recipe
from mlc_data.records import PROMPTS, TRANSLATIONS
from mlc_data.translate.cache import Cache, open_cache
from mlc_data.translate.engine import load_translator
from mlc_data.translate.segments import Segments, split
from mlc_data.translate.translator import Hypothesis, Request, Translator, refuse_pairs
from mlc_data.workspace import Outcome, Run, Staging, read_table, write_table

log = logging.getLogger(__name__)


def preflight(recipe: Recipe) -> Translator:
    """The recipe's engine, if it can translate into every language of the recipe, and back.

    Raises:
        ModelError: the model is missing, cannot be loaded, or lacks a language.
    """
    translator = load_translator(recipe.translate)
    source, targets = recipe.languages.source, recipe.languages.targets
    back = targets if recipe.translate.round_trip else ()
    refuse_pairs(translator, [(source, code) for code in targets] + [(c, source) for c in back])
    return translator


def translate(run: Run, *, force: bool = False) -> bool:
    """Translate ``prompts.parquet`` into ``translations/``; returns whether the stage was reused.

    Raises:
        ModelError: see `preflight`.
        UsageError: the prompts have not been read yet.
    """
    recipe = run.recipe
    translator = preflight(recipe)
    prompts_hash = run.content_hash("prompts")

    def work(staging: Staging) -> Outcome:
        prompts = read_table(run.path("prompts.parquet"), PROMPTS)
        with open_cache(recipe.translate.cache, translator) as cache:
            maker = _Maker(recipe, translator, cache)
            hashes: list[dict[str, Any]] = []
            for number, shard in enumerate(prompts.iter_slices(recipe.translate.shard_prompts)):
                rows = maker.rows(shard)
                path = staging.path("translations", f"part-{number:05d}.parquet")
                write_table(pl.DataFrame(rows, schema=TRANSLATIONS), path, TRANSLATIONS)
                hashes += [_content(row) for row in rows]
        log.info("translate: %d variants; %s", len(hashes), maker.figures)
        return Outcome(
            content_hash={"translations": hash_rows(hashes)},
            models={
                "translator": ModelRecord(
                    id=translator.id, revision=translator.revision, licence=translator.licence
                )
            },
            notes={
                **maker.figures,
                "settings": {**translator.settings, **translator.decoding.as_dict()},
            },
        )

    key = {
        "prompts": prompts_hash,
        "languages": recipe.languages.model_dump(mode="json"),
        "model": [translator.id, translator.revision],
        "settings": [translator.settings, translator.decoding.as_dict()],
        "round_trip": recipe.translate.round_trip,
        "code": code_version("translate", "records.py"),
    }
    return run.stage("translate", key, ("translations",), work, force=force)


def _content(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a translation is, without how it came to be (cache hit or not, log-probability)."""
    keys = ("prompt_id", "language", "source", "text", "back_translation", "failure")
    unknown = [segment["unknown_share"] for segment in row["segments"]]
    return {**{key: row[key] for key in keys}, "unknown": unknown}


@dataclass
class _Maker:
    """Makes the rows of one shard after another, and counts what it did."""

    recipe: Recipe
    translator: Translator
    cache: Cache | None
    figures: dict[str, int] = field(
        default_factory=lambda: {"sentences": 0, "from_cache": 0, "translated": 0}
    )

    def rows(self, prompts: pl.DataFrame) -> list[dict[str, Any]]:
        """`records.TRANSLATIONS` rows: every prompt of the shard in every target language."""
        source, targets = self.recipe.languages.source, self.recipe.languages.targets
        splits = {
            prompt_id: (text, split(text, source))
            for prompt_id, text in prompts.select("prompt_id", "prompt").iter_rows()
        }
        forth = [
            Request(sentence, source, target)
            for _, segments in splits.values()
            for sentence in segments.sentences
            for target in targets
        ]
        made, old = self._hypotheses("translating", forth)
        back: dict[Request, Hypothesis] = {}
        if self.recipe.translate.round_trip:
            backwards = [
                Request(hypothesis.text, request.target, source)
                for request, hypothesis in made.items()
                if hypothesis.text is not None
            ]
            back, _ = self._hypotheses("translating back", backwards)
        return [
            _row(
                prompt_id=prompt_id,
                text=text,
                segments=segments,
                source=source,
                target=target,
                made=made,
                old=old,
                back=back,
            )
            for prompt_id, (text, segments) in splits.items()
            for target in targets
        ]

    def _hypotheses(
        self, what: str, requests: Iterable[Request]
    ) -> tuple[dict[Request, Hypothesis], frozenset[Request]]:
        """Hypotheses of the distinct requests, and which of them came from the cache."""
        distinct = list(dict.fromkeys(requests))
        known = self.cache.get(distinct) if self.cache else {}
        missing = [request for request in distinct if request not in known]
        made: dict[Request, Hypothesis] = {}
        with progress.bar(what, len(missing), "sentences") as bar:

            def done(indices: Sequence[int], hypotheses: Sequence[Hypothesis]) -> None:
                fresh = {missing[i]: one for i, one in zip(indices, hypotheses, strict=True)}
                if self.cache:
                    self.cache.put(fresh)
                made.update(fresh)
                bar.advance(len(fresh))

            if missing:
                self.translator.translate(missing, done)
        self.figures["sentences"] += len(distinct)
        self.figures["from_cache"] += len(known)
        self.figures["translated"] += len(missing)
        return {**known, **made}, frozenset(known)


def _row(
    *,
    prompt_id: str,
    text: str,
    segments: Segments,
    source: str,
    target: str,
    made: Mapping[Request, Hypothesis],
    old: frozenset[Request],
    back: Mapping[Request, Hypothesis],
) -> dict[str, Any]:
    requests = [Request(sentence, source, target) for sentence in segments.sentences]
    forth = [made[request] for request in requests]
    returned = [
        back[Request(one.text, target, source)].text if one.text is not None and back else None
        for one in forth
    ]
    failure = next((one.failure for one in forth if one.failure), None)
    texts = [one.text for one in forth if one.text is not None]
    backs = [one for one in returned if one is not None]
    return {
        "prompt_id": prompt_id,
        "language": target,
        "source": text,
        "text": None if failure else segments.join(texts, target),
        "back_translation": (
            segments.join(backs, source) if len(backs) == len(segments.sentences) else None
        ),
        "failure": failure,
        "segments": [
            {
                "source": request.text,
                "text": one.text,
                "log_prob": one.log_prob,
                "unknown_share": one.unknown_share,
                "cached": request in old,
                "back": came_back,
            }
            for request, one, came_back in zip(requests, forth, returned, strict=True)
        ],
    }
