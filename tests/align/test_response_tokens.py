"""On a CPU TRL's supervised loss applies the output head to labelled tokens alone, with the same result."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from trl.trainer import utils

from mlc_data.align.response_tokens import score_labelled_tokens


@pytest.fixture
def restored() -> Iterator[None]:
    known = utils._use_triton
    yield
    utils._use_triton = known


def _loss_and_gradient() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    utils.add_fused_lm_head(model)
    ids = torch.arange(24).view(2, 12)
    labels = ids.clone()
    labels[:, :8] = -100
    found = model(input_ids=ids, labels=labels, fused_lm_head=True)
    found.loss.backward()
    gradient = model.model.layers[0].mlp.up_proj.weight.grad
    assert gradient is not None
    return found.loss.detach(), gradient


@pytest.mark.usefixtures("restored")
def test_loss_and_gradient_stay_the_same() -> None:
    every = _loss_and_gradient()
    score_labelled_tokens()
    torch.testing.assert_close(_loss_and_gradient(), every)


@pytest.mark.usefixtures("restored")
def test_the_head_reads_labelled_tokens_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    apply = utils._ChunkedLogProbFunction.apply

    def counted(hidden: torch.Tensor, *rest: object) -> object:
        rows.append(len(hidden))
        return apply(hidden, *rest)

    monkeypatch.setattr(utils._ChunkedLogProbFunction, "apply", counted)
    score_labelled_tokens()
    _loss_and_gradient()
    assert rows == [8]


@pytest.mark.usefixtures("restored")
def test_other_devices_keep_what_trl_decides() -> None:
    utils._use_triton = lambda device: False
    score_labelled_tokens()
    score_labelled_tokens()
    assert utils._use_triton(torch.device("cpu"))
    assert not utils._use_triton(torch.device("meta"))
