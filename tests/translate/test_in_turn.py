"""Engines in turn with their caches: who is asked, what is kept, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from support import StubTranslator

from mlc_data.core.records import FailureReason
from mlc_data.translate.cache.store import open_cache
from mlc_data.translate.cached import Answers, CachedTranslator
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request, Translator
from mlc_data.translate.engines.fallback import FallbackTranslator
from mlc_data.translate.engines.routed import RoutedTranslator

TEXTS = [f"Where is street number {number}?" for number in range(5)]
REQUESTS = [Request(text, "eng_Latn", "spa_Latn") for text in TEXTS]


class Named(StubTranslator):
    """Fails on some texts, and counts five tokens a sentence."""

    def __init__(
        self, name: str, *fails: str, failure: FailureReason = FailureReason.DECLINED
    ) -> None:
        super().__init__()
        self.id, self.fails, self.failure = name, fails, failure

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        self.asked += requests
        made = [
            Hypothesis(None, None, 0.0, self.failure, (3, 2))
            if request.text in self.fails
            else Hypothesis(f"{self.id}: {request.text}", -0.1, 0.0, None, (3, 2))
            for request in requests
        ]
        if done:
            done(range(len(made)), made)
        return made

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        return [[made] * decoding.num_hypotheses for made in self.translate(requests)]

    def usage(self, several: Sequence[Hypothesis]) -> dict[str, int]:
        return {f"{self.id}/tokens": sum(sum(each.tokens) for each in several)}


def answers(translator: Translator, folder: Path) -> Answers:
    with open_cache(str(folder), translator) as cache:
        return CachedTranslator(translator, cache).translate(REQUESTS)


def test_an_engine_that_is_added_leaves_what_the_first_one_answered(tmp_path: Path) -> None:
    first, second = Named("first", TEXTS[1]), Named("second")
    answers(FallbackTranslator([first]), tmp_path)
    made = answers(FallbackTranslator([first, second]), tmp_path)
    assert (len(first.asked), [each.text for each in second.asked]) == (5, [TEXTS[1]])
    assert made.hypotheses[REQUESTS[1]].text == f"second: {TEXTS[1]}"
    assert made.translated == 1


def test_an_engine_that_was_used_alone_is_not_asked_again_in_a_list(tmp_path: Path) -> None:
    first, local = Named("first", *TEXTS), Named("local")
    answers(local, tmp_path)
    answers(FallbackTranslator([first, local]), tmp_path)
    assert len(local.asked) == 5


def test_a_routed_list_has_the_cache_of_its_engines(tmp_path: Path) -> None:
    first, second = Named("first", TEXTS[1]), Named("second")
    answers(FallbackTranslator([first, second]), tmp_path)
    routed = RoutedTranslator({"spa_Latn": FallbackTranslator([first, second])})
    assert answers(routed, tmp_path).translated == 0


def test_figures_are_those_of_all_sentences_whoever_answered(tmp_path: Path) -> None:
    chain = FallbackTranslator([Named("first", TEXTS[1]), Named("second")])
    asked = answers(chain, tmp_path)
    cached = answers(chain, tmp_path)
    assert cached.translated == 0
    assert cached.figures == asked.figures
    assert asked.figures == {
        "engines/first/spa_Latn/translated": 4,
        "engines/first/spa_Latn/next: declined": 1,
        "engines/first/tokens": 25,
        "engines/second/spa_Latn/translated": 1,
        "engines/second/tokens": 5,
    }


def test_an_engine_alone_is_compared_with_none(tmp_path: Path) -> None:
    assert not answers(Named("first"), tmp_path).figures


def test_what_had_no_answer_is_asked_again_of_the_same_engine(tmp_path: Path) -> None:
    first = Named("first", TEXTS[1], failure=FailureReason.ENDPOINT_ERROR)
    chain = FallbackTranslator([first, Named("second")])
    assert answers(chain, tmp_path).hypotheses[REQUESTS[1]].text == f"second: {TEXTS[1]}"
    first.fails = ()
    assert answers(chain, tmp_path).hypotheses[REQUESTS[1]].text == f"first: {TEXTS[1]}"
    assert len(first.asked) == 6


def test_look_ups_follow_the_list(tmp_path: Path) -> None:
    chain = FallbackTranslator([Named("first", TEXTS[1]), Named("second")])
    made = answers(chain, tmp_path).hypotheses
    with open_cache(str(tmp_path), chain) as cache:
        assert cache.get(REQUESTS) == made
    with open_cache(str(tmp_path), FallbackTranslator([chain.engines[0], Named("new")])) as cache:
        assert set(cache.get(REQUESTS)) == {*REQUESTS} - {REQUESTS[1]}


@pytest.mark.parametrize("cached", [False, True])
def test_lists_of_the_best_go_to_the_next_engine_too(tmp_path: Path, cached: bool) -> None:
    chain = FallbackTranslator([Named("first", TEXTS[1]), Named("second")])
    decoding = Decoding(num_hypotheses=2)
    for _ in range(2):
        with open_cache(str(tmp_path) if cached else None, chain) as cache:
            lists = CachedTranslator(chain, cache).translate_nbest(REQUESTS, decoding)
    assert [len(several) for several in lists.hypotheses.values()] == [2] * 5
    assert lists.hypotheses[REQUESTS[1]][0].text == f"second: {TEXTS[1]}"
    assert lists.translated == (0 if cached else 5)
