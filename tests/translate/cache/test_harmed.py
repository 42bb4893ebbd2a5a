"""What was harmed in the cache is translated again; it is never believed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from support import StubTranslator

from mlc_data.translate.cache.store import FILE, TABLE, checksum, open_cache, read_cache
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request

ONE, OTHER = (Request(text, "eng_Latn", "swh_Latn") for text in ("How?", "Why?"))
VIPI, KWANINI = Hypothesis("Vipi?", -0.25, 0.0), Hypothesis("Kwa nini?", -0.5, 0.0)
VALUES = [
    '["Jinsi gani?", -0.25, 0.0, null]', "no JSON", "", None, "[]", "{}", '"Vipi?"', "[1, 2, 3, 4]", b"\xff\xfe", 7,
    '["Vipi?", -0.25, 0.0, "no such failure"]', "[" * 10_000,
]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> str:
    """A cache with two sentences."""
    with open_cache(str(tmp_path), StubTranslator()) as cache:
        assert cache
        cache.put({ONE: VIPI, OTHER: KWANINI})
    return str(tmp_path)


def key_of(home: str, request: Request = ONE) -> bytes:
    with open_cache(home, StubTranslator()) as cache:
        assert cache
        return cache.key(request)


def execute(home: str, statement: str, *values: object) -> None:
    with sqlite3.connect(Path(home) / FILE) as connection:
        connection.execute(statement, values)


@pytest.mark.parametrize("value", VALUES)
def test_a_changed_value_is_not_believed(
    home: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    execute(home, f"UPDATE {TABLE} SET value = ? WHERE key = ?", value, key_of(home))
    with open_cache(home, StubTranslator()) as cache:
        assert cache
        assert cache.get([ONE, OTHER]) == {OTHER: KWANINI}
        assert cache.get_nbest([ONE], Decoding(num_hypotheses=2)) == {}
    assert "1 entries were harmed, and are translated again" in caplog.text


def test_what_replaces_it_is_believed(home: str) -> None:
    execute(home, f"UPDATE {TABLE} SET value = 'no JSON'")
    with open_cache(home, StubTranslator()) as cache:
        assert cache
        cache.put({ONE: VIPI})
        assert cache.get([ONE, OTHER]) == {ONE: VIPI}


@pytest.mark.parametrize("sum_", [None, b"", b"12345678"])
def test_a_row_without_its_checksum_is_not_believed(home: str, sum_: bytes | None) -> None:
    execute(home, f"UPDATE {TABLE} SET sum = ? WHERE key = ?", sum_, key_of(home))
    with open_cache(home, StubTranslator()) as cache:
        assert cache
        assert cache.get([ONE, OTHER]) == {OTHER: KWANINI}


def test_a_row_under_another_key_is_not_believed(home: str) -> None:
    """As when a bit of the key flips, so that it becomes that of another sentence."""
    mine, theirs = key_of(home), key_of(home, OTHER)
    execute(home, f"DELETE FROM {TABLE} WHERE key = ?", theirs)
    execute(home, f"UPDATE {TABLE} SET key = ? WHERE key = ?", theirs, mine)
    with open_cache(home, StubTranslator()) as cache:
        assert cache
        assert cache.get([ONE, OTHER]) == {}


def test_looking_only_does_not_believe_it_either(home: str) -> None:
    execute(home, f"UPDATE {TABLE} SET value = 'no JSON' WHERE key = ?", key_of(home))
    with read_cache(home, StubTranslator()) as cache:
        assert cache
        assert cache.get([ONE, OTHER]) == {OTHER: KWANINI}


@pytest.fixture
def old(home: str) -> str:
    """A cache as earlier versions have made it: without checksums."""
    with sqlite3.connect(Path(home) / FILE) as connection:
        connection.execute(f"ALTER TABLE {TABLE} DROP COLUMN sum")
        connection.execute("PRAGMA user_version = 0")
    return home


def test_an_earlier_version_s_cache_keeps_its_translations(old: str) -> None:
    with open_cache(old, StubTranslator()) as cache:
        assert cache
        assert cache.get([ONE, OTHER]) == {ONE: VIPI, OTHER: KWANINI}
    rows = sqlite3.connect(Path(old) / FILE).execute(f"SELECT key, value, sum FROM {TABLE}")
    assert all(sum_ == checksum(key, value.encode()) for key, value, sum_ in rows)


def test_an_earlier_version_s_cache_may_be_looked_at(old: str) -> None:
    with read_cache(old, StubTranslator()) as cache:
        assert cache
        assert cache.get([ONE]) == {ONE: VIPI}
