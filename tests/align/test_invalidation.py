"""Results of a former checkpoint never stand beside a new one; trainings by name stand beside each other."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from support import put

from mlc_data.errors import UsageError
from mlc_data.execute import first_pending, run_stage
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.report.summary import next_steps, summary

MakeRun = Callable[..., Run]


def text_of(run: Run) -> str:
    console = Console(file=StringIO(), width=200)
    for part in summary(run):
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined]


def with_rate(run: Run, rate: float, training: str | None = None) -> Run:
    align = run.recipe.align.model_copy(update={"learning_rate": rate})
    recipe = run.recipe.model_copy(update={"align": align})
    return Run.create(recipe, run.folder, training=training)


@pytest.fixture
def evaluated(make_run: MakeRun) -> Run:
    run = make_run(max_steps=1)
    run_stage(run, "align")
    run_stage(run, "evaluate")
    return run


def test_another_training_drops_the_evaluation_of_the_former(evaluated: Run) -> None:
    assert "cosine within sets" in text_of(evaluated)
    other = with_rate(evaluated, 0.1)
    assert run_stage(other, "align") is False
    manifest = other.manifest
    assert "evaluate" not in manifest.stages
    assert not manifest.results
    text = text_of(other)
    assert "cosine within sets" not in text
    assert (
        "This checkpoint is not evaluated yet",
        f"mlc-data evaluate {other.folder}",
    ) in next_steps(other)


def test_the_same_checkpoint_again_keeps_its_evaluation(evaluated: Run) -> None:
    assert run_stage(evaluated, "align") is True
    assert run_stage(evaluated, "evaluate") is True


def test_changed_sets_drop_the_checkpoint_and_the_former_sets_bring_it_back(evaluated: Run) -> None:
    files = {
        file.name: file.read_bytes()
        for file in [*evaluated.path("sets").iterdir(), evaluated.path("preferences.parquet")]
    }
    content = evaluated.manifest.content_hash
    weights = evaluated.path("checkpoint", "model.safetensors").read_bytes()

    def write(digest: str) -> Callable[[Staging], StageResult]:
        def work(staging: Staging) -> StageResult:
            for name, data in files.items():
                where = ("sets", name) if name != "preferences.parquet" else (name,)
                staging.path(*where).write_bytes(data)
            assert content.preferences is not None
            return StageResult(content_hash={"sets": digest, "preferences": content.preferences})

        return work

    outputs = ("sets", "preferences.parquet")
    put(evaluated, "sets", {"threshold": "other"}, outputs, write("other"))
    assert not {"align", "evaluate"} & set(evaluated.manifest.stages)
    assert first_pending(evaluated, ("align",)) == "align"
    assert content.sets is not None
    put(evaluated, "sets", {"threshold": "former"}, outputs, write(content.sets))
    assert run_stage(evaluated, "align") is True
    assert run_stage(evaluated, "evaluate") is True
    assert evaluated.manifest.results["after"]
    assert evaluated.path("checkpoint", "model.safetensors").read_bytes() == weights


def test_a_superseded_checkpoint_that_was_changed_is_trained_again(evaluated: Run) -> None:
    other = with_rate(evaluated, 0.1)
    put(other, "sets", {"n": 2}, ("sets", "preferences.parquet"), _copy(other))
    (other.path("checkpoint") / "model.safetensors").write_bytes(b"")
    assert run_stage(with_rate(evaluated, 1e-3), "align") is False


def _copy(run: Run) -> Callable[[Staging], StageResult]:
    hashes = run.manifest.content_hash
    files = [*run.path("sets").iterdir(), run.path("preferences.parquet")]
    data = {file.relative_to(run.folder): file.read_bytes() for file in files}

    def work(staging: Staging) -> StageResult:
        for name, content in data.items():
            staging.path(*name.parts).write_bytes(content)
        assert hashes.preferences is not None
        return StageResult(content_hash={"sets": "0", "preferences": hashes.preferences})

    return work


def test_named_trainings_stand_beside_each_other(evaluated: Run) -> None:
    before = evaluated.path("checkpoint", "model.safetensors").read_bytes()
    named = with_rate(evaluated, 0.1, training="fast")
    assert run_stage(named, "align") is False
    assert run_stage(named, "evaluate") is False
    assert (named.folder / "checkpoints" / "fast" / "model.safetensors").is_file()
    assert evaluated.path("checkpoint", "model.safetensors").read_bytes() == before
    default, own = evaluated.manifest, named.manifest
    assert default.results["before"] == own.results["before"]
    assert default.results["after"] != own.results["after"]
    assert Run.open(named.folder).recipe.align.learning_rate == 1e-3
    opened = Run.open(named.folder, "fast")
    assert opened.recipe.align.learning_rate == 0.1
    assert run_stage(opened, "align") is True
    assert run_stage(evaluated, "align") is True


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden"])
def test_a_name_that_is_no_folder_name_is_refused(make_run: MakeRun, name: str) -> None:
    run = make_run()
    with pytest.raises(UsageError, match="--name"):
        Run.of(run.recipe, run.folder, name)


def test_a_folder_of_another_recipe_is_refused_and_left_alone(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run()
    before = {file: file.read_bytes() for file in run.folder.rglob("*") if file.is_file()}
    renamed = run.recipe.model_copy(update={"name": "another"})
    with pytest.raises(UsageError, match=r"belongs to the recipe .*--force"):
        Run.create(renamed, run.folder)
    prompts = run.recipe.sources.prompts.model_copy(update={"path": str(tmp_path / "other.jsonl")})
    sources = run.recipe.sources.model_copy(update={"prompts": prompts})
    with pytest.raises(UsageError, match=r"other sources: sources\.prompts was .*other\.jsonl"):
        Run.create(run.recipe.model_copy(update={"sources": sources}), run.folder)
    assert {file: file.read_bytes() for file in run.folder.rglob("*") if file.is_file()} == before
    assert Run.create(renamed, run.folder, force=True).recipe.name == "another"
