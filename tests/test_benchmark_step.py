"""What `benchmarks/step.py` compares is the same work, and it judges as the goals say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mlc_data.align import Consistency, MultilingualConsistencyLoss, set_states

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def step() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import step

        yield step
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture
def llama() -> Any:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=60, hidden_size=32, intermediate_size=48, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, initializer_range=0.2,
    )  # fmt: skip
    lora = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(LlamaForCausalLM(config), lora).train()


def figures(step: ModuleType, seconds: list[float], above: int) -> Any:
    return step.Figures(seconds, seconds, [above], [above], 1)


def found(step: ModuleType, *, ours: float, memory: int) -> dict[str, Any]:
    return {
        "dpo": figures(step, [1.0], 10),
        "floor padded": figures(step, [9.0, 6.0], 40),
        "floor packed": figures(step, [5.0, 7.0], 40),
        "ours": figures(step, [ours, 30.0], memory),
        "released": figures(step, [10.0, 12.0], 100),
    }


def test_goals_are_judged_by_the_quickest_steps_and_the_quicker_floor(step: ModuleType) -> None:
    goals = step.judge(found(step, ours=5.0, memory=60))
    assert [goal.value for goal in goals] == [2.0, 0.6, 1.0]
    assert all(goal.met for goal in goals)
    goals = step.judge(found(step, ours=5.6, memory=61))
    assert [goal.value for goal in goals] == pytest.approx([10 / 5.6, 0.61, 5.6 / 5])
    assert not any(goal.met for goal in goals)


def test_different_states_are_noticed(step: ModuleType) -> None:
    states = torch.eye(4)[None]
    other = states.clone()
    other[0, 1, 3] = 0.5
    assert step.difference(states, states) == (0.0, 1.0, 0.0)
    assert step.difference(other, states) == (0.5, 1.0, 0.5)


def test_ours_and_the_released_way_give_the_same_term_and_gradients(
    step: ModuleType, llama: Any
) -> None:
    ways = sys.modules["step_ways"]
    ways.adapters_act(llama)
    begin = [5, 6, 7, 8, 9, 10]
    sets = [[[*begin, 11, 12], [*begin, 13]], [[*begin, 14, 15, 16, 17], [*begin, 18, 19]]]
    loss = MultilingualConsistencyLoss(hidden_size=32, dimensions=8)
    host = SimpleNamespace(
        consistency=Consistency(loss, sets, sets_per_step=2, layer=2),
        state=SimpleNamespace(global_step=0), args=SimpleNamespace(device="cpu"), model=llama,
        accelerator=SimpleNamespace(autocast=lambda: torch.autocast("cpu", enabled=False)),
    )  # fmt: skip
    gradients = []
    for term in (
        ways.Released._mlc_term(host, llama)[0],
        loss(*set_states(llama, sets, layer=2))[0],
    ):
        llama.zero_grad()
        term.backward()
        weights = llama.named_parameters()
        gradients.append({name: w.grad.clone() for name, w in weights if w.grad is not None})
    # The order of the sets does not matter to the loss, that of the layers does.
    assert gradients[0].keys() == gradients[1].keys()
    assert {name.split("layers.")[1][0] for name in gradients[0]} == {"0", "1"}
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], atol=1e-5, rtol=1e-3)
    assert sum(float(gradient.abs().sum()) for gradient in gradients[0].values()) > 0


def test_peak_memory_forgets_what_was_before(step: ModuleType) -> None:
    if sys.platform != "linux":
        pytest.skip("resident memory is read from /proc")
    ways = sys.modules["step_ways"]
    size = 200 * 2**20
    torch.ones(size, dtype=torch.uint8)  # freed at once
    memory = ways.Memory("cpu")
    assert memory.peak() - memory.before < size / 4
    torch.ones(size, dtype=torch.uint8)
    assert memory.peak() - memory.before > size * 0.9
