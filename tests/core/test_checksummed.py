"""Records with a checksum: one that was changed anywhere is noticed."""

from __future__ import annotations

import json

import pytest

from mlc_data.core.checksummed import CHECKSUM, is_intact, with_checksum

RECORD = {"counts": {"kept": 16, "share": 1e-5}, "name": "ü", "results": {"loss": [0.1, 2.0, None]}}


@pytest.fixture
def written() -> str:
    """The record as it is written."""
    return with_checksum(json.dumps(RECORD))


def test_what_was_written_is_intact(written: str) -> None:
    assert is_intact(written.encode())
    assert {**json.loads(written), CHECKSUM: ""} == {**RECORD, CHECKSUM: ""}


def test_it_is_written_the_same_again(written: str) -> None:
    assert with_checksum(written) == written


@pytest.mark.parametrize(
    ("old", "new"), [("16", "17"), ("1e-05", "1e-06"), ("null", "true"), ("ü", "u")]
)
def test_a_changed_value_is_noticed(written: str, old: str, new: str) -> None:
    assert old in written
    assert not is_intact(written.replace(old, new, 1).encode())


def test_a_changed_checksum_is_noticed(written: str) -> None:
    record = json.loads(written)
    assert not is_intact(json.dumps({**record, CHECKSUM: ""}).encode())


def test_a_record_of_an_earlier_version_is_taken() -> None:
    assert is_intact(json.dumps(RECORD).encode())


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        is_intact(b"[1]")
