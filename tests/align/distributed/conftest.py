"""A sandbox whose variant sets are built, and a training in two processes, for all files here."""

from __future__ import annotations

from pathlib import Path

import pytest
from launch_sandbox import LaunchSandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory, tiny_for_all: Path) -> LaunchSandbox:
    return LaunchSandbox(tmp_path_factory.mktemp("sandbox"), tiny_for_all)


@pytest.fixture(scope="session")
def trained(sandbox: LaunchSandbox) -> Path:
    """Folder of the run that two processes of `align.processes=2` trained."""
    return sandbox.train_in_two_processes("trained")
