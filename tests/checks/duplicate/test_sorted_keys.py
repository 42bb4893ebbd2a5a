"""Sorted keys in a file answer as NumPy does in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlc_data.checks.duplicate import sorted_keys
from mlc_data.checks.duplicate.sorted_keys import Keys, SortedKeys, write_sorted


@pytest.fixture(params=[0, 1, 63, 64, 65, 1000])
def keys(request: pytest.FixtureRequest) -> Keys:
    """So many keys, many of them more than once."""
    chance = np.random.default_rng(1)
    made = chance.integers(0, 2**64, max(1, request.param // 3), np.uint64)
    return chance.choice(made, request.param)


def written(keys: Keys, path: Path) -> SortedKeys:
    write_sorted(lambda: iter(np.array_split(keys, 3)), len(keys), path)
    return SortedKeys(path)


@pytest.mark.parametrize("at_once", [10, 1 << 20])
def test_keys_are_sorted_range_by_range(
    keys: Keys, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_keys, "AT_ONCE", at_once)
    assert (written(keys, tmp_path / "keys").take(np.arange(len(keys))) == np.sort(keys)).all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_places_are_those_of_numpy(keys: Keys, side: str, tmp_path: Path) -> None:
    wanted = np.concatenate([keys, keys + np.uint64(1), np.array([0, 2**64 - 1], np.uint64)])
    found = written(keys, tmp_path / "keys").search(wanted, side)  # type: ignore[arg-type]
    assert (found == np.searchsorted(np.sort(keys), wanted, side)).all()  # type: ignore[call-overload]


def test_positions_of_equal_keys_stay_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_keys, "AT_ONCE", 50)
    keys = np.random.default_rng(1).integers(0, 9, 200, np.uint64) << np.uint64(60)
    positions = np.zeros(200, np.int64)

    def done(some: np.ndarray, begun: int) -> None:
        positions[begun : begun + len(some)] = some

    write_sorted(lambda: iter(np.array_split(keys, 7)), 200, tmp_path / "keys", done)
    assert (positions == np.argsort(keys, kind="stable")).all()
