"""A refresh publishes what has changed, and the card tells what that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hub_state import LoopbackHub
from published_run import REPO
from refresh_support import SPREAD, Project, open_project, rows_of

from mlc_data.errors import UsageError
from mlc_data.publish.calls import HubError
from mlc_data.publish.license import LicenseError
from mlc_data.refresh import snapshot

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("client", "waits")]

Make = Callable[..., Project]


@pytest.fixture
def project(tmp_path: Path, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(rows: Sequence[object], **refresh: Any) -> Project:
        return open_project(
            tmp_path, small, monkeypatch, rows, refresh={"publish": REPO, **refresh}
        )

    return make


def card(hub: LoopbackHub) -> str:
    return hub.repo(REPO).head.files["README.md"].decode()


def test_a_revision_a_change_and_none_without(hub: LoopbackHub, project: Make) -> None:
    rows = rows_of(SPREAD[:12])
    made = project(rows)
    first = made.refresh()
    assert len(first.published) == 1
    assert first.published[0].endswith(hub.repo(REPO).head.oid)
    assert "There is no earlier build to compare with." in card(hub)
    commits = len(hub.repo(REPO).commits)
    assert made.refresh().published == ()
    assert len(hub.repo(REPO).commits) == commits

    rows[2]["prompt"] = SPREAD[40]
    made.write([*rows[1:], *rows_of(SPREAD[50:53], 50)])
    done = made.refresh(languages={"targets": ["spa_Latn", "swh_Latn", "deu_Latn"]})
    assert len(hub.repo(REPO).commits) == commits + 1
    told = card(hub)
    assert "## Changes in this revision" in told
    assert "3 prompts added, 1 removed, 1 changed." in told
    assert "Languages added: German (deu_Latn)." in told
    assert "Languages removed: Simplified Chinese (zho_Hans)." in told
    assert done.diff is not None
    spanish = done.diff.by_language["spa_Latn"]
    assert f"| spa_Latn | 3 | 1 | {spanish.changed} |" in told
    assert "| deu_Latn | 14 | 0 | 0 |" in told
    assert str(made.folder) not in told


def test_a_push_that_fails_is_made_up_for_with_the_same_diff(
    hub: LoopbackHub, project: Make
) -> None:
    made = project(rows_of(SPREAD[:12]))
    made.refresh()
    made.write(rows_of(SPREAD[:14]))
    fault = hub.fail("POST", "/commit/", 500, times=99)
    with pytest.raises(HubError):
        made.refresh()
    assert "2 prompts added" not in card(hub)
    fault.times = 0
    done = made.refresh()
    assert made.did == []
    assert done.diff is not None
    assert done.diff.prompts.added == 2
    assert "2 prompts added, 0 removed, 0 changed." in card(hub)


def test_what_may_not_be_published_is_told_before_training(project: Make) -> None:
    made = project(
        rows_of(SPREAD[:8]),
        retrain="always",
        publish={"repo": REPO, "licence": "CC0-1.0", "checkpoint": True},
    )
    made.training = True
    with pytest.raises(LicenseError, match="attribution"):
        made.refresh()
    assert "sets" in made.did
    assert "align" not in made.did
    assert snapshot.find(made.run) is not None


def test_a_name_that_is_none_is_told_before_anything(project: Make) -> None:
    made = project(rows_of(SPREAD[:3]), publish="noslash")
    with pytest.raises(UsageError, match="write organisation/name"):
        made.refresh()
    assert not made.run_dir.exists()


def test_a_checkpoint_of_other_sets_is_not_published(hub: LoopbackHub, project: Make) -> None:
    pushed: list[Any] = []

    def push(run: Any, options: Any) -> list[str]:
        pushed.append(options)
        return [options.repo]

    made = project(
        rows_of(SPREAD[:12]),
        retrain={"changed_above": 0.5},
        publish={"repo": REPO, "checkpoint": True, "private": True},
    )
    made.training = True
    assert made.refresh(push=push).published == (REPO,)
    made.write(rows_of(SPREAD[:13]))
    made.refresh(push=push)
    assert [options.checkpoint for options in pushed] == [True, False]
    assert [options.private for options in pushed] == [True, True]
    assert not hub.repos
