"""A sandbox whose variant sets are built once a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from launch_sandbox import LaunchSandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, tiny_for_all: Path) -> LaunchSandbox:
    return LaunchSandbox(tmp_path_factory.mktemp("sandbox"), tiny_for_all)
