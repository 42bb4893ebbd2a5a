"""Publishing into a folder replaces what was published there, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlc_data.errors import MlcDataError, UsageError
from mlc_data.pipeline.run import Run
from mlc_data.publish.dataset import LicenseRequest
from mlc_data.publish.publication import to_folder

Make = Callable[..., Run]
MINE = LicenseRequest("MIT", "I wrote all of it")


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["notes.txt", "sets/mine.parquet", "more/thesis.txt", ".git/HEAD"])
def test_what_else_lies_there_is_not_removed(tmp_path: Path, finished: Make, name: str) -> None:
    run, out = finished(), tmp_path / "out"
    to_folder(run, out, MINE)
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("years of work")
    before = files(out)
    with pytest.raises(
        UsageError, match=f"holds more than the data set .*{name.partition('/')[0]}"
    ):
        to_folder(run, out, MINE)
    assert files(out) == before


def test_an_empty_folder_of_somebody_else_is_not_removed(tmp_path: Path, finished: Make) -> None:
    run, out = finished(), tmp_path / "out"
    to_folder(run, out, MINE)
    (out / "later").mkdir()
    with pytest.raises(UsageError, match="later"):
        to_folder(run, out, MINE)


def test_through_a_link_what_it_points_to_is_replaced(tmp_path: Path, finished: Make) -> None:
    run, link, target = finished(), tmp_path / "link", tmp_path / "big disk" / "out"
    target.parent.mkdir()
    to_folder(run, target, MINE)
    link.symlink_to(target)
    to_folder(finished(name="other"), link, MINE)
    assert link.is_symlink()
    assert [path.name for path in target.parent.iterdir()] == ["out"]
    assert (target / "publication.json").is_file()


def test_what_a_killed_publisher_left_is_removed(tmp_path: Path, finished: Make) -> None:
    left = tmp_path / "exports" / ".out.0123456789ab.part" / "sets"
    left.mkdir(parents=True)
    to_folder(finished(), tmp_path / "exports" / "out", MINE)
    assert [path.name for path in (tmp_path / "exports").iterdir()] == ["out"]


def test_a_record_that_cannot_be_read_is_no_leave_to_remove(tmp_path: Path, finished: Make) -> None:
    run, out = finished(), tmp_path / "out"
    to_folder(run, out, MINE)
    (out / "publication.json").write_text("{}")
    with pytest.raises(MlcDataError, match="is not a record"):
        to_folder(run, out, MINE)
    assert (out / "sets").is_dir()
