"""An engine that raises on a few sentences loses only these; one that raises on many is shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from support import StubTranslator

from mlc_data.core.records import FailureReason
from mlc_data.errors import MlcDataError
from mlc_data.translate.cache.store import open_cache
from mlc_data.translate.cached import CachedTranslator
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request

REQUESTS = [Request(f"sentence {n}", "eng_Latn", "swh_Latn") for n in range(1000)]


class Raises(StubTranslator):
    """Raises on sentences with a word; batches of ten."""

    def __init__(self, *words: str, error: type[Exception] = RuntimeError) -> None:
        super().__init__()
        self.words, self.error = words, error

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        made: list[Hypothesis] = []
        for start in range(0, len(requests), 10):
            batch = requests[start : start + 10]
            if any(request.text in self.words for request in batch):
                raise self.error("the tokenizer fell over")
            found = super().translate(batch)
            made += found
            if done:
                done(range(start, start + len(batch)), found)
        return made


def test_one_in_a_thousand_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    answers = CachedTranslator(Raises("sentence 503"), None).translate(REQUESTS).hypotheses
    failed = {request.text: made.failure for request, made in answers.items() if made.failure}
    assert failed == {"sentence 503": FailureReason.ENGINE_ERROR}
    assert len(answers) == 1000
    assert "raised RuntimeError on one sentence (eng_Latn to swh_Latn)" in caplog.text


def test_every_sentence_is_reported_once() -> None:
    counts: list[int] = []
    CachedTranslator(Raises("sentence 0", "sentence 999"), None).translate(
        REQUESTS, done=counts.append
    )
    assert sum(counts) == 1000


def test_so_do_the_lists_of_the_best() -> None:
    decoding = Decoding(num_hypotheses=2)
    lists = CachedTranslator(Raises("sentence 7"), None).translate_nbest(REQUESTS, decoding)
    assert [request.text for request, made in lists.hypotheses.items() if made[0].failure] == [
        "sentence 7"
    ]
    assert lists.translated == 1000


def test_a_failed_sentence_is_not_kept_in_the_cache(tmp_path: Path) -> None:
    with open_cache(str(tmp_path), StubTranslator()) as cache:
        CachedTranslator(Raises("sentence 3"), cache).translate(REQUESTS[:20])
        assert cache
        assert len(cache.get(REQUESTS[:20])) == 19


def test_an_engine_that_raises_on_many_is_shown() -> None:
    words = [f"sentence {n}" for n in range(0, 1000, 20)]
    with pytest.raises(MlcDataError, match="the translator stub raised RuntimeError"):
        CachedTranslator(Raises(*words), None).translate(REQUESTS)


def test_an_engine_that_always_raises_is_shown() -> None:
    words = [request.text for request in REQUESTS]
    with pytest.raises(MlcDataError, match="the tokenizer fell over"):
        CachedTranslator(Raises(*words), None).translate(REQUESTS)


@pytest.mark.parametrize("error", [MlcDataError, KeyboardInterrupt])
def test_what_is_no_fault_of_a_sentence_passes(error: type[Exception]) -> None:
    with pytest.raises(error):
        CachedTranslator(Raises("sentence 3", error=error), None).translate(REQUESTS)
