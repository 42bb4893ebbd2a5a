import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support import forget_stages, put

from mlc_data.core.files import write_text
from mlc_data.core.parquet import read_table, write_table
from mlc_data.core.records import PREFERENCES, PROMPTS, empty
from mlc_data.errors import DiskFullError, MlcDataError, UsageError, is_disk_full
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.loading import parse_recipe

ROWS = [{"prompt": "How do I bake bread?"}]


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    return make_run(ROWS)


def write(text: str) -> Callable[[Staging], StageResult]:
    def work(staging: Staging) -> StageResult:
        staging.path("sets", "a.txt").write_text(text)
        return StageResult(content_hash={"sets": text}, notes={"said": text})

    return work


def do(run: Run, text: str, key: str = "k", force: bool = False) -> bool:
    return put(run, "sets", {"key": key}, ("sets",), write(text), force=force)


def test_a_stage_is_reused_until_something_behind_it_changes(run: Run) -> None:
    assert do(run, "one") is False
    assert do(run, "two") is True
    assert run.path("sets/a.txt").read_text() == "one"
    assert do(run, "two", key="other") is False
    assert do(run, "three", key="other", force=True) is False
    assert run.path("sets/a.txt").read_text() == "three"
    assert run.manifest.stages["sets"].notes == {"said": "three"}


@pytest.mark.parametrize("harm", ["change", "remove"])
def test_a_file_that_was_touched_is_made_again(run: Run, harm: str) -> None:
    do(run, "one")
    file = run.path("sets/a.txt")
    file.unlink() if harm == "remove" else file.write_text("onE")
    assert do(run, "one") is False
    assert file.read_text() == "one"


def test_a_stage_that_fails_leaves_what_was_there_and_no_trace(run: Run) -> None:
    do(run, "one")

    def fail(staging: Staging) -> StageResult:
        staging.path("sets", "a.txt").write_text("half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        put(run, "sets", {"key": "new"}, ("sets",), fail)
    assert run.path("sets/a.txt").read_text() == "one"
    assert do(run, "two") is True
    assert not list(run.folder.glob(".staging-*"))


def test_outputs_that_are_not_declared_are_refused(run: Run) -> None:
    def work(staging: Staging) -> StageResult:
        staging.path("other.txt").write_text("x")
        return StageResult()

    with pytest.raises(RuntimeError, match="is not among the outputs of the stage"):
        put(run, "sets", {}, ("sets",), work)


def test_a_folder_that_is_no_run_is_refused(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="is not a run's folder"):
        Run.create(run.recipe, mine)
    with pytest.raises(UsageError, match="not a run's folder"):
        Run.open(mine)
    with pytest.raises(UsageError, match="cannot make"):
        Run.create(run.recipe, mine / "letter.txt" / "below")
    assert Run.open(run.folder).recipe == run.recipe


def test_a_manifest_of_another_kind_is_told(run: Run) -> None:
    run.path("manifest.json").write_text('{"format_version": 1, "surprise": 1}')
    with pytest.raises(MlcDataError, match="is not a manifest of format"):
        _ = run.manifest


def test_a_manifest_with_a_changed_figure_is_refused(run: Run) -> None:
    do(run, "one")
    path = run.path("manifest.json")
    text = path.read_text()
    assert '"format_version": 1' in text
    path.write_text(text.replace('"name": "', '"name": "un', 1))
    with pytest.raises(MlcDataError, match="its checksum does not fit"):
        _ = run.manifest


def test_forgetting_a_stage_takes_its_figures_along(run: Run) -> None:
    do(run, "one")
    forget_stages(run, "sets")
    told = json.loads(run.path("manifest.json").read_text())
    assert told["stages"] == {}
    assert told["content_hash"]["sets"] is None


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(empty(PROMPTS), path, PROMPTS)
    assert read_table(path, PROMPTS).is_empty()
    with pytest.raises(MlcDataError, match="unexpected"):
        read_table(path, PREFERENCES)
    with pytest.raises(MlcDataError, match="missing"):
        write_table(pl.DataFrame({"prompt": ["x"]}), path, PROMPTS)


def test_a_text_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "one")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "one"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_recognised_through_its_causes() -> None:
    deep = RuntimeError("writing failed")
    deep.__cause__ = OSError(28, "No space left on device")
    assert is_disk_full(deep)
    assert is_disk_full(RuntimeError("database or disk is full"))
    assert not is_disk_full(RuntimeError("something else"))
    assert not issubclass(DiskFullError, UsageError)


def test_a_named_training_leaves_the_folder_s_recipe_and_its_hash(
    tmp_path: Path, small: dict[str, Any]
) -> None:
    default = Run.create(parse_recipe(small, "test"), tmp_path / "run")
    with default.locked():
        default.store(default.manifest)
    other = parse_recipe({**small, "align": {**small["align"], "learning_rate": 0.5}}, "test")
    named = Run.create(other, tmp_path / "run", training="fast")
    with named.locked():
        named.store(named.manifest)
    assert named.recipe.hash != default.recipe.hash
    assert Run.open(tmp_path / "run").manifest.recipe_hash == default.recipe.hash
    assert Run.open(tmp_path / "run").recipe.hash == default.recipe.hash
    assert Run.open(tmp_path / "run", "fast").recipe.hash == named.recipe.hash
