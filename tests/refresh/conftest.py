"""A project on the real phrasebook translator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from refresh_support import Project, open_project


@pytest.fixture
def project(
    tmp_path: Path, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Project]:
    """Make a project of the given rows; sections of the recipe may be given."""

    def make(rows: Sequence[object], **sections: Any) -> Project:
        return open_project(tmp_path, small, monkeypatch, rows, **sections)

    return make
