"""``package://`` locates files of installed packages; no code is imported for it, and nothing else is reached."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlc_data.core.paths import local_path
from mlc_data.errors import ModelError


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose import leaves a file."""
    package = tmp_path / "evilpkg"
    (package / "inner").mkdir(parents=True)
    code = f"open({str(tmp_path / 'imported')!r}, 'w').close()\n"
    (package / "__init__.py").write_text(code)
    (package / "inner" / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "imported"


def test_a_package_is_located_without_being_imported(evil: Path) -> None:
    assert local_path("package://evilpkg/data.txt") == evil.with_name("evilpkg") / "data.txt"
    assert not evil.exists()
    assert "evilpkg" not in sys.modules


@pytest.mark.parametrize(
    "location",
    [
        "package://evilpkg.inner/x", "package://evilpkg./x", "package://../x", "package://", "package:///etc/passwd",
        "package://evilpkg/../imported", "package://evilpkg/a/../../x", "package://a b/x",
    ],
)  # fmt: skip
def test_other_names_are_refused_without_importing(evil: Path, location: str) -> None:
    with pytest.raises(ModelError, match="takes the name of an installed package"):
        local_path(location)
    assert not evil.exists()
