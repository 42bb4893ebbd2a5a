"""What a training step costs: DPO on English pairs with the consistency loss on variant sets, four ways.

(a) DPO alone: our trainer with weight 0; the reference's log-probabilities computed beforehand.
(b) The floor: (a), and the same variant tokens forward and backward through the layers up to the one read,
    by plain calls of transformers, without an output head, the mean of all states as loss. Twice: all texts
    padded into one batch, and all texts packed into one row without padding. The quicker counts.
(c) Ours: TRL's DPO trainer with `MLCTrainerMixin`, the loss in every step.
(d) The released code's way: the reference model in every step, and reference and model over all variants
    padded together, with every layer, the output head's logits and the states of all layers kept.

All take the same weights, pairs, sets (English and seven translations by hand, in the chat template),
adapters (LoRA, r 16, float32), threads and optimiser (AdamW), and the same batch in every step. (d) is
spared what may be avoided without changing it: its pairs go through TRL's fused output head, its variants
through a pass of their own, and no gradient through the layers above the one read or the head.

Every way has a process of its own, for its own peak of memory: of the resident set, forgotten after the
model has been loaded and reset then (CPU, Linux), or of PyTorch's allocator (GPU). Both are given above
what the loaded model takes. On the CPU the processes take turns step by step, so that others' load meets
all ways alike; the first step of each is not timed. The quickest step counts: all steps do the same work.
With a GPU, a model of 1 to 8 billion random weights in bfloat16 is measured there too, one way after the
other.

    python benchmarks/step.py                            SmolLM2-135M on the CPU; a shape on the GPU if any
    python benchmarks/step.py --steps 2 --repeats 1      a quick look
    python benchmarks/step.py --layer 1.0 --sets 8       the last layer, eight sets a step
    python benchmarks/step.py --shape llama-3.2-1b --json step.json

Exits with 1 where a goal is missed, and says which. The goals hold for --layer 0.6.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from step_ways import SHAPES, Plan

console = Console(width=110)

MIB = 2**20
FLOORS = ("floor padded", "floor packed")
WAYS = {
    "dpo": "(a) DPO alone",
    "floor padded": "(b) floor, padded",
    "floor packed": "(b) floor, packed",
    "ours": "(c) ours",
    "released": "(d) released way",
}
GOAL_LAYER = 0.6
SAME = {"float32": 1e-3, "bfloat16": 5e-2}
"""Greatest difference of a row of states, as a share of its norm, that rounding explains."""

_SPARE = 3
"""A shape is taken where the GPU has room for its weights so many times."""


@dataclass
class Figures:
    """What was measured of a way, over all repeats."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    above: list[int] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)
    work: int = 0

    @property
    def quickest(self) -> float:
        """Seconds of the quickest step."""
        return min(self.seconds)

    @property
    def memory(self) -> float:
        """Peak bytes above the loaded model, median of the repeats."""
        return statistics.median(self.above)


@dataclass(frozen=True)
class Goal:
    """A ratio against a named baseline, and whether it is where it should be."""

    says: str
    value: float
    met: bool


def judge(found: dict[str, Figures]) -> list[Goal]:
    """The issue's goals."""
    ours, released = found["ours"], found["released"]
    floor = min(found[way].quickest for way in FLOORS)
    faster = released.quickest / ours.quickest
    leaner = ours.memory / released.memory
    dearer = ours.quickest / floor
    return [
        Goal("(d)'s time / ours, goal >= 2", faster, faster >= 2),
        Goal("our memory / (d)'s, goal <= 0.6", leaner, leaner <= 0.6),
        Goal("our time / (b)'s, goal <= 1.1", dearer, dearer <= 1.1),
    ]


def difference(ours: torch.Tensor, released: torch.Tensor) -> tuple[float, float, float]:
    """Of states [B, L, H]: greatest difference, greatest value, greatest difference of a row by its norm."""
    apart = ours - released
    rows = apart.norm(dim=-1) / released.norm(dim=-1)
    return float(apart.abs().max()), float(released.abs().max()), float(rows.max())


class Worker:
    """A way's process; it takes a step when asked to."""

    def __init__(self, plan: Plan) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(plan.threads)}
        # Those who wait for their turn must not spin meanwhile.
        environment["OMP_WAIT_POLICY"] = "passive"
        root = str(Path(__file__).resolve().parent.parent)
        environment["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
        if plan.device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        self.way = plan.way
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("step_ways.py")), json.dumps(asdict(plan))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            text=True, env=environment,
        )  # fmt: skip
        self.said()  # ready

    def step(self) -> dict[str, Any]:
        """Seconds of one step."""
        assert self.process.stdin
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        return self.said()

    def said(self) -> dict[str, Any]:
        """The next message."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise SystemExit(f"{WAYS[self.way]} failed:\n{self.errors.read()[-3000:]}")
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def workers(plans: Sequence[Plan]) -> Iterator[list[Worker]]:
    """Processes of several ways, ended whatever happens."""
    started: list[Worker] = []
    try:
        for plan in plans:
            started.append(Worker(plan))
        yield started
    finally:
        for worker in started:
            worker.process.kill()
            worker.process.wait()
            worker.errors.close()


def measure(base: Plan, repeats: int, folder: Path) -> dict[str, Figures]:
    """Every way, ``repeats`` processes of each."""
    found = {way: Figures() for way in WAYS}
    plans = [
        Plan(**{**asdict(base), "way": way, "states": str(folder / f"{way.split()[0]}.pt")})
        for way in WAYS
    ]
    small = base.device == "cpu" and base.shape is None
    groups = [plans] if small else [[plan] for plan in plans]
    for _ in range(repeats):
        for group in groups:
            with workers(group) as started:
                for step in range(base.steps + 1):
                    for worker in started:
                        took = worker.step()
                        if step:  # the first warms up
                            found[worker.way].seconds.append(took["seconds"])
                            found[worker.way].cpu_seconds.append(took["cpu"])
                for worker in started:
                    end, figures = worker.said(), found[worker.way]
                    figures.above.append(end["peak"] - end["before"])
                    figures.peak.append(end["peak"])
                    figures.work = end["tokens x layers"]
    return found


def show(title: str, found: dict[str, Figures], cpu: bool) -> None:
    """The table."""
    table = Table(title=title, title_justify="left")
    table.add_column("way")
    for name in ("s a step", "median", "slowest", "CPU s", "MiB above model", "MiB in all",
                 "tokens x layers"):  # fmt: skip
        table.add_column(name, justify="right")
    for way, figures in found.items():
        table.add_row(
            WAYS[way],
            f"{figures.quickest:.3f}",
            f"{statistics.median(figures.seconds):.3f}",
            f"{max(figures.seconds):.3f}",
            f"{min(figures.cpu_seconds):.3f}" if cpu else "",
            f"{figures.memory / MIB:,.0f}",
            f"{statistics.median(figures.peak) / MIB:,.0f}",
            f"{figures.work:,}",
        )
    console.print(table)


def section(base: Plan, repeats: int) -> dict[str, Any]:
    """Measure, print and judge one model; ``missed`` holds what is not as it should be."""
    name = base.shape or "SmolLM2-135M-Instruct"
    kind = "bfloat16" if base.shape else "float32"
    with tempfile.TemporaryDirectory() as folder:
        found = measure(base, repeats, Path(folder))
        states = [
            torch.load(Path(folder) / f"{way}.pt", weights_only=True)
            for way in ("ours", "released")
        ]
    greatest, largest, share = difference(states[0], states[1])
    place = (
        torch.cuda.get_device_name() if base.device == "cuda" else f"CPU, {base.threads} threads"
    )
    show(
        f"{name}, {kind}, {place}: {base.pairs} pairs, {base.sets} sets x {states[0].shape[1]} languages, "
        f"layer at {base.layer:.0%}",
        found,
        base.device == "cpu",
    )
    ours, dpo = found["ours"], found["dpo"]
    floor = min(FLOORS, key=lambda way: found[way].quickest)
    console.print(f"the floor is {WAYS[floor]}: {found[floor].quickest:.3f} s")
    console.print(
        f"ours / (a): {ours.quickest / dpo.quickest:.2f} the time, {ours.memory / dpo.memory:.2f} the memory; "
        f"ours / the floor: {ours.memory / found[floor].memory:.2f} the memory"
    )
    console.print(
        f"states that (c) and (d) read: greatest difference {greatest:.1e} (values up to {largest:.1f}), "
        f"of a row {share:.1e} of its norm"
    )
    missed = []
    if not share <= SAME[kind]:  # also where it is not a number
        missed.append(f"(c) and (d) read the same states: {share:.1e}, at most {SAME[kind]:.0e}")
    goals = judge(found)
    for goal in goals:
        judged = base.layer == GOAL_LAYER
        verdict = ("met" if goal.met else "MISSED") if judged else "not judged at this layer"
        console.print(f"{goal.says}: {goal.value:.2f}, {verdict}")
        if judged and not goal.met:
            missed.append(f"{goal.says}: {goal.value:.2f}")
    console.print()
    return {
        "model": name, "plan": asdict(base), "place": place, "torch": torch.__version__,
        "ways": {way: asdict(figures) for way, figures in found.items()},
        "goals": [asdict(goal) for goal in goals],
        "states": {"greatest": greatest, "largest": largest, "share": share}, "missed": missed,
    }  # fmt: skip


def shape_for(memory: int) -> str:
    """The largest shape that a GPU with so many bytes free has room for."""
    from transformers import AutoModelForCausalLM

    fitting = {}
    for name, config in SHAPES.items():
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        size = sum(weight.numel() * 2 for weight in model.parameters())
        if size * _SPARE <= memory:
            fitting[name] = size
    if not fitting:
        raise SystemExit(f"the GPU has {memory / MIB:,.0f} MiB free: too few for any shape")
    return max(fitting, key=lambda name: fitting[name])


def _count(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return int(text)


def _depth(text: str) -> float:
    if not 0 < float(text) <= 1:
        raise argparse.ArgumentTypeError("above 0, at most 1")
    return float(text)


def main() -> None:
    """Measure, print, and exit with 1 where a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--layer", type=_depth, default=GOAL_LAYER, help="share of the depth read (0.6)")
    add("--sets", type=_count, default=4, help="variant sets a step (4)")
    add("--pairs", type=_count, default=4, help="preference pairs a step (4)")
    add("--repeats", type=_count, default=2, help="processes of each way (2)")
    add("--steps", type=_count, default=4, help="timed steps of each process (4)")
    add("--threads", type=_count, default=torch.get_num_threads(), help="on the CPU")
    add("--shape", choices=["auto", "none", *SHAPES], default="auto",
        help="what the GPU measures; auto: the largest that fits, where there is a GPU")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    chosen = parser.parse_args()
    gpu = torch.cuda.is_available()
    if chosen.shape in SHAPES and not gpu:
        parser.error(f"--shape {chosen.shape} needs a GPU, and PyTorch sees none")
    common = {
        name: getattr(chosen, name) for name in ("layer", "sets", "pairs", "steps", "threads")
    }
    plans = [Plan(way="", device="cpu", shape=None, states="", **common)]
    if gpu and chosen.shape != "none":
        shape = shape_for(torch.cuda.mem_get_info()[0]) if chosen.shape == "auto" else chosen.shape
        plans.append(Plan(way="", device="cuda", shape=shape, states="", **common))
    else:
        console.print("no GPU: no shape of 1 to 8 billion weights is measured" if not gpu else "")
    results = [section(plan, chosen.repeats) for plan in plans]
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    missed = [f"{result['model']}: {line}" for result in results for line in result["missed"]]
    for line in missed:
        console.print(f"missed: {line}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
