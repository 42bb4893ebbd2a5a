"""Properties of the cache: whatever texts are, they are found again, alone and beside other writers."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support import StubTranslator

from mlc_data.translate.cache.store import open_cache
from mlc_data.translate.engines.base import Hypothesis, Request

QUICK = settings(max_examples=25, deadline=None)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
REQUESTS = st.builds(Request, TEXT, st.just("eng_Latn"), st.sampled_from(["spa_Latn", "swh_Latn"]))
HYPOTHESES = st.builds(Hypothesis, TEXT, st.floats(-50, 0), st.floats(0, 1))
ENTRIES = st.dictionaries(REQUESTS, HYPOTHESES, max_size=6)


@QUICK
@given(ENTRIES)
def test_any_texts_are_found_again_as_they_are(entries: dict[Request, Hypothesis]) -> None:
    with tempfile.TemporaryDirectory() as home:
        with open_cache(home, StubTranslator()) as cache:
            assert cache
            cache.put(entries)
        with open_cache(home, StubTranslator()) as cache:
            assert cache
            assert cache.get(list(entries)) == entries


@QUICK
@given(st.sets(REQUESTS, max_size=12))
def test_different_requests_have_different_keys(requests: set[Request]) -> None:
    with tempfile.TemporaryDirectory() as home, open_cache(home, StubTranslator()) as cache:
        assert cache
        assert len({cache.key(one) for one in requests}) == len(requests)


@settings(max_examples=6, deadline=None)
@given(st.lists(ENTRIES, min_size=3, max_size=5))
def test_writers_at_once_lose_nothing(parts: list[dict[Request, Hypothesis]]) -> None:
    with tempfile.TemporaryDirectory() as home:
        # Where two write the same request, one of them holds.
        _write_at_once(home, parts)
        wanted = {request for part in parts for request in part}
        with open_cache(home, StubTranslator()) as cache:
            assert cache
            found = cache.get(list(wanted))
    assert found.keys() == wanted
    assert all(any(part.get(one) == made for part in parts) for one, made in found.items())


def test_many_writers_of_one_file(tmp_path: Path) -> None:
    parts = [
        {
            Request(f"{writer} {number}", "eng_Latn", "spa_Latn"): Hypothesis("x", -0.5, 0.0)
            for number in range(50)
        }
        for writer in range(8)
    ]
    _write_at_once(str(tmp_path), parts)
    with open_cache(str(tmp_path), StubTranslator()) as cache:
        assert cache
        assert len(cache.get([one for part in parts for one in part])) == 8 * 50


def _write_at_once(home: str, parts: list[dict[Request, Hypothesis]]) -> None:
    def write(part: dict[Request, Hypothesis]) -> None:
        with open_cache(home, StubTranslator()) as cache:
            assert cache
            for request, made in part.items():
                cache.put({request: made})

    with ThreadPoolExecutor(len(parts)) as writers:
        list(writers.map(write, parts))
