"""Stored scores that were harmed are not believed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mlc_data.checks.external.check import _STORED, _store, _stored_in

SCORES = pl.DataFrame({"text": [1, 2], "score": [0.25, 0.5]}, schema=_STORED)


def test_stored_scores_are_read_again(tmp_path: Path) -> None:
    _store(SCORES, tmp_path)
    assert _stored_in(tmp_path).sort("text").equals(SCORES)


@pytest.mark.parametrize("place", [4, -40])
def test_harmed_ones_are_not(tmp_path: Path, place: int, caplog: pytest.LogCaptureFixture) -> None:
    _store(SCORES, tmp_path)
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert _stored_in(tmp_path).is_empty()
    assert "its texts are scored again" in caplog.text
    _store(SCORES, tmp_path)
    assert _stored_in(tmp_path).height == 2


def test_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    SCORES.write_parquet(tmp_path / "0123456789abcdef.parquet")
    assert _stored_in(tmp_path).height == 2
