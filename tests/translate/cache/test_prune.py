"""The cache's size and age, on a real file."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import StubTranslator

from mlc_data.translate.cache import prune, store
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request

REQUESTS = [
    Request(f"Sentence number {number}. " * 20, "eng_Latn", "spa_Latn") for number in range(400)
]


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """400 hypotheses: the first 200 last used 100 days ago, the rest today."""
    now = store.today()
    for part, day in ((REQUESTS[:200], now - 100), (REQUESTS[200:], now)):
        monkeypatch.setattr(store, "today", lambda day=day: day)
        with store.open_cache(str(tmp_path), StubTranslator()) as opened:
            assert opened
            opened.put({request: Hypothesis(request.text, -0.1, 0.0) for request in part})
    return tmp_path / store.FILE


def known(path: Path) -> int:
    with store.open_cache(str(path.parent), StubTranslator()) as opened:
        assert opened
        return len(opened.get(REQUESTS))


def test_stats(filled: Path, tmp_path: Path) -> None:
    found = prune.stats(filled)
    assert (found.entries, found.oldest, found.unused_30) == (400, 100, 200)
    assert found.size > 400 * len(REQUESTS[0].text)
    assert prune.stats(tmp_path / "none") == prune.Stats(0, 0, None, 0)
    assert not (tmp_path / "none").exists()


def test_what_was_not_used_for_long_goes(filled: Path) -> None:
    before = prune.stats(filled).size
    assert prune.prune(filled, older_than=100) == 0
    assert prune.prune(filled, older_than=99) == 200
    assert known(filled) == 200
    assert prune.stats(filled).size < 0.7 * before


def test_a_look_up_is_a_use(filled: Path) -> None:
    assert known(filled) == 400
    assert prune.stats(filled).unused_30 == 0


def test_it_is_cut_to_a_size_the_longest_unused_first(filled: Path) -> None:
    limit = prune.stats(filled).size * 3 // 4
    removed = prune.prune(filled, max_size=limit)
    assert 0 < removed < 200
    assert prune.stats(filled).size <= limit
    assert prune.stats(filled).unused_30 == 200 - removed


def test_it_may_be_pruned_while_it_is_used(filled: Path) -> None:
    with store.open_cache(str(filled.parent), StubTranslator()) as opened:
        assert opened
        opened.get(REQUESTS[:3])
        prune.prune(filled, older_than=0)
        opened.put({REQUESTS[0]: Hypothesis("again", -0.1, 0.0)})
        assert opened.get(REQUESTS[:1])[REQUESTS[0]].text == "again"


def test_lists_of_hypotheses_are_kept_by_their_decoding(tmp_path: Path) -> None:
    three, two = Decoding(num_hypotheses=3), Decoding(num_hypotheses=2)
    found = [Hypothesis(text, -0.5, 0.0) for text in ("a", "b", "c")]
    with store.open_cache(str(tmp_path), StubTranslator()) as opened:
        assert opened
        opened.put_nbest({REQUESTS[0]: found}, three)
        assert opened.get_nbest(REQUESTS[:2], three) == {REQUESTS[0]: found}
        assert opened.get_nbest(REQUESTS[:1], two) == {}
        assert opened.get(REQUESTS[:1]) == {}
        with pytest.raises(ValueError, match="belongs to `put`"):
            opened.put_nbest({REQUESTS[0]: found[:1]}, Decoding())
