"""Every method on the quickstart's own variant sets: trained, killed, gone on with, exported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from mlc_data.execute import run_stage, run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

pytestmark = pytest.mark.integration

METHODS = ("dpo", "sft", "orpo", "simpo", "kto")

# Imports once, then one process a method: each kills itself in the middle of its fourth step.
PROGRAM = """
import os, signal, sys, transformers
from pathlib import Path
from mlc_data.align import train
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run

step = transformers.Trainer.training_step
def killed(self, *args, **kwargs):
    if self.state.global_step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *args, **kwargs)

for folder in sys.argv[1:]:
    if os.fork() == 0:
        transformers.Trainer.training_step = killed
        run_stage(Run.open(Path(folder)), "align")
        os._exit(0)
    print(os.WTERMSIG(os.wait()[1]))
"""

MakeMethod = Callable[[str, str], Run]


@pytest.fixture(scope="module")
def make_method(tmp_path_factory: pytest.TempPathFactory, tiny_for_all: Path) -> MakeMethod:
    """A run with the sets that the phrasebook translator and the checks made, for a method."""
    place = tmp_path_factory.mktemp("quickstart")
    common = [
        "sources.prompts.limit=40", "sources.preferences.limit=40", "translate.cache=null",
        "languages.targets=[spa_Latn,swh_Latn,zho_Hans]",
        f"align.model={tiny_for_all}", "align.loss.layer=2", "align.max_length=512",
        "align.max_steps=5", "align.save_every=2",
    ]  # fmt: skip
    sets = Run.create(load_recipe("quickstart", common), place / "sets")
    run_stages(sets, "sets")

    def make(name: str, method: str) -> Run:
        folder = place / f"{name}-{method}"
        shutil.copytree(sets.folder, folder)
        return Run.create(load_recipe("quickstart", [*common, f"align.method={method}"]), folder)

    return make


@pytest.fixture(scope="module")
def killed(make_method: MakeMethod) -> dict[str, Run]:
    """Runs whose training was ended by SIGKILL."""
    runs = {method: make_method("killed", method) for method in METHODS}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(str(run.folder) for run in runs.values())],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout.split() == ["9"] * len(METHODS), done.stderr
    return runs


def weights(run: Run) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(run.path("checkpoint", "model.safetensors"))
    return found


@pytest.mark.parametrize("method", METHODS)
def test_trains_goes_on_after_a_kill_and_exports(
    make_method: MakeMethod, killed: dict[str, Run], tiny_for_all: Path, method: str
) -> None:
    cut = killed[method]
    assert not cut.path("checkpoint").exists()
    assert [path.parent.name for path in cut.folder.glob(".training-*/*/complete")] == [
        "checkpoint-2"
    ]
    whole = make_method("whole", method)
    for run in (whole, cut):
        assert run_stage(run, "align") is False
    notes = cut.manifest.stages["align"].notes
    assert notes["resumed_from"] == 2
    assert notes["sets"]["used"] > 20
    assert notes["pairs"]["used"] > 20
    expected, found, base = (
        weights(whole),
        weights(cut),
        load_file(tiny_for_all / "model.safetensors"),
    )
    assert expected.keys() == found.keys() == base.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert not all(torch.equal(found[name], value) for name, value in base.items())
    logs = [run.path("training.jsonl").read_text() for run in (whole, cut)]
    assert logs[0] == logs[1]
    assert all(json.loads(line)["mlc/loss"] > 0 for line in logs[0].splitlines())
    _generates(cut.path("checkpoint"))


def _generates(folder: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "How do I bake bread?"}],
        add_generation_prompt=True, return_tensors="pt", return_dict=True,
    )  # fmt: skip
    reply = model.generate(**chat, max_new_tokens=4, do_sample=False)
    assert reply.shape[1] > chat["input_ids"].shape[1]
