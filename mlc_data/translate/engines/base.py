"""The `Translator` protocol: sentences in, hypotheses out, whatever the engine.

Checks, cache and stage use only this file; token layouts are known only to the families
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
    """Translation of a request by the engine.

    ``log_prob`` is the mean log-probability per token (<= 0), None after a greedy search, which does not
    compute it; ``unknown_share`` is the share of source pieces (0 to 1) that the vocabulary does not know.
    With a ``failure`` there is no text. ``tokens`` are those of question and answer (0 from engines that
    do not count them).
    """

    text: str | None
    log_prob: float | None
    unknown_share: float
    failure: FailureReason | None = None
    tokens: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Settings of the search for hypotheses; a part of every cache key.

    Attributes:
        beam_size: hypotheses kept while decoding (>= 1); 1 is greedy.
        no_repeat_ngram_size: no n-gram of this many tokens is produced twice; 0 is off.
        repetition_penalty: above 1 (>= 1), tokens already produced become less likely.
        num_hypotheses: hypotheses of each request (1 to ``beam_size``).
        max_output_tokens: a hypothesis that reaches this length (>= 1) fails.

    Raises:
        ValueError: a value is out of its range.
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
        """Return the settings for cache keys, stage keys and the manifest."""
        return asdict(self)


Done = Callable[[Sequence[int], Sequence[Hypothesis]], None]
"""Called with each finished batch: indices into the requests, and their hypotheses."""


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
        """Return the translator of a pair of FLORES-200 codes: itself, or one of the models that it routes to.

        Raises:
            ModelError: it has none; the message continues a sentence that begins with its name.
        """

    @property
    def settings(self) -> dict[str, Any]:
        """Everything in addition to model, decoding and request that determines a hypothesis."""

    @property
    def decoding(self) -> Decoding:
        """Default decoding of `translate`."""

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        """Return the best hypothesis of each request, in order; ``done`` is called with each finished batch,
        so that no finished work is lost.

        Raises:
            ModelError: the model does not know a language.
        """

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        """Return the ``decoding.num_hypotheses`` best of each request, best first; each may have failed
        on its own. A request that cannot be tried at all has one hypothesis, with its failure.

        Raises:
            ModelError: the model does not know a language.
        """


def refuse_pairs(translator: Translator, pairs: Iterable[tuple[str, str]]) -> None:
    """Stop before anything is translated if the model cannot translate some (source, target).

    An unknown language token would silently become <unk>, and the model would answer in an
    arbitrary language.

    Raises:
        ModelError: names the languages, and those that the model does know.
    """
    reasons: dict[str, None] = {}
    for source, target in sorted(pairs):
        try:
            translator.part(source, target)
        except ModelError as error:
            reasons[str(error)] = None
    if reasons:
        known = sorted(translator.languages)
        listed = ", ".join(known) if len(known) <= 20 else f"{len(known)} languages"
        raise ModelError(
            f"translate.model: {translator.id} {'; '.join(reasons)}; it knows {listed}"
        )
