"""The `Translator` protocol: sentences in, hypotheses out, whatever the engine.

Checks, cache and stage know this file; what a model wants to be told is known to its family alone
(`mlc_data.translate.engines.families`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from mlc_data.core.records import FailureReason
from mlc_data.errors import ModelError


@dataclass(frozen=True, slots=True)
class Request:
    """One sentence to translate, between two FLORES-200 codes."""

    text: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the engine made of a request.

    ``log_prob`` is the mean log-probability a token (<= 0), None after a greedy search, which does
    without; ``unknown_share`` the share of source pieces (0 to 1) that the vocabulary does not know.
    With a ``failure`` there is no text.
    """

    text: str | None
    log_prob: float | None
    unknown_share: float
    failure: FailureReason | None = None


@dataclass(frozen=True, slots=True)
class Decoding:
    """How hypotheses are searched for; a part of every cache key.

    Attributes:
        beam_size: hypotheses kept while decoding (>= 1); 1 is greedy.
        no_repeat_ngram_size: no n-gram of this many tokens is produced twice; 0 is off.
        repetition_penalty: above 1 (>= 1), tokens already produced become less likely.
        num_hypotheses: hypotheses of each request (1 to ``beam_size``).
        max_output_tokens: a hypothesis that reaches this length (>= 1) fails.

    Raises:
        ValueError: a value out of its range.
    """

    beam_size: int = 4
    no_repeat_ngram_size: int = 0
    repetition_penalty: float = 1.0
    num_hypotheses: int = 1
    max_output_tokens: int = 256

    def __post_init__(self) -> None:
        if self.beam_size < 1 or self.max_output_tokens < 1 or self.no_repeat_ngram_size < 0:
            raise ValueError(f"out of range: {self}")
        if self.repetition_penalty < 1:
            raise ValueError(f"repetition_penalty is {self.repetition_penalty}, below 1")
        if not 1 <= self.num_hypotheses <= self.beam_size:
            raise ValueError(
                f"num_hypotheses is {self.num_hypotheses}: 1 to beam_size ({self.beam_size})"
            )

    def as_dict(self) -> dict[str, Any]:
        """For cache keys, stage keys and the manifest."""
        return asdict(self)


Done = Callable[[Sequence[int], Sequence[Hypothesis]], None]
"""Told of each finished batch: indices into the requests, and their hypotheses."""


class Translator(Protocol):
    """Sentences in, hypotheses out, in order. Its methods may be called by several threads."""

    @property
    def id(self) -> str:
        """Name of the model."""

    @property
    def revision(self) -> str:
        """Commit, or hash of the weights."""

    @property
    def licence(self) -> str:
        """SPDX identifier of the weights, or ``unknown``."""

    @property
    def languages(self) -> frozenset[str]:
        """FLORES-200 codes that the model knows."""

    def part(self, source: str, target: str) -> Translator:
        """The translator of a pair of FLORES-200 codes: itself, or the one of several that it has.

        Raises:
            ModelError: it has none; says why, as the end of a sentence that begins with its name.
        """

    @property
    def settings(self) -> dict[str, Any]:
        """Everything besides the model, the decoding and the request that decides a hypothesis."""

    @property
    def decoding(self) -> Decoding:
        """What `translate` uses where it is told nothing else."""

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        """The best hypothesis of each request, in order; ``done`` is told of each finished batch,
        so that nothing finished is lost.

        Raises:
            ModelError: a language that the model does not know.
        """

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        """The ``decoding.num_hypotheses`` best of each request, best first, each of which may have
        failed by itself; a request that cannot be tried at all has one, with its failure.

        Raises:
            ModelError: a language that the model does not know.
        """


def refuse_pairs(translator: Translator, pairs: Iterable[tuple[str, str]]) -> None:
    """Stop before anything is translated if the model cannot translate some (source, target).

    An unknown language token would become <unk> silently, and the model would answer in any
    language it likes.

    Raises:
        ModelError: names the languages, and those that the model does know.
    """
    reasons: dict[str, None] = {}
    for source, target in sorted(pairs):
        try:
            translator.part(source, target)
        except ModelError as error:
            reasons[str(error)] = None
    _refuse(translator, list(reasons))


def refuse_unknown(translator: Translator, languages: Sequence[str]) -> None:
    """`refuse_pairs` for languages alone, whatever is translated into what.

    Raises:
        ModelError: names the languages, and those that the model does know.
    """
    unknown = [code for code in languages if code not in translator.languages]
    _refuse(translator, [f"does not know {', '.join(unknown)}"] if unknown else [])


def _refuse(translator: Translator, reasons: Sequence[str]) -> None:
    if reasons:
        known = sorted(translator.languages)
        shown = ", ".join(known) if len(known) <= 20 else f"{len(known)} languages"
        raise ModelError(f"translate.model: {translator.id} {'; '.join(reasons)}; it knows {shown}")
