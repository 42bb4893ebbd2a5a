"""The moving mean and the frozen extractor, against what is derived by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from mlc_data.align import MultilingualConsistencyLoss, align, plain_loss
from mlc_data.align.train import _Trainer
from mlc_data.align.trainer import LOSS_FILE
from mlc_data.consistency.encode import encode_layers
from mlc_data.consistency.hidden_states import set_states
from mlc_data.consistency.loss import MOMENTUM
from mlc_data.consistency.probe import probe
from mlc_data.consistency.token_sets import SetSampler
from mlc_data.errors import MlcDataError
from mlc_data.evaluate.representations import held_out
from mlc_data.lm.loading import load_model
from mlc_data.pipeline.run import Run
from mlc_data.recipe.align import Loss

pytestmark = pytest.mark.integration

MakeRun = Callable[..., Run]
ALL = torch.ones(2, 3, dtype=torch.bool)


def centring(**options: Any) -> MultilingualConsistencyLoss:
    return MultilingualConsistencyLoss(
        **{"extractor": "none", "center": "running_mean", "hidden_size": 8, **options}
    )


def alone(states: torch.Tensor, present: torch.Tensor = ALL) -> float:
    return float(MultilingualConsistencyLoss(extractor="none")(states, present)[0])


def batches(count: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [5 + torch.randn(2, 3, 8, generator=generator) for _ in range(count)]


def test_each_batch_is_taken_in_and_then_less_the_mean_so_far() -> None:
    loss = centring()
    first, second, third = batches(3)
    mean = first.mean(dim=(0, 1))
    assert loss(first, ALL)[0].item() == pytest.approx(alone(first - mean), abs=1e-6)
    mean = 0.9 * mean + 0.1 * second.mean(dim=(0, 1))
    assert loss(second, ALL)[0].item() == pytest.approx(alone(second - mean), abs=1e-6)
    assert MOMENTUM == 0.1
    torch.testing.assert_close(loss.running_mean, mean)
    # In eval mode the mean is used and does not move.
    loss.eval()
    assert loss(third, ALL)[0].item() == pytest.approx(alone(third - mean), abs=1e-6)
    torch.testing.assert_close(loss.running_mean, mean)


def test_a_direction_that_all_states_share_no_longer_hides_the_rest() -> None:
    """Orthogonal rows with 1e4 in every place: nearly collinear, at the floor, and log(3) apart from it
    once the mean is gone: rows of the identity less (1/3, ...) have two equal singular values."""
    states = torch.eye(3).expand(2, 3, 3) + 1e4
    floor = torch.log1p(2 * torch.exp(torch.tensor(-5.0)))
    assert alone(states) == pytest.approx(floor.item(), abs=1e-3)
    # Three unit rows 120 degrees apart: s = sqrt(3/2), sqrt(3/2), 0.
    wanted = torch.log(2 + torch.exp(torch.tensor(-5.0)))
    value, _ = centring(hidden_size=None)(states, ALL)
    assert value.item() == pytest.approx(wanted.item(), abs=1e-3)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_missing_language_leaves_no_trace_in_the_mean(steps: int) -> None:
    torch.manual_seed(1)
    masked = centring(extractor="linear", dimensions=6)
    without = centring(extractor="linear", dimensions=6)
    without.load_state_dict(masked.state_dict())
    present = torch.tensor([[1, 0, 1, 1], [1, 0, 1, 1], [1, 0, 0, 0]]).bool()
    for _ in range(steps):
        whole = 3 + torch.randn(3, 4, 8)
        whole[:, 1] = torch.nan
        subset = whole[:2, [0, 2, 3]].clone().requires_grad_()  # the last set is none: one language
        whole.requires_grad_()
        one, _ = masked(whole, present)
        other, _ = without(subset, torch.ones(2, 3, dtype=torch.bool))
        assert one.item() == pytest.approx(other.item(), abs=1e-6)
        one.backward()
        other.backward()
        assert whole.grad is not None
        torch.testing.assert_close(whole.grad[:2, [0, 2, 3]], subset.grad, atol=1e-6, rtol=1e-4)
        assert (whole.grad[:, 1] == 0).all()
    torch.testing.assert_close(masked.running_mean, without.running_mean)
    # A batch without a usable set does not move it.
    before = masked.running_mean.clone()  # type: ignore[union-attr]
    masked(torch.ones(1, 4, 8), torch.tensor([[1, 0, 0, 0]]))
    assert torch.equal(masked.running_mean, before)  # type: ignore[arg-type]


def test_the_mean_has_no_gradient_and_is_float32() -> None:
    loss = centring()
    states = batches(1)[0].bfloat16().requires_grad_()
    value, _ = loss(states, ALL)
    value.backward()
    assert loss.running_mean is not None
    assert loss.running_mean.dtype == torch.float32
    assert not loss.running_mean.requires_grad
    wanted = states.detach().float().mean(dim=(0, 1))
    torch.testing.assert_close(loss.running_mean, wanted)
    assert loss.batches == 1


def test_state_dict_brings_it_back() -> None:
    old, new = centring(), centring()
    for states in batches(3):
        old(states, ALL)
    new.load_state_dict(old.state_dict())
    (states,) = batches(1, seed=5)
    assert old(states, ALL)[0].item() == new(states, ALL)[0].item()
    # Without centring nothing is added to what is saved.
    assert set(MultilingualConsistencyLoss(hidden_size=8).state_dict()) == {
        "extractor.weight", "extractor.bias",
    }  # fmt: skip


def test_width_may_come_from_the_first_states() -> None:
    lazy = centring(hidden_size=None)
    assert lazy.running_mean is None
    lazy(batches(1)[0], ALL)
    assert lazy.running_mean is not None
    assert lazy.running_mean.shape == (8,)


def test_eval_mode_before_any_batch_is_refused() -> None:
    with pytest.raises(MlcDataError, match="no states have been read in training mode"):
        centring().eval()(batches(1)[0], ALL)
    with pytest.raises(ValueError, match="center is"):
        centring(center="mean")


@pytest.mark.parametrize("hidden_size", [8, None])
def test_a_frozen_extractor_is_drawn_from_the_seed_and_stays(hidden_size: int | None) -> None:
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        loss = MultilingualConsistencyLoss(trained=False, hidden_size=hidden_size, dimensions=4)
        states = batches(1)[0].requires_grad_()
        value, _ = loss(states, ALL)
        value.backward()
        assert states.grad is not None
        assert states.grad.abs().sum() > 0
        assert not any(each.requires_grad for each in loss.parameters())
        made.append(loss.extractor.weight)  # type: ignore[union-attr]
    assert torch.equal(*made)


def test_to_freeze_no_extractor_is_refused() -> None:
    with pytest.raises(ValidationError, match="`frozen_extractor` goes with extractor linear"):
        Loss(extractor="none", frozen_extractor=True)


def test_models_are_compared_by_the_mean_of_the_states_at_hand() -> None:
    measured = plain_loss(Loss(center="running_mean"))
    for states in batches(2):  # what was measured before leaves no trace
        wanted = alone(states - states.mean(dim=(0, 1)))
        assert measured(states, ALL)[0].item() == pytest.approx(wanted, abs=1e-6)
    states = batches(1)[0]
    assert plain_loss(Loss(center="final_norm"))(states, ALL)[0].item() == alone(states)


def test_the_probe_measures_the_loss_of_centred_states(make_run: MakeRun) -> None:
    layers = {}
    for center in ("none", "running_mean", "final_norm"):
        run = make_run(center, loss={"center": center})
        loaded = load_model(run.recipe.align.model)
        layers[center] = probe(run, loaded.model, loaded.tokenizer)
    languages = (run.recipe.languages.source, *run.recipe.languages.targets)
    rows = held_out(run).to_dicts()
    states, present = encode_layers(
        loaded.model, loaded.tokenizer, rows, languages, make_run("plain").recipe.align
    )
    for each, plain, centred, normed in zip(states, *layers.values(), strict=True):
        assert replace(centred, loss=plain.loss) == plain
        assert plain.loss == pytest.approx(alone(each, present), abs=1e-6)
        less = alone(each - each[present].mean(dim=0), present)
        assert centred.loss == pytest.approx(less, abs=1e-6)
        assert abs(centred.loss - plain.loss) > 1e-3
        assert normed.layer == 4 or normed.between_cosine != plain.between_cosine


@pytest.mark.parametrize(
    "loss", [{"center": "running_mean"}, {"frozen_extractor": True, "center": "running_mean"}]
)
def test_a_stopped_training_goes_on_with_the_same_mean(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, loss: dict[str, Any]
) -> None:
    saved: dict[str, dict[str, torch.Tensor]] = {}
    save = _Trainer._save_checkpoint

    def kept(self: Any, *args: Any) -> None:
        save(self, *args)
        step = self.state.global_step
        folder = Path(self.args.output_dir)
        saved[f"{folder.parent.name}-{step}"] = load_file(folder / f"checkpoint-{step}" / LOSS_FILE)
        if folder.parent.name == "cut" and step == 4 and "cut" not in cuts:
            cuts.append("cut")
            raise ConnectionAbortedError

    cuts: list[str] = []
    monkeypatch.setattr(_Trainer, "_save_checkpoint", kept)
    whole, cut = (make_run(name, save_every=2, loss=loss) for name in ("whole", "cut"))
    align(whole)
    with pytest.raises(ConnectionAbortedError):
        align(cut)
    align(cut)
    assert cut.manifest.stages["align"].notes["resumed_from"] == 4
    one, other = saved["whole-6"], saved["cut-6"]
    assert one["batches"] == 3  # of six steps every second one
    assert one["running_mean"].abs().sum() > 0
    assert not torch.equal(one["running_mean"], saved["whole-4"]["running_mean"])
    frozen = torch.equal(one["extractor.weight"], saved["whole-2"]["extractor.weight"])
    assert frozen is loss.get("frozen_extractor", False)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    names = [run.path("checkpoint", "model.safetensors") for run in (whole, cut)]
    assert names[0].read_bytes() == names[1].read_bytes()
    extractor = whole.manifest.stages["align"].notes["extractor_parameters"]
    assert extractor == (0 if frozen else 33 * 16)


FLOOR = "the consistency loss begins at its floor"


@pytest.mark.parametrize(("center", "told"), [("none", True), ("running_mean", False)])
def test_a_loss_that_begins_at_its_floor_is_told_once(
    make_run: MakeRun, tiny: Path, caplog: pytest.LogCaptureFixture, center: str, told: bool
) -> None:
    """One huge direction in all embeddings makes all states of the first layers collinear."""
    broken = load_file(tiny / "model.safetensors")
    broken["model.embed_tokens.weight"][:, 0] += 100
    save_file(broken, tiny / "model.safetensors", {"format": "pt"})
    run = make_run(loss={"layer": 2, "every": 1, "center": center, "extractor": "none"})
    align(run)
    found = [each.getMessage() for each in caplog.records if FLOOR in each.getMessage()]
    assert len(found) == told
    if told:
        assert "At layer 2 of 4" in found[0]
        assert "mlc-data align probe" in found[0]
        assert "align.loss.center" in found[0]


def test_a_loss_above_its_floor_is_not_told_of(
    make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    align(make_run(loss={"layer": 2, "every": 1}, max_steps=1))
    assert FLOOR not in caplog.text


TOGETHER = """
import sys, torch
from datasets import Dataset
from trl import SFTConfig, SFTTrainer
from transformers import AutoModelForCausalLM, AutoTokenizer
from mlc_data.align import Consistency, MLCTrainerMixin, MultilingualConsistencyLoss

class Trainer(MLCTrainerMixin, SFTTrainer): pass

torch.set_num_threads(1)
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
settings = SFTConfig(
    output_dir=sys.argv[2], max_steps=2, per_device_train_batch_size=1, learning_rate=0.0, use_cpu=True,
    bf16=False, report_to=[], save_strategy="no", disable_tqdm=True, gradient_checkpointing=False,
)
loss = MultilingualConsistencyLoss(extractor="none", center="running_mean")
sets = [[[5 + n, 6, 7], [8, 9 + n]] for n in range(8)]
trainer = Trainer(
    model=model, args=settings, train_dataset=Dataset.from_list([{"text": "Hi"}] * 8),
    processing_class=AutoTokenizer.from_pretrained(sys.argv[1]),
    consistency=Consistency(loss, sets, every=1, sets_per_step=2, layer=2),
)
trainer.train()
torch.save(loss.running_mean, f"{sys.argv[2]}/mean-{settings.process_index}.pt")
"""


def test_several_processes_share_the_mean(tmp_path: Path, llama: Any, tiny: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = tmp_path / "together.py"
    script.write_text(TOGETHER)
    subprocess.run(
        [*command, str(script), str(tiny), str(tmp_path)], check=True, capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    one, other = (torch.load(tmp_path / f"mean-{n}.pt", weights_only=True) for n in (0, 1))
    assert torch.equal(one, other)
    sets = [[[5 + n, 6, 7], [8, 9 + n]] for n in range(8)]
    order = SetSampler(8, 2, 0)
    with torch.no_grad():  # nothing is learnt at a learning rate of 0
        found = [
            set_states(llama, [sets[index] for index in order.indices(use)], 2)[0].mean(dim=(0, 1))
            for use in range(4)  # two a step
        ]
    first = (found[0] + found[1]) / 2
    wanted = 0.9 * first + 0.1 * (found[2] + found[3]) / 2
    torch.testing.assert_close(one, wanted, atol=1e-5, rtol=1e-4)
