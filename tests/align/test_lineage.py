"""A trained checkpoint tells what it was made from, alike whenever it is trained alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlc_data.align import align
from mlc_data.core.manifest import versions
from mlc_data.lineage.verify import inspect
from mlc_data.pipeline.lineage.record import FILE, read_lineage
from mlc_data.pipeline.run import Run

pytestmark = pytest.mark.integration

MakeRun = Callable[..., Run]


def files(run: Run) -> dict[str, bytes]:
    folder = run.path("checkpoint")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_trainings_give_the_same_checkpoint_to_the_last_byte(make_run: MakeRun) -> None:
    runs = [make_run(name, max_steps=2) for name in ("one", "two")]
    for run in runs:
        align(run)
    assert files(runs[0]) == files(runs[1])
    assert FILE in files(runs[0])
    other = make_run("three", max_steps=2, beta=0.2)
    align(other)
    changed = {name for name, data in files(other).items() if data != files(runs[0])[name]}
    assert changed == {FILE, "README.md", "model.safetensors"}


def test_the_record_is_that_of_the_training(make_run: MakeRun, tiny: Path) -> None:
    run = make_run(max_steps=2)
    align(run)
    text = run.path("checkpoint", FILE).read_text()
    assert str(tiny.parent) not in text
    found = read_lineage(run.path("checkpoint", FILE))
    assert found.content_hash == {
        "sets": run.content_hash("sets"),
        "preferences": run.content_hash("preferences"),
    }
    assert found.recipe_hash == run.recipe.hash
    assert found.seed == 3
    assert found.training is not None
    assert found.training.model_dump() == {
        "method": "dpo", "layer": 2, "steps": 2, "pairs": 8, "variant_sets": 8
    }  # fmt: skip
    (base,) = [one for one in found.models if one.role == "base"]
    assert (base.id, base.licence) == ("tiny", "MIT")
    assert base.revision == run.manifest.models["base"].revision
    stage = found.stages[-1]
    assert (stage.name, stage.key) == ("align", run.manifest.stages["align"].key)
    assert stage.versions == versions()
    weights = files(run)["model.safetensors"]
    assert found.files["model.safetensors"] == hashlib.sha256(weights).hexdigest()
    assert found.files.keys() == files(run).keys() - {FILE}


def test_what_was_not_there_is_named(make_run: MakeRun) -> None:
    """These sets were made by hand: no sources, no translator."""
    run = make_run(max_steps=1)
    align(run)
    told = {one.part for one in inspect(run.path("checkpoint")).findings}
    assert {"stage sources", "stage translate", "source prompts", "model translator"} <= told
    assert not any(part.startswith("checkpoint/") for part in told)


@pytest.mark.parametrize("edited", ["model.safetensors", FILE])
def test_a_checkpoint_that_was_edited_is_trained_again(make_run: MakeRun, edited: str) -> None:
    run = make_run(max_steps=1)
    align(run)
    before = files(run)
    path = run.path("checkpoint", edited)
    if edited == FILE:
        path.write_text(json.dumps({**json.loads(before[FILE]), "seed": 4}))
    else:
        path.write_bytes(before[edited][:-1] + b"x")
    assert f"checkpoint/{edited}" in {one.part for one in inspect(run.folder).findings}
    assert align(run) is False
    assert files(run) == before
