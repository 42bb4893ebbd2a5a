"""Outputs may be links: what they point to is replaced, and nothing else there is lost."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from support import put

from mlc_data.core.hashing import hash_file
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging

ROWS = [{"prompt": "How do I bake bread?"}]


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    return make_run(ROWS)


def do(run: Run, *names: str) -> None:
    def work(staging: Staging) -> StageResult:
        for name in names:
            staging.path("checkpoint", name).write_text(name)
        staging.path("training.jsonl").write_text("log")
        return StageResult()

    put(run, "align", {"names": names}, ("checkpoint", "training.jsonl"), work)


def inside(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_linked_folder_gets_the_files(run: Run, tmp_path: Path) -> None:
    disk = tmp_path / "big" / "disk"
    run.path("checkpoint").symlink_to(disk)
    do(run, "a", "b/c")
    assert run.path("checkpoint").is_symlink()
    assert inside(disk) == {"a", "b/c"}


def test_former_files_go_and_foreign_ones_stay(run: Run, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "thesis.txt").write_text("years of work")
    run.path("checkpoint").symlink_to(disk)
    do(run, "a", "b")
    do(run, "a", "c")
    assert inside(disk) == {"a", "c", "thesis.txt"}


def test_a_linked_file_is_written_through(run: Run, tmp_path: Path) -> None:
    run.path("training.jsonl").symlink_to(tmp_path / "log.jsonl")
    do(run, "a")
    assert run.path("training.jsonl").is_symlink()
    assert (tmp_path / "log.jsonl").read_text() == "log"


def test_what_is_behind_a_link_is_compared_too(run: Run, tmp_path: Path) -> None:
    run.path("checkpoint").symlink_to(tmp_path / "disk")
    do(run, "a")
    (tmp_path / "disk" / "a").write_text("changed")
    do(run, "a")
    assert (tmp_path / "disk" / "a").read_text() == "a"


@pytest.mark.parametrize("linked", [True, False])
def test_another_device_is_copied_to(
    run: Run, tmp_path: Path, linked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if linked:
        (tmp_path / "disk").mkdir()
        run.path("checkpoint").symlink_to(tmp_path / "disk")
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if ".staging-" in str(path) and ".staging-" not in str(target):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    do(run, "a", "b/c")
    outputs = run.manifest.stages["align"].outputs
    assert {name: hash_file(run.folder / name) for name in outputs} == outputs
    assert inside(run.path("checkpoint")) == {"a", "b/c"}
