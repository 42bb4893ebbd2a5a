"""A published checkpoint carries its lineage, with the data set's revision; the run remembers both."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import published_run
import pytest
from hub_state import LoopbackHub
from published_run import REPO, WORDS, ended, push
from support import put

from mlc_data.lineage.verify import inspect
from mlc_data.pipeline.lineage.build import write_lineage
from mlc_data.pipeline.lineage.record import FILE, Lineage
from mlc_data.pipeline.lineage.record import TrainingLineage as Training
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging

pytestmark = pytest.mark.integration

Make = Callable[..., Run]
Start = Callable[..., "subprocess.Popen[str]"]

READ = """
import sys
from mlc_data.recipe.sources import Source
from mlc_data.sources.readers import open_source
found = open_source(Source(hub=sys.argv[1], config="sets", revision=sys.argv[2] or None), "x")
print(found.identity["revision"], len(list(found.rows())))
"""


def trained(run: Run) -> Run:
    """With a checkpoint that has its lineage, in place of the one that has not."""

    def work(staging: Staging) -> StageResult:
        made = published_run.checkpoint(staging)
        training = Training(method="dpo", layer=1, steps=1, pairs=1, variant_sets=1)
        write_lineage(
            staging.path("checkpoint"), run.recipe, run.manifest,
            base=made.models["base"], key="0", training=training,
        )  # fmt: skip
        return made

    with run.locked():
        put(run, "align", {"lineage": True}, ("checkpoint",), work)
    return run


@pytest.mark.usefixtures("client")
def test_the_repository_tells_what_the_checkpoint_was_made_from(
    hub: LoopbackHub, finished: Make, tmp_path: Path
) -> None:
    run = trained(finished())
    data, model = push(run, checkpoint=True)
    files = hub.repo(REPO, "model").head.files
    found = Lineage.model_validate_json(files[FILE])
    assert found.published is not None
    assert (found.published.repo, found.published.revision) == (REPO, data.revision)
    assert found.content_hash["sets"] == run.content_hash("sets")
    assert "/home/somebody" not in files[FILE].decode()
    content = json.loads(files["publication.json"])["content"]
    assert content[FILE] == hashlib.sha256(files[FILE]).hexdigest()

    # Whoever fetches the repository can ask it.
    fetched = tmp_path / "fetched"
    for path, data_ in files.items():
        (fetched / path).parent.mkdir(parents=True, exist_ok=True)
        (fetched / path).write_bytes(data_)
    report = inspect(fetched)
    assert report.published == found.published
    assert {str(one.kind) for one in report.findings} == {"unknown"}
    (fetched / "model.safetensors").write_bytes(b"other")
    assert "model.safetensors" in {one.part for one in inspect(fetched).findings}

    # The checkpoint in the run stays as it was, and nothing is pushed twice.
    assert not any(str(one.kind) in ("changed", "missing") for one in inspect(run.folder).findings)
    assert [one.changed for one in push(run, checkpoint=True)] == [False, False]
    assert hub.repo(REPO, "model").head.files[FILE] == files[FILE]
    assert model.changed


@pytest.mark.usefixtures("client")
def test_the_run_knows_under_which_revision_its_sets_are_published(
    hub: LoopbackHub, finished: Make
) -> None:
    run = finished()
    assert inspect(run.folder).published is None
    (data,) = push(run)
    found = inspect(run.folder)
    assert found.published is not None
    assert (found.published.repo, found.published.revision) == (REPO, data.revision)
    assert "published.json" not in hub.repo(REPO).head.files
    other = finished(WORDS[:8], name="other")
    shutil.copy(run.path("published.json"), other.folder)
    assert inspect(other.folder).published is None
    assert inspect(other.folder).elsewhere == (f"{REPO} revision {data.revision}",)


@pytest.mark.usefixtures("client")
def test_a_source_at_the_hub_is_known_by_its_commit(finished: Make, child: Start) -> None:
    (first,) = push(finished())
    (second,) = push(finished(WORDS[:8], name="smaller"))
    assert first.revision != second.revision
    train = {}
    for revision, wanted in ((first.revision, first), ("", second), ("main", second)):
        out, _ = ended(child(READ, REPO, revision))
        commit, rows = out.split()
        assert commit == wanted.revision
        train[commit] = int(rows)
    assert train[first.revision] > train[second.revision] > 0
