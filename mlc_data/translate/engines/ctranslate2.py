"""Base class of all models on CTranslate2; token layout and language tokens belong to the families."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from math import ceil
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, ClassVar

from mlc_data.core.memory import in_halves, is_out_of_memory
from mlc_data.core.records import FailureReason
from mlc_data.errors import MlcDataError, ModelError
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.engines import weights
from mlc_data.translate.engines.base import (
    Decoding,
    Done,
    Hypothesis,
    Request,
    Translator,
    refuse_pairs,
)

END = "</s>"
"""Token that ends a source and a hypothesis, in every family."""
BLANK = "\u2581"
"""Character with which sentencepiece writes a blank."""

_CONTROL = re.compile(
    r"[a-z]{3}_[A-Z][a-z]{3}|__[a-z]{2,3}__|<2[a-z]{2,3}(?:_\w+)?>|>>.+<<|</?s>|<pad>|<mask>"
)
"""Tokens of the families that are no text. Unknown pieces stay visible: something is missing there."""


class Ct2Translator(ABC):
    """A CTranslate2 encoder-decoder model and its sentencepiece model. See `Translator`.

    Only the weights, loaded once, are kept between calls, so several threads may translate at the same
    time; CTranslate2 releases the GIL while it works.
    """

    family: ClassVar[str]
    """Name in ``translate.family``."""
    engine_version: ClassVar[str]
    """Part of every cache key; raise it whenever the same settings may give another text."""
    max_source_tokens: ClassVar[int]
    """Longest source that the family was trained on; a model's own file may set another limit."""
    tokenizers: ClassVar[tuple[tuple[str, ...], ...]]
    """The sentencepiece models that are needed, each with the names it may have."""

    control_tokens: int
    """Number of tokens of a source that are not pieces of the text."""
    refused: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Languages that the model might be thought to know, and why they are refused."""

    languages: frozenset[str]

    def __init__(self, folder: Path, settings: Translate, *tokenizers: Path) -> None:
        from sentencepiece import SentencePieceProcessor

        description = weights.described(folder)
        self.id = str(description.get("id", settings.model or folder))
        self.licence = settings.licence or str(description.get("licence", "unknown"))
        self.revision = weights.revision(folder)
        self.decoding = decoding_of(settings)
        self.vocabulary = weights.vocabulary(folder)
        self._max_source = int(description.get("max_source_tokens", self.max_source_tokens))
        self._batch_tokens = settings.batch_tokens
        self._tokenizers = [weights.file_hash(path) for path in tokenizers]
        self._encoder, self._decoder = (
            SentencePieceProcessor(model_file=str(path)) for path in (tokenizers[0], tokenizers[-1])
        )
        self._device = weights.Device.of(settings)
        self._folder = folder
        self._loading = Lock()

    @abstractmethod
    def source_tokens(self, text: str, source: str, target: str) -> list[str]:
        """Return the tokens that CTranslate2 receives for a sentence."""

    def target_prefix(self, target: str) -> list[str]:
        """Return the tokens that the decoder starts with, if any; they are dropped from the hypothesis."""
        return []

    def part(self, source: str, target: str) -> Translator:
        """Return itself, if it knows both languages; see `Translator`."""
        unknown = [code for code in dict.fromkeys((source, target)) if code not in self.languages]
        if unknown:
            why = "; ".join(self.refused[code] for code in unknown if code in self.refused)
            raise ModelError(f"does not know {', '.join(unknown)}{f' ({why})' if why else ''}")
        return self

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        return self._device.name

    @property
    def compute_type(self) -> str:
        """Numeric type of the weights and of computation."""
        return self._device.compute_type

    @property
    def _model(self) -> Any:
        """The weights, loaded at the first sentence that is in no cache."""
        with self._loading:
            return self._loaded

    @cached_property
    def _loaded(self) -> Any:
        return weights.load(self._folder, self._device)

    @property
    def settings(self) -> dict[str, Any]:
        """Engine, tokenizers, limit, device and numeric type."""
        return {
            "engine": self.engine_version,
            "tokenizers": self._tokenizers,
            "max_source_tokens": self._max_source,
            "device": self.device,
            "compute_type": self.compute_type,
        }

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        """See `Translator`. Languages are mixed, and batches are filled in order of length."""

        def finish(indices: Sequence[int], hypotheses: Sequence[list[Hypothesis]]) -> None:
            if done:
                done(indices, [each[0] for each in hypotheses])

        return [each[0] for each in self._search(requests, decoding or self.decoding, finish)]

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        """See `Translator`."""
        return self._search(requests, decoding, lambda *_: None)

    def _search(
        self,
        requests: Sequence[Request],
        decoding: Decoding,
        done: Callable[[Sequence[int], Sequence[list[Hypothesis]]], None],
    ) -> list[list[Hypothesis]]:
        """Return the hypotheses of each request, best first; ``done`` receives those of each batch."""
        answers: list[list[Hypothesis]] = [[] for _ in requests]

        def finish(indices: Sequence[int], hypotheses: Sequence[list[Hypothesis]]) -> None:
            for index, several in zip(indices, hypotheses, strict=True):
                answers[index] = several
            done(indices, hypotheses)

        refuse_pairs(self, {(request.source, request.target) for request in requests})
        tokens = [self.source_tokens(each.text, each.source, each.target) for each in requests]
        unknown = [self._unknown_share(pieces) for pieces in tokens]
        order = sorted(range(len(requests)), key=lambda index: len(tokens[index]), reverse=True)
        too_long = [index for index in order if len(tokens[index]) > self._max_source]
        refused = FailureReason.SEGMENT_TOO_LONG
        finish(too_long, [[Hypothesis(None, None, unknown[i], refused)] for i in too_long])
        at_once = self._device.batches_at_once
        batches = even_batches(order[len(too_long) :], tokens, self._batch_tokens, at_once)
        prefixes = [self.target_prefix(request.target) for request in requests]

        def begin(batch: Sequence[int]) -> list[Any]:
            return self._begin(batch, tokens, prefixes, decoding)

        def finished(batch: Sequence[int], begun: list[Any]) -> list[Any]:
            waiting = [begun]  # the batch as it was begun; its halves are begun anew
            with self._explained():
                return in_halves(
                    lambda part: self._results(waiting.pop() if waiting else begin(part)), batch
                )

        nbest = decoding.num_hypotheses
        # The engine's queue holds one batch more than it works on, so it never idles while the results of
        # another batch are decoded and stored.
        for batch, results in _ahead(batches, at_once + 1, begin):
            finish(
                batch,
                [
                    [
                        self._hypothesis(pieces, score, prefixes[index], unknown[index])
                        for pieces, score in zip(
                            result.hypotheses, result.scores or [None] * nbest, strict=True
                        )
                    ]
                    for index, result in zip(batch, finished(batch, results), strict=True)
                ],
            )
        return answers

    def _begin(
        self,
        batch: Sequence[int],
        tokens: Sequence[list[str]],
        prefixes: Sequence[list[str]],
        decoding: Decoding,
    ) -> list[Any]:
        """Start a batch; return CTranslate2's asynchronous results."""
        with self._explained():
            started: list[Any] = self._model.translate_batch(
                [tokens[index] for index in batch],
                target_prefix=[prefixes[index] for index in batch] if prefixes[batch[0]] else None,
                batch_type="tokens",
                max_batch_size=self._batch_tokens,
                beam_size=decoding.beam_size,
                num_hypotheses=decoding.num_hypotheses,
                repetition_penalty=decoding.repetition_penalty,
                no_repeat_ngram_size=decoding.no_repeat_ngram_size,
                max_decoding_length=decoding.max_output_tokens,
                max_input_length=0,  # 0 is no limit: the default truncates silently
                return_scores=_scored(decoding),
                return_end_token=True,
                disable_unk=True,  # it would be written as U+2047, which no check can put right
                asynchronous=True,
            )
        return started

    def _results(self, started: Sequence[Any]) -> list[Any]:
        """Wait for CTranslate2's results and return them."""
        return [each.result() for each in started]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise MlcDataError(
                    f"{self.device} ran out of memory on a single sentence; use a smaller model or compute type, or "
                    "free memory. What is translated so far is in the cache."
                ) from error
            raise

    def _hypothesis(
        self, tokens: list[str], score: float | None, prefix: list[str], unknown: float
    ) -> Hypothesis:
        if not tokens or tokens[-1] != END:
            return Hypothesis(None, None, unknown, FailureReason.OUTPUT_LIMIT)
        repeated = len(prefix) if tokens[: len(prefix)] == prefix else 0
        pieces = [token for token in tokens[repeated:-1] if not _CONTROL.fullmatch(token)]
        text = self._decoder.decode(pieces).strip()
        if not text:
            return Hypothesis(None, None, unknown, FailureReason.EMPTY_OUTPUT)
        return Hypothesis(text, score, unknown)

    def pieces(self, text: str) -> list[str]:
        """Return the pieces of a text; those that spell a control token are split into characters.

        The text's own U+2581, with which sentencepiece writes a blank, is read as the underscore that it looks like.
        """
        return self.spelled(self._encoder.encode(text.replace(BLANK, "_"), out_type=str))

    def spelled(self, pieces: Sequence[str]) -> list[str]:
        """Return pieces of a text with those split that the model would take for control tokens.

        Sentencepiece gives such a piece where a token is a user-defined symbol (MADLAD), and where it knows none of
        the characters and returns the run as it stands.
        """
        return [
            part
            for piece in pieces
            for part in (piece if piece.removeprefix(BLANK) in self._reserved else (piece,))
        ]

    @cached_property
    def _reserved(self) -> frozenset[str]:
        """Tokens of the vocabulary that are no text."""
        return frozenset(
            token for token in self.vocabulary if _CONTROL.fullmatch(token) or token == "<unk>"
        )

    def _unknown_share(self, tokens: list[str]) -> float:
        # Language and end tokens are in the vocabulary, or the language would have been refused.
        pieces = len(tokens) - self.control_tokens
        return sum(token not in self.vocabulary for token in tokens) / max(pieces, 1)


def _scored(decoding: Decoding) -> bool:
    """Return whether to ask for log-probabilities: a beam search has them anyway, greedy search does not."""
    return decoding.beam_size > 1


def decoding_of(settings: Translate) -> Decoding:
    """Return the decoding that a recipe asks for."""
    return Decoding(
        beam_size=settings.beam_size,
        no_repeat_ngram_size=settings.no_repeat_ngram_size,
        repetition_penalty=settings.repetition_penalty,
        max_output_tokens=settings.max_output_tokens,
    )


def even_batches(
    order: Sequence[int], tokens: Sequence[list[str]], limit: int, at_once: int
) -> list[list[int]]:
    """Return slices of ``order``, one per batch, so equal in size that ``at_once`` of them end together.

    Args:
        order: indices into ``tokens``, longest first.
        tokens: tokens of every sentence.
        limit: tokens per batch, padding included; a longer sentence is a batch by itself.
        at_once: number of batches at the same time (>= 1).
    """
    total = sum(len(tokens[index]) for index in order)
    rounds = ceil(total / limit / at_once)
    fair = ceil(total / max(1, rounds * at_once))
    slices: list[list[int]] = []
    held = longest = 0
    for index in order:
        size = len(tokens[index])
        full = held >= fair or longest * (len(slices[-1]) + 1) > limit if slices else True
        if full:
            slices.append([])
            held, longest = 0, size
        slices[-1].append(index)
        held += size
    return slices


def _ahead(
    batches: Iterable[list[int]], most: int, begin: Callable[[list[int]], list[Any]]
) -> Iterator[tuple[list[int], list[Any]]]:
    """Yield each batch with what ``begin`` returned for it, with up to ``most`` batches begun ahead."""
    begun: deque[tuple[list[int], list[Any]]] = deque()
    for batch in batches:
        begun.append((batch, begin(batch)))
        if len(begun) >= most:
            yield begun.popleft()
    yield from begun
