"""Asking a run, its checkpoint, and a checkpoint that was copied away; what was edited is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from lineage_run import train
from support import forget_stages

from mlc_data.errors import UsageError
from mlc_data.lineage.published import FILE as PUBLISHED
from mlc_data.lineage.published import Published, read_published, record_publication
from mlc_data.lineage.verify import Kind, LineageReport, inspect
from mlc_data.pipeline.lineage.record import FILE, read_lineage
from mlc_data.pipeline.run import Run

Harm = Callable[[Path], object]


def told(report: LineageReport) -> set[tuple[str, str]]:
    return {(one.part, str(one.kind)) for one in report.findings}


def test_run_its_checkpoint_and_a_copy_tell_the_same(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path("checkpoint"), tmp_path / "elsewhere" / "model")
    places = (run.folder, run.path("checkpoint"), tmp_path / "elsewhere" / "model")
    reports = [inspect(place) for place in places]
    assert reports[0].lineage == reports[1].lineage == reports[2].lineage
    assert [one.findings for one in reports] == [(), (), ()]
    assert [one.run is not None for one in reports] == [True, True, False]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize(
    ("name", "harm", "kind"),
    [
        ("model.safetensors", flip, "changed"),
        ("config.json", Path.unlink, "missing"),
        ("README.md", lambda path: path.write_text("Mine"), "changed"),
        ("model-00002.safetensors", lambda path: path.write_bytes(b"x"), "added"),
        (
            FILE,
            lambda path: path.write_text(path.read_text().replace("CC-BY-4.0", "MIT")),
            "changed",
        ),
    ],
)
def test_what_was_changed_in_a_checkpoint_is_named(
    run: Run, tmp_path: Path, *, copied: bool, name: str, harm: Harm, kind: str
) -> None:
    folder = run.path("checkpoint")
    if copied:
        folder = shutil.copytree(folder, tmp_path / "copy")
    harm(folder / name)
    found = inspect(folder)
    part = name if copied else f"checkpoint/{name}"
    assert (part, kind) in told(found)
    # A licence that was edited in the record is not that of the run either.
    expected = 2 if name == FILE and not copied else 1
    assert len(found.findings) == expected


def test_weights_that_were_changed_are_told_with_both_hashes(run: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(run.path("checkpoint"), tmp_path / "copy")
    before = read_lineage(folder / FILE).files["model.safetensors"]
    flip(folder / "model.safetensors")
    (finding,) = inspect(folder).findings
    assert finding.told.startswith(f"changed since: SHA-256 was {before}, is ")


def test_tables_that_were_changed_are_named(run: Run) -> None:
    flip(run.path("scores", "scores.parquet"))
    run.path("prompts.parquet").unlink()
    assert told(inspect(run.folder)) == {
        ("scores/scores.parquet", "changed"),
        ("prompts.parquet", "missing"),
    }


def test_a_run_that_has_gone_on_differs_from_its_checkpoint(run: Run) -> None:
    recipe = run.recipe.model_copy(update={"seed": 9})
    recipe = recipe.model_copy(
        update={
            "sources": recipe.sources.model_copy(
                update={"prompts": recipe.sources.prompts.model_copy(update={"licence": "MIT"})}
            )
        }
    )
    then = inspect(run.folder).lineage
    other = Run.create(recipe, run.folder)
    found = inspect(other.folder)
    assert found.lineage == then
    assert told(found) == {("recipe", "differs"), ("source prompts", "differs")}
    forget_stages(other, "align")
    assert ("checkpoint", "differs") in told(inspect(other.folder))
    train(other)
    assert inspect(other.folder).findings == ()
    assert inspect(other.folder).lineage.seed == 9


def test_a_run_without_a_checkpoint_tells_its_data(run: Run) -> None:
    forget_stages(run, "align")
    shutil.rmtree(run.path("checkpoint"))
    found = inspect(run.folder)
    assert found.lineage.training is None
    assert found.lineage.files == {}
    assert [one.role for one in found.lineage.models] == ["translator", "language_identifier"]
    assert found.findings == ()


def test_a_record_that_cannot_be_read_is_told_and_the_runs_data_are_shown(run: Run) -> None:
    run.path("checkpoint", FILE).write_text("{")
    found = inspect(run.folder)
    assert found.lineage.training is None
    assert [(one.part, one.kind) for one in found.findings] == 2 * [
        (f"checkpoint/{FILE}", Kind.CHANGED)
    ]
    run.path("checkpoint", FILE).unlink()
    assert told(inspect(run.folder)) == {(f"checkpoint/{FILE}", "missing")}


def test_what_nobody_recorded_is_named_and_not_guessed(run: Run) -> None:
    manifest = json.loads(run.path("manifest.json").read_text())
    del manifest["checksum"]  # as in manifests of earlier versions
    del manifest["stages"]["align"], manifest["models"]["translator"], manifest["models"]["base"]
    del manifest["stages"]["sources"]["notes"]["identity"], manifest["stages"]["score"]
    manifest["stages"]["sets"]["versions"] = {}
    run.path("manifest.json").write_text(json.dumps(manifest))
    shutil.rmtree(run.path("checkpoint"))
    found = inspect(run.folder)
    assert {one.kind for one in found.findings} == {Kind.UNKNOWN}
    assert {one.part for one in found.findings} == {
        "source prompts",
        "source preferences",
        "model translator",
        "stage score",
        "stage sets",
    }
    assert found.lineage.sources[0].sha256 is None
    assert found.lineage.models[0].id is None


def test_the_revision_is_told_only_of_the_same_sets(run: Run) -> None:
    sets = run.manifest.content_hash.sets
    assert sets is not None

    def published(revision: str, content: str, repo: str = "org/one") -> Published:
        return Published(
            kind="dataset", repo=repo, revision=revision, url="https://hub.example/x",
            content={"sets": content},
        )  # fmt: skip

    record_publication(run.folder, published("r0", sets))
    assert inspect(run.folder).published is not None
    record_publication(run.folder, published("r1", "other"))
    assert [one.revision for one in read_published(run.folder)] == ["r1"]
    found = inspect(run.folder)
    assert found.published is None
    assert found.elsewhere == ("org/one revision r1",)
    record_publication(run.folder, published("r2", sets, "org/two"))
    found = inspect(run.path("checkpoint"))
    assert found.published is not None
    assert (found.published.repo, found.published.revision) == ("org/two", "r2")
    run.path(PUBLISHED).write_text("[]")
    with pytest.raises(Exception, match="does not say where the run was published"):
        inspect(run.folder)


def test_folders_that_are_neither_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has neither lineage\.json nor manifest\.json"):
        inspect(tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        inspect(tmp_path / "nothing")
    (tmp_path / "publication.json").write_text("{}")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match="is a published data set"):
        inspect(tmp_path)
