"""Refreshing a walked run on real parts, by the command and by the flow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from place import Walked

pytestmark = [pytest.mark.road, pytest.mark.timeout(480)]


@pytest.fixture
def run(walked: Walked, tmp_path: Path) -> Path:
    """A copy of the walked run."""
    folder = tmp_path / "run"
    shutil.copytree(walked.run, folder)
    return folder


def refresh(walked: Walked, run: Path, *more: str) -> dict[str, object]:
    done = walked.place.run("refresh", str(run), "--json", *more, short=False)
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_a_walked_run_is_up_to_date(walked: Walked, run: Path) -> None:
    assert refresh(walked, run)["changed"] is False
    # Another rule is a change of the recipe, but there is nothing to train again for it.
    told = refresh(walked, run, "--set", "refresh.retrain=always")
    assert told["changed"] is True
    assert told["trained"] is False
    assert told["diff"]["training"] == {"rule": "always", "share": 0.0, "due": True}  # type: ignore[index]
    assert refresh(walked, run)["changed"] is False


def test_the_flow_refreshes(walked: Walked, run: Path) -> None:
    more = ("--run-dir", str(run), "--set", "sources.prompts.limit=30")
    walked.place.run("flows.refresh", *more, short=False)
    told = json.loads((run / "refresh" / "diff.json").read_text())
    assert told["prompts"]["removed"] == told["prompts"]["before"] - 30
    assert told["variants"]["added"] == 0
    assert told["training"]["due"] is False
    assert (run / "refresh" / "trained.parquet").exists()
