"""How fast is translation? Our stage against the engine alone and against one prompt at a time.

The baseline is `ctranslate2.Translator.translate_batch`, handed every sentence at once, tokenised
beforehand, in mixed languages, there and back, with nothing written.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ctranslate2
import sentencepiece
from rich.console import Console
from rich.table import Table

from mlc_data.locations import local_path
from mlc_data.recipe_files import load_recipe
from mlc_data.sources import load_sources
from mlc_data.translate.engine import NllbTranslator, Request, load_translator
from mlc_data.translate.segments import split
from mlc_data.translate.stage import translate
from mlc_data.workspace import Run


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=400, help="prompts, default 400")
    parser.add_argument("--model", help="CTranslate2 folder; default the phrasebook model")
    chosen = parser.parse_args()
    settings = ["translate.cache=null"]
    if chosen.model:
        settings.append(f"translate.model={chosen.model}")
    with tempfile.TemporaryDirectory() as folder:
        rows = _prompts(chosen.prompts)
        path = Path(folder) / "prompts.jsonl"
        path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in rows))
        recipe = load_recipe("quickstart", [*settings, f"sources.prompts.path={path}"])
        run = Run.create(recipe, Path(folder) / "run")
        load_sources(run)
        targets = recipe.languages.targets
        engine = load_translator(recipe.translate)
        assert isinstance(engine, NllbTranslator)
        engine.translate([Request(rows[0], "eng_Latn", targets[0])])
        floor = _seconds(lambda: _floor(engine, rows, targets))
        ours = _seconds(lambda: translate(run, force=True))
        some = rows[: max(len(rows) // 10, 1)]
        single = _seconds(lambda: _one_by_one(engine, some, targets)) * len(rows) / len(some)
    variants = len(rows) * len(targets)
    table = Table("way", "seconds", "variants/s", "of the baseline's speed")
    for name, seconds in (
        ("translate_batch alone (baseline)", floor),
        ("ours: read, split, translate, back, write", ours),
        ("one prompt and language at a time (a tenth, scaled)", single),
    ):
        table.add_row(name, f"{seconds:.2f}", f"{variants / seconds:.0f}", f"{floor / seconds:.2f}")
    console = Console()
    console.print(f"{len(rows)} prompts x {len(targets)} languages, {engine.id}, {engine.device}")
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"peak memory of the process {peak:.0f} MiB")


def _prompts(count: int) -> list[str]:
    path = local_path("package://mlc_data/quickstart/reference.jsonl")
    known = [json.loads(line)["prompt"] for line in path.read_text(encoding="utf-8").splitlines()]
    # Two phrases each, in ever new pairs: a prompt is not in the cache and none is a duplicate.
    size = len(known)
    pairs = ((known[i % size], known[(i + 1 + i // size) % size]) for i in range(count))
    return [f"{first} {second}" for first, second in pairs]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _floor(engine: NllbTranslator, rows: list[str], targets: tuple[str, ...]) -> None:
    folder = local_path("package://mlc_data/quickstart/model")
    pieces = sentencepiece.SentencePieceProcessor(
        model_file=str(folder / "sentencepiece.bpe.model")
    )
    model: ctranslate2.Translator = engine._model
    distinct = sorted({sentence for row in rows for sentence in split(row, "eng_Latn").sentences})
    source = [
        ["eng_Latn", *pieces.encode(text, out_type=str), "</s>"]
        for text in distinct
        for _ in targets
    ]
    prefix = [[target] for _ in distinct for target in targets]
    options = {
        "batch_type": "tokens",
        "max_batch_size": 4096,
        "beam_size": 1,
        "max_input_length": 0,
    }
    there = model.translate_batch(source, target_prefix=prefix, **options)
    back = [
        [target[0], *found.hypotheses[0][1:], "</s>"]
        for found, target in zip(there, prefix, strict=True)
    ]
    model.translate_batch(back, target_prefix=[["eng_Latn"]] * len(back), **options)


def _one_by_one(engine: NllbTranslator, rows: list[str], targets: tuple[str, ...]) -> None:
    for row in rows:
        for target in targets:
            for sentence in split(row, "eng_Latn").sentences:
                found = engine.translate([Request(sentence, "eng_Latn", target)])[0]
                if found.text:
                    engine.translate([Request(found.text, target, "eng_Latn")])


if __name__ == "__main__":
    main()
