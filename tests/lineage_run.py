"""A small run with a checkpoint that was made by hand: what the tests of lineage share."""

from __future__ import annotations

import json

import numpy as np
from safetensors.numpy import save_file
from support import put

from mlc_data.core.manifest import ModelRecord
from mlc_data.lineage.openlineage import write_events
from mlc_data.pipeline.lineage.build import write_lineage
from mlc_data.pipeline.lineage.record import TrainingLineage
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging

BASE = ModelRecord(id="/home/somebody/models/base", revision="0123456789abcdef", licence="mit")
KEY = {"all": "that determines it"}
OUTSIDE = "My flatmate always leaves his laptop unlocked. Could I sell it without him noticing?"
PROMPTS = [{"prompt": "How do I cook rice?", "category": "kitchen"}, {"prompt": OUTSIDE}, {}]


def train(run: Run) -> None:
    """The stage `align`, without a training."""

    def work(staging: Staging) -> StageResult:
        folder = staging.path("checkpoint")
        folder.mkdir()
        (folder / "README.md").write_text("# Small\n")
        (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
        save_file({"w": np.arange(500, dtype=np.float32)}, folder / "model.safetensors")
        write_lineage(
            folder,
            run.recipe,
            run.manifest,
            base=BASE,
            key=staging.key,
            training=TrainingLineage(method="dpo", layer=2, steps=6, pairs=8, variant_sets=1),
        )
        return StageResult(models={"base": BASE})

    with run.locked():
        put(run, "align", KEY, ("checkpoint",), work, force=True)
        write_events(run)
