"""The cache for workers on other machines: a copy to read, a file of each shard's own, taken in afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import StubTranslator

from mlc_data.errors import MlcDataError
from mlc_data.translate.cache.replica import cache_replica, shard_cache
from mlc_data.translate.cache.store import FILE, open_cache
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request

OLD, NEW, NEWER = (Request(text, "eng_Latn", "swh_Latn") for text in ("How?", "Why?", "When?"))
VIPI, KWANINI = Hypothesis("Vipi?", -0.25, 0.0), Hypothesis("Kwa nini?", -0.5, 0.0)


@pytest.fixture
def home(tmp_path: Path) -> str:
    """A cache that knows one sentence."""
    where = str(tmp_path / "my home? 100%20#1 ✓")
    with open_cache(where, StubTranslator()) as cache:
        assert cache
        cache.put({OLD: VIPI})
    return where


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run" / ".shards-translate" / "0123"
    made.mkdir(parents=True)
    return made


def work(home: str, folder: Path, number: int) -> None:
    """What a shard does: asks for one that is known and one that is not."""
    with shard_cache(home, StubTranslator(), folder, number) as cache:
        assert cache
        assert cache.get([OLD, NEW]) == {OLD: VIPI}
        cache.put({NEW: KWANINI})
        assert cache.get([OLD, NEW]) == {OLD: VIPI, NEW: KWANINI}


def test_what_others_translate_comes_home(home: str, folder: Path) -> None:
    replicate = cache_replica(home)
    assert replicate
    before = (Path(home) / FILE).stat().st_mtime_ns
    with replicate(folder, True):
        work(home, folder, 0)
        work(home, folder, 1)
        assert (Path(home) / FILE).stat().st_mtime_ns == before
    with open_cache(home, StubTranslator()) as cache:
        assert cache
        assert cache.get([OLD, NEW]) == {OLD: VIPI, NEW: KWANINI}
    assert not list(folder.iterdir())


def test_lists_of_hypotheses_come_home_too(home: str, folder: Path) -> None:
    decoding = Decoding(num_hypotheses=2)
    replicate = cache_replica(home)
    assert replicate
    with replicate(folder, True), shard_cache(home, StubTranslator(), folder, 0) as cache:
        assert cache
        cache.put_nbest({NEW: [KWANINI, VIPI]}, decoding)
    with open_cache(home, StubTranslator()) as cache:
        assert cache
        assert cache.get_nbest([NEW], decoding) == {NEW: [KWANINI, VIPI]}


def test_nothing_is_lost_when_the_stage_fails_or_is_killed(home: str, folder: Path) -> None:
    replicate = cache_replica(home)
    assert replicate
    with pytest.raises(MlcDataError, match="gone"), replicate(folder, True):
        work(home, folder, 0)
        raise MlcDataError("gone")
    with open_cache(home, StubTranslator()) as cache:
        assert cache
        assert NEW in cache.get([NEW])


@pytest.mark.parametrize("remote", [True, False])
def test_what_a_killed_run_left_is_taken_in_by_the_next(
    home: str, folder: Path, remote: bool
) -> None:
    """Also by one that works on this machine alone."""
    replicate = cache_replica(home)
    assert replicate
    killed = replicate(folder, True)
    killed.__enter__()
    work(home, folder, 0)
    (folder / "cache-00007.sqlite").touch()  # a worker that had only opened its file
    with replicate(folder, remote), shard_cache(home, StubTranslator(), folder, 1) as cache:
        assert cache
        assert NEW in cache.get([NEW])
        cache.put({NEWER: VIPI})
    assert not list(folder.glob("cache*.sqlite"))
    with open_cache(home, StubTranslator()) as cache:
        assert cache
        assert cache.get([NEW, NEWER]) == {NEW: KWANINI, NEWER: VIPI}


def test_so_is_what_one_with_another_recipe_left(home: str, folder: Path) -> None:
    replicate = cache_replica(home)
    assert replicate
    killed = replicate(folder, True)
    killed.__enter__()
    work(home, folder, 0)
    other = folder.parent / "4567"
    other.mkdir()
    with replicate(other, True), shard_cache(home, StubTranslator(), other, 0) as cache:
        assert cache
        assert NEW in cache.get([NEW])
    assert not list(folder.glob("cache-*.sqlite"))


def test_where_nothing_is_lent_the_machine_s_own_is_used(home: str, folder: Path) -> None:
    with shard_cache(home, StubTranslator(), folder, 0) as cache:
        assert cache
        cache.put({NEW: KWANINI})
    assert not list(folder.iterdir())
    with open_cache(home, StubTranslator()) as cache:
        assert cache
        assert NEW in cache.get([NEW])
    assert cache_replica(None) is None
    with shard_cache(None, StubTranslator(), folder, 0) as none:
        assert none is None
