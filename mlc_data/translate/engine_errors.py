"""Sentences on which an engine raises an error: found, recorded as failed, and logged; the others are translated.

An engine may be a class of the user's. One that raises on many sentences is broken: its error is shown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Sequence

from mlc_data.core.memory import is_out_of_memory
from mlc_data.core.records import FailureReason
from mlc_data.errors import MlcDataError, first_line, is_disk_full
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request, Translator

MOST, SHARE = 3, 0.02
"""Sentences of one call that may fail: so many, or this share of them."""

_FAILED = Hypothesis(None, None, 0.0, FailureReason.ENGINE_ERROR)

log = logging.getLogger(__name__)


def of_error(hypothesis: Hypothesis) -> bool:
    """Return whether the engine raised an error on a sentence, or gave no answer; another call may succeed."""
    return hypothesis.failure in (FailureReason.ENGINE_ERROR, FailureReason.ENDPOINT_ERROR)


def nbest_apart(
    translator: Translator, requests: Sequence[Request], decoding: Decoding
) -> list[list[Hypothesis]]:
    """Return the best hypotheses of each request, as `translate_apart` does.

    Raises:
        MlcDataError: the engine's own error, or it raises on many sentences.
    """
    answers: dict[int, list[Hypothesis]] = {}
    budget = _Budget(translator, requests)

    def work(indices: Sequence[int]) -> None:
        lists = translator.translate_nbest([requests[index] for index in indices], decoding)
        answers.update(zip(indices, lists, strict=True))

    def fail(index: int) -> None:
        answers[index] = [_FAILED]

    _apart(range(len(requests)), work, fail, answers, budget)
    return [answers[index] for index in range(len(requests))]


def translate_apart(
    translator: Translator, requests: Sequence[Request], done: Done, decoding: Decoding | None
) -> None:
    """Translate, with the sentences on which the engine raises an error set apart.

    Args:
        translator: the engine.
        requests: the sentences.
        done: called with the indices and hypotheses of each finished batch.
        decoding: None is the translator's own.

    Raises:
        MlcDataError: the engine's own error, or it raises on many sentences.
    """
    answered: set[int] = set()
    budget = _Budget(translator, requests)

    def work(indices: Sequence[int]) -> None:
        def finish(positions: Sequence[int], hypotheses: Sequence[Hypothesis]) -> None:
            places = [indices[position] for position in positions]
            answered.update(places)
            done(places, hypotheses)

        translator.translate([requests[index] for index in indices], finish, decoding)

    def fail(index: int) -> None:
        done([index], [_FAILED])

    _apart(range(len(requests)), work, fail, answered, budget)


def _apart(
    indices: Sequence[int],
    work: Callable[[Sequence[int]], None],
    fail: Callable[[int], None],
    answered: Container[int],
    budget: _Budget,
) -> None:
    """Do a batch; where it raises an error, what it has not answered is done in halves, down to one sentence."""
    try:
        work(indices)
        return
    except Exception as raised:
        if isinstance(raised, MlcDataError) or is_disk_full(raised):
            raise
        error = raised
    rest = [index for index in indices if index not in answered]
    if len(rest) == 1:
        budget.spend(rest[0], error)
        fail(rest[0])
    elif not rest:
        raise budget.broken(error) from error
    else:
        middle = len(rest) // 2
        for half in (rest[:middle], rest[middle:]):
            _apart(half, work, fail, answered, budget)


class _Budget:
    """Number of sentences that may still fail."""

    def __init__(self, translator: Translator, requests: Sequence[Request]) -> None:
        self._id, self._requests = translator.id, requests
        self._left = max(MOST, int(SHARE * len(requests)))

    def spend(self, index: int, error: Exception) -> None:
        """Count and tell a failed sentence.

        Raises:
            MlcDataError: too many have failed, or one does not fit into memory.
        """
        self._left -= 1
        if self._left < 0 or is_out_of_memory(error):
            raise self.broken(error) from error
        request = self._requests[index]
        log.warning(
            "the translator %s raised %s on one sentence (%s to %s), which counts as failed: %s",
            self._id, type(error).__name__, request.source, request.target, first_line(error),
        )  # fmt: skip

    def broken(self, error: Exception) -> MlcDataError:
        """Return the error to raise for an engine that cannot be used."""
        return MlcDataError(
            f"the translator {self._id} raised {type(error).__name__}: {first_line(error)}. What is translated so "
            "far is in the cache"
        )
