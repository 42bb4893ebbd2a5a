"""Files and folders are replaced in one step, durably, and what dead writers leave is removed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlc_data.core import exchange, files
from mlc_data.core.files import (
    atomic_file,
    atomic_folder,
    remove_folder,
    remove_leftovers,
    update_text,
    write_text,
)

OPERATIONS = ("fsync", "rename", "replace", "unlink", "rmdir", "mkdir", "open")


def new_file(path: Path) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text("new")


def new_folder(path: Path) -> None:
    with atomic_folder(path) as temporary:
        (temporary / "inside").mkdir()
        (temporary / "inside" / "a.txt").write_text("new")


def content(path: Path) -> str:
    return (path / "inside" / "a.txt" if path.is_dir() else path).read_text()


def killed_at(number: int, write: Callable[[Path], None], path: Path) -> bool:
    """Write in a process that kills itself before its n-th operation on files; return whether it was killed."""
    pid = os.fork()
    if not pid:
        left = [number]

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def operation(*given: Any, **named: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*given, **named)

            return operation

        for name in OPERATIONS:
            setattr(os, name, counted(getattr(os, name)))
        files.exchange = counted(files.exchange)  # type: ignore[assignment]
        write(path)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("write", [new_file, new_folder])
def test_killed_at_any_operation_the_old_or_the_new_is_there(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    path, kills = tmp_path / "it", 0
    write(path)
    while killed_at(kills, write, path):
        kills += 1
        assert content(path) == "new"
    assert kills > 5


@pytest.mark.parametrize("write", [new_file, new_folder])
def test_the_next_writer_removes_what_was_left(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    path, number = tmp_path / "it", 0
    while killed_at(number, write, path):
        number += 1
        write(path)
        assert [found.name for found in tmp_path.iterdir()] == ["it"]


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "it") as first:
        first.write_text("first")
        new_file(tmp_path / "it")
        remove_leftovers(tmp_path)
        assert first.exists()
    assert (tmp_path / "it").read_text() == "first"


def test_names_that_only_look_alike_stay(tmp_path: Path) -> None:
    names = [".it.2024", ".it.part", "it.0123456789ab.part", ".other.0123456789abc.part", ".it.old"]
    for name in names:
        (tmp_path / name).touch()
    new_file(tmp_path / "it")
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"it", *names}


def test_leftovers_are_removed_from_subfolders(tmp_path: Path) -> None:
    left = tmp_path / "trainings" / "sft" / ".recipe.yaml.0123456789ab.part"
    left.mkdir(parents=True)
    (left / "a").touch()
    remove_leftovers(tmp_path)
    assert not list(left.parent.iterdir())


def test_a_folder_is_not_removed_bit_by_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shards"
    (folder / "0").mkdir(parents=True)
    monkeypatch.setattr(files.shutil, "rmtree", lambda *_, **__: None)
    remove_folder(folder)
    assert not folder.exists()
    monkeypatch.undo()
    remove_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_may_stay(tmp_path: Path) -> None:
    new_folder(tmp_path / "it")
    with atomic_folder(tmp_path / "it", replace=False) as other:
        (other / "b.txt").touch()
    assert content(tmp_path / "it") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_without_the_system_s_exchange_a_folder_is_replaced_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_folder(tmp_path / "it")
    (tmp_path / "it" / "old").touch()
    monkeypatch.setattr(exchange, "_exchanged", lambda *_: False)
    new_folder(tmp_path / "it")
    assert [path.name for path in (tmp_path / "it").iterdir()] == ["inside"]
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_an_unchanged_text_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "one")
    before = path.stat().st_ino
    update_text(path, "one")
    assert path.stat().st_ino == before
    update_text(path, "two")
    assert path.read_text() == "two"


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Operations in order: ("sync", path) and ("move", new path)."""
    events: list[tuple[str, str]] = []
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def synced(handle: int) -> None:
        events.append(("sync", str(Path(f"/proc/self/fd/{handle}").readlink())))
        fsync(handle)

    def moved(real: Callable[..., None]) -> Callable[..., None]:
        def move(source: Any, target: Any, **named: Any) -> None:
            real(source, target, **named)
            events.append(("move", str(target)))

        return move

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", synced)
        patch.setattr(os, "rename", moved(rename))
        patch.setattr(os, "replace", moved(replace))
        yield events


@pytest.mark.parametrize("write", [new_file, new_folder])
def test_bytes_are_on_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, write: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with recorded(monkeypatch) as events:
        write(tmp_path / "it")
    move = events.index(("move", str(tmp_path / "it")))
    assert ("sync", str(tmp_path)) in events[move:]
    synced = [Path(path).name for kind, path in events[:move] if kind == "sync"]
    assert synced == [Path(synced[0]).name, *synced[1:]]
    if write is new_folder:
        assert synced[:2] == ["a.txt", "inside"]
