"""What would a million prompts in fifty languages take? Measured here, and worked out from that.

Every stage but the engine is measured on human translations (NTREX-128, see `estimate_measure.py`), in sizes that
tell whether the cost of a variant stays what it is; the smallest is the baseline. The engine's tokens/s are an
input: measure yours with `benchmarks/translation.py`, or take them from the log of a run.

    python benchmarks/estimate.py --ntrex DIR
    python benchmarks/estimate.py --ntrex DIR --tokens-per-second 5000 --gpus 8 --price 2.5 --cores 64
    python benchmarks/estimate.py --ntrex DIR --sizes 1950 12000            ten minutes; sees growth better

Everything worked out is linear in what the largest size took a variant, but for what is said to be otherwise.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from estimate_measure import Found, as_json, disk, measure, of_english, of_json
from rich.console import Console
from rich.table import Table

from mlc_data.recipe.loading import load_recipe

RECIPE = load_recipe("paper-nllb-3.3b")
GREEDY_ON_TWO_CORES = 622
"""Tokens/s that `benchmarks/translation.py --model 600m` printed (docs/speed.md): beam 1."""
TOKENS_A_WORD = 1.5
"""Chosen, not measured: pieces of the model's vocabulary for an English word, in any language."""
QUICKSTART_TRIED, QUICKSTART_REQUESTED = 356, 1526
QUICKSTART_RETRANSLATED = 280 + 807 + 2367
"""Rescue in the quickstart (README.md): variants tried, and sentences of all strategies."""
TASK_SECONDS = 0.006
"""Prefect's own for a task, in the middle of the 5 to 7 ms that were measured."""
SHARDED = ("translate", "score", "rescue")
TABLES = ("translations", "scores", "rescue", "variants", "rejected", "sets")
BUFFERS = 20_000
"""Variants that stages which stream hold at once: with fewer, memory grows until the buffers are full."""
INDEX = 8
"""Bytes a variant that are in memory while the duplicate index is built, see `checks/duplicate/index.py`."""
WHAT_IF = (2_000, 5_000, 10_000)

console = Console(width=118, highlight=False)


@dataclass(frozen=True)
class Plan:
    """The size that is worked out, and what is not measured here."""

    prompts: int
    languages: int
    tokens_a_second: float
    gpus: int
    price: float
    cores: int
    sentences: float
    words: float
    tokens_a_word: float
    rescued: float
    retranslated: float
    shard_prompts: int

    @property
    def variants(self) -> int:
        """All that are asked for."""
        return self.prompts * self.languages

    @property
    def shards(self) -> int:
        """Files of translations, and tasks of each stage in shards."""
        return -(-self.prompts // self.shard_prompts)

    @property
    def tokens(self) -> dict[str, float]:
        """That the engine produces, by what for."""
        sentence = self.words * self.tokens_a_word
        way = self.variants * self.sentences * sentence
        return {
            "there": way,
            "back, for the round trip": way,
            "rescue": self.variants * self.rescued * self.retranslated * sentence,
        }


def main() -> None:
    """Measure every size and print what the plan takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--ntrex", type=Path, required=True, help="folder of parallel text files")
    add("--sizes", type=int, nargs="+", default=[600, 1950], help="prompts that are measured")
    add("--prompts", type=int, default=1_000_000)
    add("--languages", type=int, default=50)
    add("--tokens-per-second", type=float, default=GREEDY_ON_TWO_CORES,
        help="of one GPU, with your beam; default 622: two cores, NLLB-200-600M's shape, beam 1")  # fmt: skip
    add("--gpus", type=int, default=8)
    add("--price", type=float, default=1.0, help="of an hour of one GPU; default 1")
    add("--cores", type=int, default=16, help="for the shards of scoring")
    add("--sentences-per-prompt", type=float, help="default: as the English text has")
    add("--words-per-sentence", type=float, help="default: as the English text has")
    add("--tokens-per-word", type=float, default=TOKENS_A_WORD)
    add("--rescue-share", type=float, default=QUICKSTART_TRIED / QUICKSTART_REQUESTED,
        help="variants that are tried again; default as in the quickstart")  # fmt: skip
    add("--rescue-sentences", type=float, default=QUICKSTART_RETRANSLATED / QUICKSTART_TRIED,
        help="translated for one of them, both ways, all strategies; default as in the quickstart")  # fmt: skip
    add("--shard-prompts", type=int, default=RECIPE.translate.shard_prompts)
    add("--one", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    shard_variants = chosen.shard_prompts * chosen.languages
    if chosen.one:
        with tempfile.TemporaryDirectory() as name:
            found = measure(Path(name), chosen.ntrex, chosen.one, shard_variants)
        sys.stdout.write(as_json(found) + "\n")
        return
    sentences, words = of_english(chosen.ntrex)
    plan = Plan(
        prompts=chosen.prompts,
        languages=chosen.languages,
        tokens_a_second=chosen.tokens_per_second,
        gpus=chosen.gpus,
        price=chosen.price,
        cores=chosen.cores,
        sentences=chosen.sentences_per_prompt or sentences,
        words=chosen.words_per_sentence or words,
        tokens_a_word=chosen.tokens_per_word,
        rescued=chosen.rescue_share,
        retranslated=chosen.rescue_sentences,
        shard_prompts=chosen.shard_prompts,
    )
    sizes = sorted(chosen.sizes)
    report([_apart(size) for size in sizes], plan)


def _apart(size: int) -> Found:
    """A size in a process of its own, so that its memory is its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--one", str(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return of_json(done.stdout.splitlines()[-1])


def report(sizes: list[Found], plan: Plan) -> None:
    """Print everything."""
    large = sizes[-1]
    show_measured(sizes)
    show_bytes(sizes, plan)
    with tempfile.TemporaryDirectory() as name:
        written, hashed = disk(Path(name))
    show_engine(plan)
    hours = show_hours(large, plan, written, hashed)
    show_memory(sizes, plan)
    engine = sum(plan.tokens.values()) / plan.tokens_a_second / 3600 / plan.gpus
    most = max({**hours, "the engine": engine}.items(), key=lambda each: each[1])
    console.print(
        f"what dominates: {most[0]}, {most[1]:,.1f} h of {engine + sum(hours.values()):,.1f} h if nothing goes on "
        "beside each other"
    )


def show_measured(sizes: list[Found]) -> None:
    """Microseconds a variant by stage, each size against the smallest."""
    small = sizes[0]
    columns = [f"{one.variants:,} variants" for one in sizes]
    table = Table(
        "microseconds a variant", *columns, "of the smallest", "readings", "MiB above start",
        title="measured: all but the engine, one worker, time of the cores",
    )  # fmt: skip
    for name in small.stages:
        each = [1e6 * one.stages[name].seconds / one.variants for one in sizes]
        last = sizes[-1].stages[name]
        table.add_row(
            name, *(f"{one:.1f}" for one in each), f"{each[-1] / each[0]:.2f}",
            f"{last.readings:.1f}" if last.readings else "", f"{last.peak / 2**20:,.0f}",
        )  # fmt: skip
        for part in ("shards", "index"):
            each = [1e6 * getattr(one.stages[name], part) / one.variants for one in sizes]
            if each[0]:
                note = "in shards" if part == "shards" else "index"
                table.add_row(
                    f"  {note}", *(f"{one:.1f}" for one in each), f"{each[-1] / each[0]:.2f}"
                )
    console.print(table)
    for one in sizes:
        console.print(
            f"{one.prompts:,} prompts: {one.kept / one.variants:.1%} of {one.variants:,} human translations kept, "
            f"{one.tried / one.variants:.1%} retried; rejected: "
            + ", ".join(f"{reason} {number}" for reason, number in one.reasons.items())
        )
        used, passed = (
            sum(getattr(stage, name) for stage in one.stages.values())
            for name in ("seconds", "clock")
        )
        console.print(f"  {used:.1f} s of the cores, {passed:.1f} s of the clock")
    console.print()


def show_bytes(sizes: list[Found], plan: Plan) -> None:
    """Bytes a variant on disk, and of the plan."""
    table = Table(
        "bytes per variant", *(f"{one.variants:,}" for one in sizes), "of the smallest", "GB of the plan",
        title="on disk",
    )  # fmt: skip
    run = 0.0
    for name in (*TABLES, "cache", "cache replica", "duplicate index", "texts beside it"):
        each = [one.bytes[name] / one.variants for one in sizes]
        whole = each[-1] * plan.variants / 1e9
        run += whole if name in TABLES else 0
        table.add_row(
            name, *(f"{one:.1f}" for one in each), f"{each[-1] / each[0]:.2f}", f"{whole:,.1f}"
        )
    console.print(table)
    console.print(
        f"a run's folder: {run:,.0f} GB; rescue and rejected as large as with the "
        f"{sizes[-1].tried / sizes[-1].variants:.1%} of variants tried again here\n"
    )


def show_engine(plan: Plan) -> None:
    """Tokens, hours and money of translation."""
    tokens = plan.tokens
    table = Table("tokens produced", "number", "share", title="the engine")
    total = sum(tokens.values())
    for name, number in tokens.items():
        table.add_row(name, f"{number / 1e9:,.2f} G", f"{number / total:.0%}")
    table.add_row("all", f"{total / 1e9:,.2f} G", "")
    console.print(table)
    console.print(
        f"{plan.variants:,} variants x {plan.sentences:.2f} sentences x {plan.words:.1f} words x "
        f"{plan.tokens_a_word} tokens; {plan.rescued:.1%} retried with {plan.retranslated:.1f} sentences each"
    )
    hours = Table("tokens/s of one", "hours", f"days on {plan.gpus}", f"cost at {plan.price:g} per hour",
                  "", title="hours of the engine = tokens / tokens/s / 3600")  # fmt: skip
    for rate in (plan.tokens_a_second, *(one for one in WHAT_IF if one != plan.tokens_a_second)):
        each = total / rate / 3600
        note = "hypothetical; not measured"
        if rate == plan.tokens_a_second:
            note = (
                "two cores, beam 1 (docs/speed.md)" if rate == GREEDY_ON_TWO_CORES else "as given"
            )
        hours.add_row(f"{rate:,.0f}", f"{each:,.0f}", f"{each / plan.gpus / 24:,.1f}",
                      f"{each * plan.price:,.0f}", note)  # fmt: skip
    console.print(hours)
    console.print()


def show_hours(large: Found, plan: Plan, written: float, hashed: float) -> dict[str, float]:
    """Hours of the stages besides the engine: shards on all cores, the rest in one process."""
    table = Table(
        "core hours", "in one process", "in shards", f"shards on {plan.cores} cores", "hours",
        title=f"{plan.shards:,} shards of {plan.shard_prompts} prompts x {plan.languages} languages",
    )  # fmt: skip
    scale = plan.variants / large.variants / 3600
    found = {}
    for name, stage in large.stages.items():
        more = scale
        if name == "rescue":  # as many as the plan tries again
            more *= plan.rescued / (large.tried / large.variants)
        alone = (stage.seconds - stage.shards) * scale
        shards = stage.shards * more
        found[name] = alone + shards / plan.cores
        table.add_row(name, f"{alone:,.1f}", f"{shards:,.1f}" if shards else "",
                      f"{shards / plan.cores:,.1f}" if shards else "", f"{found[name]:,.1f}")  # fmt: skip
    tasks = plan.shards * len(SHARDED)
    found["Prefect"] = tasks * TASK_SECONDS / 3600
    table.add_row(
        f"Prefect, {tasks:,} tasks", f"{found['Prefect']:.3f}", "", "", f"{found['Prefect']:.3f}"
    )
    console.print(table)
    held = sum(large.bytes[name] for name in TABLES) / large.variants * plan.variants
    console.print(
        f"every file is written, synced and hashed: {written / 1e6:,.0f} and {hashed / 1e6:,.0f} MB/s here, of a "
        f"file that memory holds; hashing the run's {held / 1e9:,.0f} GB takes {held / hashed / 60:,.1f} minutes, "
        "and again whenever stages are looked at"
    )
    console.print()
    return found


def show_memory(sizes: list[Found], plan: Plan) -> None:
    """What grows with the variants, and what a worker holds."""
    small, large = sizes[0], sizes[-1]
    table = Table("memory", "bytes per variant", "GB of the plan", "how", title="memory")
    table.add_row("duplicate index", f"{INDEX}", f"{INDEX * plan.variants / 1e9:,.1f}",
                  "while it is built, once; it is in files")  # fmt: skip
    for name in ("check", "sets"):
        if small.variants < BUFFERS:
            table.add_row(
                f"stage {name}", "", "", "not visible with so few variants: --sizes 1600 12000"
            )
            continue
        grown = large.stages[name].peak - small.stages[name].peak
        each = grown / (large.variants - small.variants)
        table.add_row(f"stage {name}", f"{each:.0f}", f"{each * plan.variants / 1e9:,.1f}",
                      "the peak's growth from the smallest to the largest")  # fmt: skip
    shard = plan.shard_prompts * plan.languages
    held = large.stages["translate"].peak / min(shard, large.variants)
    table.add_row("a shard in translation", f"{held:.0f}", f"{held * shard / 1e9:,.2f}",
                  f"{shard:,} variants at once, each worker; the engine comes on top")  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
