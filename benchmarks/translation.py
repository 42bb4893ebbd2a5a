"""How fast is translation? Our stages end to end against the engine alone and against the usual ways.

The floor is `ctranslate2.Translator.translate_batch`, handed every sentence of both directions,
tokenised beforehand, with nothing decoded, checked or written: in one call, which CTranslate2 sorts and
batches itself, and in batches of one size made by hand; the quicker of the two counts. Ours is everything:
read the file, split, translate, join, translate back, check, write. The
usual ways go one language after another, prompt by prompt, without a cache: with CTranslate2, and with
`generate` of transformers where the weights are there for it.

    python benchmarks/translation.py                   the quickstart's model (a)
    python benchmarks/translation.py --model 600m      (b): NLLB-200-600M's shape, random int8 weights

In (b) weights say nothing, so decoding never ends by itself: every way produces exactly
``--output-tokens`` tokens a sentence. Usual ways are measured on a part and scaled.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from shapes import TARGETS_OF_SHAPE, FixedLength, build_shape

from mlc_data.checks.scoring import prepare
from mlc_data.checks.stage import recipe_checks
from mlc_data.checks.tables import ROWS_AT_ONCE
from mlc_data.core.parquet import read_parquet
from mlc_data.core.records import TRANSLATIONS
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe
from mlc_data.recipe.recipe import Recipe
from mlc_data.sentence_encoder.loading import load_encoder
from mlc_data.translate import stage as translation
from mlc_data.translate.engines.base import Request
from mlc_data.translate.engines.ctranslate2 import even_batches
from mlc_data.translate.engines.families.nllb import NllbTranslator
from mlc_data.translate.engines.loading import load_translator
from scripts.phrasebook import phrasebook

console = Console(width=110)


@dataclass(frozen=True)
class Task:
    """What every way has to do."""

    recipe: Recipe
    engine: NllbTranslator
    alone: NllbTranslator
    prompts: list[str]
    network: Any = None

    @property
    def targets(self) -> tuple[str, ...]:
        """FLORES-200 codes."""
        return self.recipe.languages.targets


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=["phrasebook", "600m"], default="phrasebook")
    parser.add_argument("--prompts", type=int, help="default 2000, with 600m 96")
    parser.add_argument("--output-tokens", type=int, default=16, help="of 600m; default 16")
    parser.add_argument(
        "--usual", type=float, help="share measured of the usual ways; 0 leaves them out"
    )
    parser.add_argument("--turns", type=int, default=3, help="of ours and the floor; default 3")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    chosen = parser.parse_args()
    big = chosen.model == "600m"
    count = chosen.prompts or (96 if big else 2000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "prompts.jsonl"
        prompts = list(sentences(count))
        path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in prompts))
        settings = [
            "translate.cache=null", f"sources.prompts.path={path}", "sources.preferences=null",
            *(f"checks.{check}.enabled=false" for check in ("length",) if big),
            *chosen.overrides,
        ]  # fmt: skip
        network = None
        if big:
            network = build_shape(folder / "model")
            settings += [
                f"translate.model={folder / 'model'}",
                f"translate.max_output_tokens={chosen.output_tokens}",
                f"languages.targets=[{','.join(TARGETS_OF_SHAPE)}]",
            ]
        recipe = load_recipe("quickstart", settings)
        # Who translates sentence by sentence has all cores for each.
        every_core = recipe.translate.model_copy(update={"inter_threads": 1})
        engine, alone = load_translator(recipe.translate), load_translator(every_core)
        for each in (engine, alone):
            assert isinstance(each, NllbTranslator)
            if big:
                each.__class__ = FixedLength
        translation.load_translator = lambda _: engine
        task = Task(recipe, engine, alone, prompts, network)
        alone.translate([Request(prompts[0], "eng_Latn", task.targets[0])])
        engine.translate([Request(prompts[0], "eng_Latn", task.targets[0])])
        share = (0.05 if big else 0.1) if chosen.usual is None else chosen.usual
        measure(task, folder, share, chosen.turns)


def measure(task: Task, folder: Path, share: float, turns: int) -> None:
    """Ours and the floor ``turns`` times, one after the other, of each the median; the rest once."""
    plans = Plans(task)
    floors, runs = [], []
    for turn in range(turns):
        floors.append((_seconds(plans.floor), _seconds(plans.floor_by_hand)))
        runs.append(run_pipeline(task, folder / f"run-{turn}"))
    whole, by_hand = (statistics.median(each) for each in zip(*floors, strict=True))
    floor = min(whole, by_hand)
    ours = sorted(runs, key=lambda found: sum(found.values()))[turns // 2]
    for what, turned in (
        ("translate_batch, one call", [one for one, _ in floors]),
        ("translate_batch, batched by hand", [two for _, two in floors]),
        ("ours", [sum(each.values()) for each in runs]),
    ):
        console.print(f"{what}, each turn: {', '.join(f'{one:.2f}' for one in turned)} s")
    ways = {
        "translate_batch alone, one call": whole,
        "translate_batch alone, batched by hand": by_hand,
        "ours: read, translate, check, write": sum(ours.values()),
        **(_usual(task, plans, share) if share else {}),
    }
    variants = len(task.prompts) * len(task.targets)
    title = (
        f"{len(task.prompts)} prompts x {len(task.targets)} languages, {len(plans.forth):,} sentences "
        f"there and {len(plans.back):,} different ones back, "
        f"{plans.tokens:,} tokens produced; {task.engine.id}, {task.engine.device}, "
        f"{task.engine.compute_type}"
    )
    table = Table("way", "seconds", "prompts/s", "tokens/s", "of the floor's speed", title=title)
    for name, seconds in ways.items():
        table.add_row(
            name, f"{seconds:,.2f}", f"{len(task.prompts) / seconds:,.1f}",
            f"{plans.tokens / seconds:,.0f}", f"{floor / seconds:.3f}",
        )  # fmt: skip
    console.print(table)
    console.print("* measured on a part of the prompts, and scaled")
    parts = Table("part of ours", "seconds", "share")
    for name, seconds in ours.items():
        parts.add_row(name, f"{seconds:.2f}", f"{seconds / sum(ours.values()):.1%}")
    console.print(parts)
    each = check_seconds(task, folder / "run-0")
    cheap = sum(seconds for name, seconds in each.items() if name != "round_trip")
    shown = ", ".join(f"{name} {1e6 * seconds / variants:.1f}" for name, seconds in each.items())
    console.print(f"microseconds a variant by check: {shown}")
    console.print(
        f"all checks but the round trip: {cheap:.2f} s, {cheap / sum(ours.values()):.1%} of the pipeline"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"peak memory of the process {peak:,.0f} MiB")


def _usual(task: Task, plans: Plans, share: float) -> dict[str, float]:
    """Seconds of the usual ways, measured on a part of the prompts and scaled."""
    usual = task.prompts[: max(1, round(share * len(task.prompts)))]
    scale = len(task.prompts) / len(usual)
    ways = {"CTranslate2, prompt by prompt *": scale * _seconds(lambda: plans.one_by_one(usual))}
    if task.network is not None:
        ways["transformers generate, prompt by prompt *"] = len(task.prompts) * _seconds(
            lambda: plans.generate(usual[:1])
        )
    return ways


def run_pipeline(task: Task, folder: Path) -> dict[str, float]:
    """Seconds of each of our stages on a new run."""
    run = Run.create(task.recipe, folder)
    stages = {
        "read": "sources",
        "translate": "translate",
        "score": "score",
        "decide and write": "check",
    }
    return {
        name: _seconds(lambda stage=stage: run_stage(run, stage)) for name, stage in stages.items()
    }


class Plans:
    """The same work as token lists, prepared outside of what is timed."""

    def __init__(self, task: Task) -> None:
        self.task = task
        engine, targets = task.engine, task.targets
        self.pairs = [(text, target) for text in task.prompts for target in targets]
        self.forth = [engine.source_tokens(text, "eng_Latn") for text, _ in self.pairs]
        there = engine.translate([Request(text, "eng_Latn", code) for text, code in self.pairs])
        # As ours does, the floor translates equal hypotheses back once.
        returned = {
            (one.text, code) for one, (_, code) in zip(there, self.pairs, strict=True) if one.text
        }
        self.back = [engine.source_tokens(text, code) for text, code in sorted(returned)]
        self.tokens = 0

    def floor(self) -> None:
        """Both directions, each in one call that CTranslate2 sorts and batches."""
        there = self._run(self.forth, [code for _, code in self.pairs])
        back = self._run(self.back, ["eng_Latn"] * len(self.back))
        self.tokens = sum(len(found.hypotheses[0]) for found in (*there, *back))

    def _run(
        self, source: list[list[str]], codes: list[str], *, asynchronous: bool = False
    ) -> list[Any]:
        chosen = self.task.recipe.translate
        results: list[Any] = self.task.engine._model.translate_batch(
            source,
            target_prefix=[[code] for code in codes],
            batch_type="tokens",
            max_batch_size=chosen.batch_tokens,
            beam_size=chosen.beam_size,
            max_decoding_length=chosen.max_output_tokens,
            max_input_length=0,
            asynchronous=asynchronous,
        )
        return results

    def floor_by_hand(self) -> None:
        """The same in batches of one size, all of them in CTranslate2's queue at once."""
        chosen, at_once = self.task.recipe.translate, self.task.engine._device.batches_at_once
        for source, codes in (
            (self.forth, [code for _, code in self.pairs]),
            (self.back, ["eng_Latn"] * len(self.back)),
        ):
            order = sorted(range(len(source)), key=lambda index: -len(source[index]))
            started = []
            for batch in even_batches(order, source, chosen.batch_tokens, at_once):
                tokens, wanted = [source[i] for i in batch], [codes[i] for i in batch]
                started += self._run(tokens, wanted, asynchronous=True)
            for one in started:
                one.result()

    def one_by_one(self, prompts: list[str]) -> None:
        """One language after another, prompt by prompt."""
        for target in self.task.targets:
            for text in prompts:
                found = self.task.alone.translate([Request(text, "eng_Latn", target)])[0]
                if found.text:
                    self.task.alone.translate([Request(found.text, target, "eng_Latn")])

    def generate(self, prompts: list[str]) -> None:
        """The same with transformers, in float32."""
        import torch

        engine, network = self.task.engine, self.task.network
        ids = {token: number for number, token in enumerate(network.tokens)}
        length = self.task.recipe.translate.max_output_tokens
        with torch.no_grad():
            for target in self.task.targets:
                for text in prompts:
                    for code in (target, "eng_Latn"):
                        tokens = [ids.get(t, 3) for t in engine.source_tokens(text, code)]
                        network.generate(
                            torch.tensor([tokens]), forced_bos_token_id=ids[code], num_beams=1,
                            min_new_tokens=length, max_new_tokens=length,
                        )  # fmt: skip


def check_seconds(task: Task, folder: Path) -> dict[str, float]:
    """Seconds that each check takes for all variants of a run."""
    load_encoder.cache_clear()  # it remembers the texts of the run
    rows = pl.concat(
        [pl.DataFrame(schema=TRANSLATIONS), *map(read_parquet, sorted(
            (folder / "translations").glob("*.parquet")))]
    ).filter(pl.col("failure").is_null())  # fmt: skip
    checks = prepare(recipe_checks(task.recipe), lambda: rows.iter_slices(ROWS_AT_ONCE))
    return {
        check.name: _seconds(lambda check=check: [
            check.score(part) for part in rows.iter_slices(ROWS_AT_ONCE)])
        for check in checks
    }  # fmt: skip


def sentences(count: int) -> Iterator[str]:
    """Distinct prompts: the phrasebook's, then the same in lower case, then numbered ones."""
    texts = [one.text("eng_Latn") for one in phrasebook.combinations()]
    for number in range(count):
        turn, place = divmod(number, len(texts))
        text = texts[place * 7 % len(texts)]
        yield (text, text.lower(), f"{text[:-1]} {turn}?")[min(turn, 2)]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
