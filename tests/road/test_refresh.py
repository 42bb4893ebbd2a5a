"""Refreshing on real parts: a walked run by the command, a build by the flow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from place import Place, Walked

pytestmark = [pytest.mark.road, pytest.mark.timeout(480)]


def refresh(place: Place, run: Path, *more: str) -> dict[str, Any]:
    done = place.run("refresh", str(run), "--json", *more, short=False)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_walked_run_is_up_to_date(walked: Walked, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(walked.run, run)
    assert refresh(walked.place, run)["changed"] is False
    # Another rule is a change of the recipe, but there is nothing to train again for it.
    told = refresh(walked.place, run, "--set", "refresh.retrain=always")
    assert told["changed"] is True
    assert told["trained"] is False
    assert told["diff"]["training"] == {"rule": "always", "share": 0.0, "due": True}
    assert refresh(walked.place, run)["changed"] is False


def test_the_flow_refreshes(tmp_path: Path) -> None:
    place = Place(tmp_path)
    own = ("--run-dir", str(tmp_path / "run"), "--set", "languages.targets=[spa_Latn,swh_Latn]")
    flow = ("mlc_data.flows.refresh", *own, "--set", "sources.prompts.limit=30")
    place.run(*flow, "--recipe", "quickstart", short=False)
    told = json.loads((tmp_path / "run" / "refresh" / "diff.json").read_text())
    assert told["before"] is None
    assert told["variants"]["added"] == 60
    place.run("mlc_data.flows.refresh", *own, "--set", "sources.prompts.limit=20", short=False)
    told = json.loads((tmp_path / "run" / "refresh" / "diff.json").read_text())
    assert told["prompts"]["removed"] == 10
    assert (told["variants"]["added"], told["variants"]["removed"]) == (0, 20)
    assert told["training"]["due"] is False
    assert refresh(place, tmp_path / "run")["changed"] is False
