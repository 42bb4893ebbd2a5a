"""Each method's loss is what its paper says, computed here from the tokens by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import logsigmoid

from mlc_data.align import PromptFormat, align
from mlc_data.align.methods import rows_of
from mlc_data.core.parquet import read_table
from mlc_data.core.records import PREFERENCES
from mlc_data.pipeline.run import Run
from mlc_data.recipe.align import Align

pytestmark = pytest.mark.integration

MakeRun = Callable[..., Run]
HELD_OUT = 2


def first_row(run: Run) -> dict[str, float]:
    align(run)
    found: dict[str, float] = json.loads(run.path("training.jsonl").read_text().splitlines()[0])
    return found


@dataclass(frozen=True)
class Replies:
    """Log-probabilities of tokens, one tensor a pair: of the prompt but for its first token, and of both
    replies with what the template puts behind them."""

    prompts: list[torch.Tensor]
    chosen: list[torch.Tensor]
    rejected: list[torch.Tensor]


@pytest.fixture
def replies(make_run: MakeRun, llama: Any, tokenizer: Any) -> Replies:
    table = read_table(make_run("tables").path("preferences.parquet"), PREFERENCES)
    form = PromptFormat(tokenizer)
    found: dict[str, list[torch.Tensor]] = {"prompts": [], "chosen": [], "rejected": []}
    for row in table.head(len(table) - HELD_OUT).iter_rows(named=True):
        begun = form.tokens(row["prompt"])
        for name in ("chosen", "rejected"):
            whole = form.whole(row["prompt"], row[name])
            assert whole[: len(begun)] == begun
            every = log_probs(llama, torch.tensor(whole))
            found[name].append(every[len(begun) - 1 :])
        found["prompts"].append(every[: len(begun) - 1])
    return Replies(**found)


@torch.no_grad()
def log_probs(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    logits = model.eval()(tokens[None]).logits[0, :-1].log_softmax(dim=-1)
    found: torch.Tensor = logits.gather(1, tokens[1:, None])[:, 0]
    return found


ALL = {"max_steps": 1, "batch_size": 8, "lora": {"r": 4}, "loss": {"weight": 0}}


def test_sft_is_cross_entropy_on_the_chosen_replies_alone(
    make_run: MakeRun, replies: Replies
) -> None:
    row = first_row(make_run(method="sft", **ALL))
    assert row["loss"] == pytest.approx(-torch.cat(replies.chosen).mean().item(), abs=1e-4)


# In SimPO and ORPO a reply ends with its end-of-text token; the line break after it is left out.


def test_simpo_compares_mean_log_probabilities(make_run: MakeRun, replies: Replies) -> None:
    row = first_row(make_run(method="simpo", beta=3.0, simpo_gamma=0.25, **ALL))
    margins = [
        3.0 * (good[:-1].mean() - bad[:-1].mean()) - 0.25
        for good, bad in zip(replies.chosen, replies.rejected, strict=True)
    ]
    wanted = -logsigmoid(torch.stack(margins)).mean().item()
    assert row["loss"] == pytest.approx(wanted, abs=1e-4)


def test_orpo_adds_the_odds_ratio_to_cross_entropy(make_run: MakeRun, replies: Replies) -> None:
    row = first_row(make_run(method="orpo", **ALL))
    good, bad = (
        torch.stack([each[:-1].mean() for each in side])
        for side in (replies.chosen, replies.rejected)
    )
    log_odds = (good - torch.log1p(-good.exp())) - (bad - torch.log1p(-bad.exp()))
    # TRL's ORPO, as the paper's own code, learns the prompt along with the chosen reply.
    texts = [
        torch.cat([prompt, reply[:-1]])
        for prompt, reply in zip(replies.prompts, replies.chosen, strict=True)
    ]
    wanted = -torch.cat(texts).mean() - 0.1 * logsigmoid(log_odds).mean()
    assert row["loss"] == pytest.approx(wanted.item(), abs=1e-4)


def test_dpo_begins_at_the_logarithm_of_two(make_run: MakeRun) -> None:
    assert first_row(make_run(**ALL))["loss"] == pytest.approx(0.6931, abs=1e-4)
    # ipo: (0 - 1 / (2 beta))^2
    row = first_row(make_run("ipo", dpo_loss="ipo", beta=0.5, **ALL))
    assert row["loss"] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("method", ["dpo", "sft", "orpo", "simpo", "kto"])
def test_the_consistency_loss_is_added_to_each(make_run: MakeRun, method: str) -> None:
    plain = first_row(make_run("without", method=method, **ALL))
    weighted = {**ALL, "loss": {"weight": 0.5, "every": 1}}
    row = first_row(make_run("with", method=method, **weighted))
    assert row["loss"] == pytest.approx(plain["loss"] + 0.5 * row["mlc/loss"], abs=1e-4)
    assert method in make_run("with").path("checkpoint", "README.md").read_text().split("---")[1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"method": "sft", "beta": 0.1},
            "`beta` goes with method dpo or orpo or simpo or kto, not",
        ),
        ({"simpo_gamma": 1.0}, "`simpo_gamma` goes with method simpo, not dpo"),
        ({"method": "orpo", "dpo_loss": "ipo"}, "`dpo_loss` goes with method dpo, not orpo"),
        ({"method": "ppo"}, "Input should be 'dpo', 'sft', 'orpo', 'simpo' or 'kto'"),
        ({"method": "kto", "batch_size": 1}, "`batch_size` is 2 or more"),
    ],
)
def test_settings_of_another_method_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Align.model_validate({"model": "x", **settings})


def test_plain_text_stays_as_it_is(tokenizer: Any) -> None:
    pair = {"prompt": "User: a\nAssistant:", "chosen": " b\n", "rejected": " c"}
    assert rows_of(Align(model="x", method="simpo"), [pair], tokenizer) == [pair]
