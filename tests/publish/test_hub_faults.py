"""What planted faults leave behind: the old revision whole, and one commit once they have passed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from hub_state import LoopbackHub
from published_run import REPO, WORDS, ended, push, rows_at

from mlc_data.pipeline.run import Run
from mlc_data.publish import hub as hub_module
from mlc_data.publish.calls import HubError

pytestmark = pytest.mark.integration

Start = Callable[..., "subprocess.Popen[str]"]
Make = Callable[..., Run]

FAULTS = [
    ("POST", "/api/repos/create", 500, {}),
    ("PUT", "/settings", 429, {"Retry-After": "7"}),
    ("GET", "/api/datasets/", 503, {}),
    ("POST", "/validate-yaml", 500, {}),
    ("POST", "/preupload/", 502, {}),
    ("POST", "/objects/batch", 429, {"Retry-After": "7"}),
    ("PUT", "/lfs/", 429, {"Retry-After": "7"}),
    ("PUT", "/lfs/", 500, {}),
    ("PUT", "/lfs/", "cut", {}),
    ("POST", "/lfs-verify", 500, {}),
    ("POST", "/commit/", 429, {"Retry-After": "7"}),
    ("POST", "/commit/", 500, {}),
    ("POST", "/commit/", "cut", {}),
    ("POST", "/commit/", "lost", {}),
]


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("planted", FAULTS, ids=lambda one: f"{one[1]} {one[2]}")
def test_a_passing_fault_is_waited_out_and_one_commit_is_made(
    hub: LoopbackHub,
    finished: Make,
    waits: list[float],
    planted: tuple[str, str, int | str, dict[str, str]],
) -> None:
    method, path, kind, headers = planted
    fault = hub.fail(method, path, kind, times=2, headers=headers)
    if kind == "lost":
        fault.times = 1
    (pushed,) = push(finished())
    assert fault.reached.is_set()
    assert fault.times == 0
    assert pushed.changed
    assert pushed.revision == hub.repo(REPO).head.oid
    assert len(hub.repo(REPO).commits) == 2
    assert rows_at(hub) == len(WORDS)
    assert waits
    if headers:
        assert max(waits) >= 7


@pytest.mark.usefixtures("client", "waits")
@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [("PUT", "/lfs/", 500), ("PUT", "/lfs/", 429), ("PUT", "/lfs/", "cut"),
     ("POST", "/commit/", 500), ("POST", "/commit/", "cut"), ("POST", "/objects/batch", 503)],
)  # fmt: skip
def test_a_lasting_fault_leaves_the_old_revision_whole_and_the_next_push_goes_through(
    hub: LoopbackHub, finished: Make, method: str, path: str, kind: int | str
) -> None:
    push(finished(WORDS[:8]))
    old = hub.repo(REPO).head
    kept = dict(old.files)
    fault = hub.fail(method, path, kind, times=10**6)
    run = finished(name="larger")
    with pytest.raises(HubError, match=r"publishing to org/small failed \(2 times\)"):
        push(run, tries=2)
    assert hub.repo(REPO).head is old
    assert old.files == kept
    fault.times = 0
    (pushed,) = push(run)
    assert pushed.changed
    assert rows_at(hub) == len(WORDS)
    assert len(hub.repo(REPO).commits) == 3


@pytest.mark.parametrize(("method", "path"), [("PUT", "/lfs/"), ("POST", "/commit/")])
def test_a_killed_publisher_leaves_the_old_revision_whole(
    hub: LoopbackHub, mlc_data: Start, finished: Make, method: str, path: str
) -> None:
    ended(mlc_data("publish", str(finished(WORDS[:8]).folder), "--repo", REPO))
    old = hub.repo(REPO).head
    run = finished(name="larger")
    fault = hub.fail(method, path, "hold", times=10**6)
    publisher = mlc_data("publish", str(run.folder), "--repo", REPO)
    assert fault.reached.wait(300)
    publisher.kill()
    publisher.communicate(timeout=300)
    assert publisher.returncode == -9
    fault.times = 0
    fault.release.set()
    assert hub.repo(REPO).head is old
    assert rows_at(hub) == 8
    ended(mlc_data("publish", str(run.folder), "--repo", REPO))
    assert len(hub.repo(REPO).commits) == 3
    assert rows_at(hub) == len(WORDS)


@pytest.mark.usefixtures("client", "waits")
def test_a_commit_of_somebody_else_in_between_is_not_overwritten(
    hub: LoopbackHub, finished: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(finished(WORDS[:8]))
    repo = hub.repo(REPO)
    make = hub_module._operations

    def meanwhile(*arguments: Any) -> Any:
        hub.add_commit(repo, "theirs", {**repo.head.files, "THEIRS.md": b"1"}, set(repo.head.lfs))
        return make(*arguments)

    monkeypatch.setattr(hub_module, "_operations", meanwhile)
    with pytest.raises(HubError, match="somebody else has changed it meanwhile"):
        push(finished(name="larger"))
    assert repo.head.message == "theirs"


@pytest.mark.usefixtures("client", "waits")
@pytest.mark.parametrize(("status", "told"), [(401, "hf auth login"), (403, "may not write")])
def test_what_trying_again_does_not_mend_is_told_at_once(
    hub: LoopbackHub, finished: Make, waits: list[float], status: int, told: str
) -> None:
    hub.fail("POST", "/repos/create", status)
    with pytest.raises(HubError, match=told):
        push(finished())
    assert waits == []
