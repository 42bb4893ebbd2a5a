"""The unpacked copy of a GGUF file: made once, and again where it is not as it was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlc_data.core.seals import SEAL_FILE
from mlc_data.lm import unpack
from mlc_data.lm.unpack import unpacked

HARMS: dict[str, Callable[[Path], Any]] = {
    "flipped": lambda file: file.write_bytes(b"Weights"),
    "cut": lambda file: file.write_bytes(b"weight"),
    "empty": lambda file: file.write_bytes(b""),
    "gone": Path.unlink,
    "seal gone": lambda file: (file.parent / SEAL_FILE).unlink(),
    "seal cut": lambda file: (file.parent / SEAL_FILE).write_text("{"),
}


class Copies:
    """Stands for the reading of GGUF files; counts the copies."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, file: Path, folder: Path) -> None:
        self.made += 1
        (folder / "model.safetensors").write_bytes(file.read_bytes())


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Copies:
    made = Copies()
    monkeypatch.setattr(unpack, "_unpack", made)
    monkeypatch.setattr(unpack, "user_cache", lambda: tmp_path / "cache")
    return made


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    return file


def test_a_whole_copy_is_used_again(copies: Copies, gguf: Path) -> None:
    assert unpacked(gguf, "m", "align.model") == unpacked(gguf, "m", "align.model")
    assert copies.made == 1


@pytest.mark.parametrize("how", HARMS)
def test_a_harmed_copy_is_made_again(
    copies: Copies, gguf: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = unpacked(gguf, "m", "align.model") / "model.safetensors"
    HARMS[how](file)
    assert unpacked(gguf, "m", "align.model") == file.parent
    assert file.read_bytes() == b"weights"
    assert copies.made == 2
    assert "is not used" in caplog.text


def test_another_file_has_a_copy_of_its_own(copies: Copies, gguf: Path) -> None:
    first = unpacked(gguf, "m", "align.model")
    gguf.write_bytes(b"weights of another model")
    assert unpacked(gguf, "m", "align.model") != first
