"""The layer is chosen by what held-out variants are nearest to, and training reads it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from mlc_data.cli.main import app
from mlc_data.consistency.hidden_states import text_states
from mlc_data.consistency.layers import layer_states
from mlc_data.consistency.probe import Layer, best, probe, probe_base
from mlc_data.errors import UsageError
from mlc_data.execute import run_stage
from mlc_data.lm.loading import load_model
from mlc_data.pipeline.run import Run

pytestmark = pytest.mark.integration

MakeRun = Callable[..., Run]
LAYER = Layer(
    layer=1, retrieval=0.5, retrieval_centred=0.5, loss=0.2, floor=0.02, ceiling=1.02,
    first_share=0.9, within_cosine=0.9, between_cosine=0.9,
)  # fmt: skip


@pytest.mark.parametrize("final_norm", [False, True])
def test_every_layer_is_what_is_read_one_by_one(llama: Any, final_norm: bool) -> None:
    texts = [[5, 6, 7, 8, 9], [5, 6, 7], [5, 6, 7, 8, 11, 12, 13], [40]]
    llama.eval()
    states = layer_states(llama, texts, final_norm, batch_size=2)
    assert states.shape == (4, 4, 32)
    for layer in (1, 2, 3, 4):
        with torch.no_grad():
            wanted = text_states(llama, texts, layer, final_norm)
        torch.testing.assert_close(states[layer - 1], wanted, atol=1e-5, rtol=1e-5)


def test_the_best_layer() -> None:
    layers = [
        LAYER,
        replace(LAYER, layer=2, retrieval=0.7),
        replace(LAYER, layer=3, retrieval=0.7, retrieval_centred=0.6),
        replace(LAYER, layer=4, retrieval=0.7, retrieval_centred=0.6),
        replace(LAYER, layer=5, retrieval=0.9, loss=0.0249),
    ]
    assert best(layers).layer == 3
    assert layers[4].at_floor
    assert not replace(layers[4], loss=0.0251).at_floor  # 0.5 % of the way from 0.02 to 1.02
    assert best(layers[4:]).layer == 5


def test_the_figures_are_those_of_the_evaluation(make_run: MakeRun) -> None:
    run = make_run(loss={"layer": "auto"})
    loaded = load_model(run.recipe.align.model)
    layers = probe(run, loaded.model, loaded.tokenizer)
    assert [each.layer for each in layers] == [1, 2, 3, 4]
    # Two held-out sets of four and three languages.
    wanted = [math.log1p((m - 1) * math.exp(-5)) for m in (4, 3)]
    assert layers[0].floor == pytest.approx(sum(wanted) / 2)
    assert layers[0].ceiling == pytest.approx((math.log(4) + math.log(3)) / 2)
    assert all(each.loss > each.floor for each in layers)
    assert probe_base(run) == layers


def test_training_and_evaluation_read_the_chosen_layer(make_run: MakeRun) -> None:
    auto = make_run("auto", loss={"layer": "auto"}, max_steps=2)
    for stage in ("align", "evaluate"):
        run_stage(auto, stage)
    notes = auto.manifest.stages["align"].notes
    chosen = best(probe_base(auto))
    assert notes["layer"] == chosen.layer
    assert notes["layers"][chosen.layer - 1]["retrieval"] == chosen.retrieval
    details = json.loads(auto.path("evaluation", "consistency.json").read_text())
    assert details["layer"] == chosen.layer
    assert details["before"]["retrieval"] == chosen.retrieval
    named = make_run("named", loss={"layer": chosen.layer}, max_steps=2)
    run_stage(named, "align")
    assert auto.path("training.jsonl").read_text() == named.path("training.jsonl").read_text()
    assert run_stage(auto, "align") is True


def test_without_held_out_sets_auto_says_what_to_do(make_run: MakeRun) -> None:
    run = make_run(loss={"layer": "auto"})
    (file,) = run.path("sets").glob("test-*")
    pl.read_parquet(file).head(1).write_parquet(file)
    with pytest.raises(UsageError, match=r"has 1 held-out variant sets.*sets\.test_share"):
        run_stage(run, "align")


def test_the_command(make_run: MakeRun) -> None:
    run = make_run()
    picture = run.folder / "layers.svg"
    shown = CliRunner().invoke(app, ["align", "probe", str(run.folder), "--plot", str(picture)])
    assert shown.exit_code == 0, shown.output
    assert "align.loss.layer=auto reads layer" in shown.output
    assert "<svg" in picture.read_text()
    told = json.loads(CliRunner().invoke(app, ["align", "probe", str(run.folder), "--json"]).stdout)
    assert len(told["layers"]) == 4
    assert told["auto"] in (1, 2, 3, 4)
