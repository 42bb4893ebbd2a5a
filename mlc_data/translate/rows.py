"""Translation of a shard of prompts, both ways, and its table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.core import progress
from mlc_data.core.hashing import RowsHash
from mlc_data.core.parquet import write_table
from mlc_data.core.records import TRANSLATIONS, FailureReason
from mlc_data.translate.cache.store import Cache
from mlc_data.translate.cached import Answers, CachedTranslator
from mlc_data.translate.engines.base import Hypothesis, Request, Translator
from mlc_data.translate.masking import Mask
from mlc_data.translate.sentences import Segments, split


@dataclass
class ShardResult:
    """Result of a shard: the hash of its rows, and figures."""

    content: RowsHash = field(default_factory=RowsHash)
    figures: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class ShardMaker:
    """Translates prompts into every target language, and back if ``round_trip``."""

    translator: Translator
    cache: Cache | None
    source: str
    targets: tuple[str, ...]
    round_trip: bool
    mask: Mask = "retry"

    def make(self, prompts: pl.DataFrame, path: Path, bar: progress.Bar) -> ShardResult:
        """Translate one shard: write rows of `records.TRANSLATIONS` to ``path``."""
        frame, figures = self.rows(prompts, bar)
        write_table(frame, path, TRANSLATIONS)
        return ShardResult(content_of(frame), figures)

    def rows(self, prompts: pl.DataFrame, bar: progress.Bar) -> tuple[pl.DataFrame, Counter[str]]:
        """Return rows of `records.TRANSLATIONS` and the figures of a shard; nothing is written."""
        done = ShardResult()
        return _Shard(self, done, bar).rows(prompts), done.figures

    def sentences(self, prompts: Iterable[str]) -> int:
        """Return the number of sentences to translate, both ways, repeated ones included."""
        count = sum(len(split(prompt, self.source).sentences) for prompt in prompts)
        return count * len(self.targets) * (2 if self.round_trip else 1)


_CONTENT = (
    "prompt_id",
    "language",
    "source",
    "text",
    "back_translation",
    "failure",
    pl.col("segments").list.eval(pl.element().struct.field("unknown_share")),
)
"""Columns in the content hash: without cache hits and log-probabilities."""


def content_of(frame: pl.DataFrame) -> RowsHash:
    """Return the content hash of `records.TRANSLATIONS`."""
    content = RowsHash()
    for row in frame.select(_CONTENT).iter_rows():
        content.add_row(row)
    return content


@dataclass
class _Shard:
    """A shard that is being translated."""

    maker: ShardMaker
    done: ShardResult
    bar: progress.Bar

    def rows(self, prompts: pl.DataFrame) -> pl.DataFrame:
        source, targets = self.maker.source, self.maker.targets
        texts = dict(prompts.select("prompt_id", "prompt").iter_rows())
        splits = {prompt_id: split(text, source) for prompt_id, text in texts.items()}
        forth = [
            Request(sentence, source, target)
            for segments in splits.values()
            for sentence in segments.plain
            for target in targets
        ]
        there = self._translate(forth)
        back: Mapping[Request, Hypothesis] = {}
        if self.maker.round_trip:
            backwards = [
                (Request(hypothesis.text, request.target, source), request.text)
                for request in forth
                if (hypothesis := there.hypotheses[request]).text is not None
            ]
            self.bar.advance(len(forth) - len(backwards))
            back = self._translate(
                [request for request, _ in backwards], dict(backwards)
            ).hypotheses
        return frame_of(
            (
                prompt_id,
                texts[prompt_id],
                Translated(
                    segments=segments,
                    source=source,
                    target=target,
                    forth=there.hypotheses,
                    back=back,
                    known=there.known,
                ),
            )
            for prompt_id, segments in splits.items()
            for target in targets
        )

    def _translate(
        self, requests: Sequence[Request], origins: Mapping[Request, str] | None = None
    ) -> Answers:
        maker = self.maker
        translator = CachedTranslator(maker.translator, maker.cache, maker.mask)
        answers = translator.translate(requests, done=self.bar.advance, origins=origins)
        self.done.figures.update(answers.figures)
        self.done.figures.update(
            sentences=len(requests),  # repeated ones too, as `plan` counts them
            from_cache=len(answers.known),
            translated=answers.translated,
            unanswered=sum(
                one.failure is FailureReason.ENDPOINT_ERROR for one in answers.hypotheses.values()
            ),
        )
        return answers


@dataclass(frozen=True)
class Translated:
    """A prompt in one language, assembled from its sentences.

    ``forth`` and ``back`` hold the hypotheses of all sentences, in each direction; ``known`` the requests
    that the cache answered.
    """

    segments: Segments
    source: str
    target: str
    forth: Mapping[Request, Hypothesis]
    back: Mapping[Request, Hypothesis]
    known: frozenset[Request]

    def row(self) -> dict[str, Any]:
        """Return the columns of `records.TRANSLATIONS` from ``text`` on."""
        requests = [Request(text, self.source, self.target) for text in self.segments.plain]
        forth = [self.forth[request] for request in requests]
        backs = [self._back(hypothesis) for hypothesis in forth]
        failure = next((hypothesis.failure for hypothesis in forth if hypothesis.failure), None)
        texts = [hypothesis.text for hypothesis in forth if hypothesis.text is not None]
        returned = [hypothesis for hypothesis in backs if hypothesis is not None]
        whole = len(returned) == len(requests) and bool(self.back or not requests)
        return {
            "text": None if failure else self.segments.join(texts, self.target),
            "back_translation": self.segments.join(returned, self.source) if whole else None,
            "failure": failure,
            "segments": [
                {
                    "source": request.text,
                    "text": hypothesis.text,
                    "log_prob": hypothesis.log_prob,
                    "unknown_share": hypothesis.unknown_share,
                    "cached": request in self.known,
                    "back": came_back,
                }
                for request, hypothesis, came_back in zip(requests, forth, backs, strict=True)
            ],
        }

    def _back(self, hypothesis: Hypothesis) -> str | None:
        if hypothesis.text is None or not self.back:
            return None
        return self.back[Request(hypothesis.text, self.target, self.source)].text


def frame_of(variants: Iterable[tuple[str, str, Translated]]) -> pl.DataFrame:
    """Return `records.TRANSLATIONS` of (prompt id, prompt, variant), built column by column, which is
    faster than row by row."""
    columns: dict[str, list[Any]] = {name: [] for name in TRANSLATIONS}
    for prompt_id, text, variant in variants:
        row = {"prompt_id": prompt_id, "language": variant.target, "source": text, **variant.row()}
        for name, values in columns.items():
            values.append(row[name])
    return pl.DataFrame(columns, schema=TRANSLATIONS)
