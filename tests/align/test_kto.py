"""KTO's loss by hand, and the order of its rows, which its estimate of the divergence depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mlc_data.align import PromptFormat, align
from mlc_data.align.job import Job
from mlc_data.align.methods import rows_of
from mlc_data.align.train import _trainer
from mlc_data.errors import MlcDataError
from mlc_data.recipe.align import Align

pytestmark = pytest.mark.integration

BETA = 0.3


def settings(**options: Any) -> Align:
    plain = {"model": "x", "method": "kto", "batch_size": 3, "beta": BETA, "loss": {"weight": 0}}
    return Align.model_validate({**plain, **options})


def pairs(form: PromptFormat, count: int) -> list[dict[str, Any]]:
    return [
        form.pair(f"How do I mend {n} cars?", f"Take {n} of them. " * (1 + n % 2), f"No {n}.")
        for n in range(count)
    ]


def reply_tokens(tokenizer: Any, row: dict[str, Any]) -> list[int]:
    """What follows the prompt, with what the template puts behind it."""
    whole, begun = (
        tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, **more)["input_ids"]
        for turns, more in (
            (row["prompt"] + row["completion"], {}),
            (row["prompt"], {"add_generation_prompt": True}),
        )
    )
    assert whole[: len(begun)] == begun
    found: list[int] = whole[len(begun) :]
    return found


@torch.no_grad()
def log_prob(model: Any, prompt: list[int], reply: list[int]) -> float:
    tokens = torch.tensor(prompt + reply)
    logits = model.eval()(input_ids=tokens[None]).logits[0, :-1].log_softmax(dim=-1)
    return float(logits.gather(1, tokens[1:, None])[len(prompt) - 1 :].sum())


# The reference computed beforehand, and the model without its adapters in a training of one pass.
@pytest.mark.parametrize(("lora", "steps"), [(None, 4), ({"r": 4}, 4), ({"r": 4}, 1)])
def test_kto_compares_each_response_with_the_divergence(
    tmp_path: Path, llama: Any, tokenizer: Any, lora: Any, steps: int
) -> None:
    """Equation 7 of Ethayarajh et al. 2024: 1 - sigmoid(beta (r - z)) for desirable responses,
    1 - sigmoid(beta (z - r)) for others, with r the log-ratio to the reference and z its mean over prompts
    with responses of others, at least 0."""
    form = PromptFormat(tokenizer)
    chosen = settings(lora=lora, max_steps=steps)
    trainer = _trainer(Job(llama, tokenizer, pairs(form, 3), [], chosen, 3, tmp_path))
    model = trainer.model
    assert trainer.precompute_ref_logps is (steps == 4)
    rows = rows_of(chosen, pairs(form, 3), tokenizer, seed=3)
    prompts = [form.tokens(row["prompt"][0]["content"]) for row in rows]
    replies = [reply_tokens(tokenizer, row) for row in rows]
    # Every reply is asked of the prompt of the row after it, which is another pair's.
    others = [replies[-1], *replies[:-1]]
    before = [
        [log_prob(model, p, r) for p, r in zip(prompts, some, strict=True)]
        for some in (replies, others)
    ]
    # Away from the reference, towards the replies, so that z is above 0.
    torch.manual_seed(1)
    model.train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)
    for _ in range(20):
        for prompt, reply in zip(prompts, replies, strict=True):
            tokens = torch.tensor([prompt + reply])
            logits = model(input_ids=tokens).logits[0, len(prompt) - 1 : -1]
            torch.nn.functional.cross_entropy(logits, torch.tensor(reply)).backward()
        optimizer.step()
        optimizer.zero_grad()
    after = [
        [log_prob(model, p, r) for p, r in zip(prompts, some, strict=True)]
        for some in (replies, others)
    ]
    ratios, moved = (
        torch.tensor(new) - torch.tensor(old) for new, old in zip(after, before, strict=True)
    )
    z = moved.mean().clamp_min(0)
    assert z > 0.5
    good = torch.tensor([row["label"] for row in rows])
    signs = torch.where(good, 1.0, -1.0)
    wanted = (1 - torch.sigmoid(BETA * signs * (ratios - z))).mean()

    (batch,) = [each for _, each in zip(range(1), trainer.get_train_dataloader(), strict=False)]
    assert batch["label"].tolist() == good.tolist()
    found = trainer.compute_loss(model.train(), batch)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-4)
    assert abs(found.item() - 0.5) > 0.01  # what it is before the first step


@pytest.mark.parametrize(("count", "size", "batches"), [(7, 3, 3), (8, 4, 2), (5, 2, 3), (2, 8, 1)])
def test_no_prompt_is_asked_with_its_own_response(
    tokenizer: Any, count: int, size: int, batches: int
) -> None:
    some = pairs(PromptFormat(tokenizer), count)
    rows = rows_of(settings(batch_size=size), some, tokenizer, seed=1)
    parts = [rows[at : at + 2 * size] for at in range(0, len(rows), 2 * size)]
    assert len(parts) == batches
    for part in parts:
        assert sum(row["label"] for row in part) * 2 == len(part)
        for row, before in zip(part, [part[-1], *part[:-1]], strict=True):
            (own,) = [each for each in some if each["prompt"] == row["prompt"]]
            assert before["completion"] not in (own["chosen"], own["rejected"])
    told = [(row["prompt"][0]["content"], row["label"]) for row in rows]
    assert len(set(told)) == 2 * count
    assert len(told) - 2 * count == (2 if count % size == 1 else 0)
    assert rows != rows_of(settings(batch_size=size), some, tokenizer, seed=2) or count == 2
    assert rows == rows_of(settings(batch_size=size), some, tokenizer, seed=1)


def test_one_pair_alone_is_refused(tokenizer: Any) -> None:
    with pytest.raises(MlcDataError, match="needs two preference pairs or more"):
        rows_of(settings(), pairs(PromptFormat(tokenizer), 1), tokenizer)


def test_pairs_make_the_steps_as_with_other_methods(make_run: Any) -> None:
    """Eight pairs in batches of three, twice: six steps, whatever a pair is to the trainer."""
    for method in ("dpo", "kto"):
        run = make_run(method, method=method, batch_size=3, max_steps=None, epochs=2)
        align(run)
        assert run.manifest.stages["align"].notes["steps"] == 6
