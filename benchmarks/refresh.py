"""Is exactly what is needed translated when a source changes, and is the diff right?

Builds a run of 1,000 prompts in six languages with the quickstart's translator. Then 10 prompts are added, 5 removed,
5 changed and one language is added, and the run is refreshed. What the engine is asked is written down as it is
asked; what it should have been asked, and what the diff should say, is worked out here from the prompts and from
the tables before and after. Leaves with 1 if anything differs.

    python benchmarks/refresh.py [--prompts 1000]
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from mlc_data.core.hashing import hash_value, prompt_id
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.quickstart import phrasebook
from mlc_data.recipe.loading import load_recipe
from mlc_data.refresh.refresh import Refreshed, refresh
from mlc_data.translate.engines.ctranslate2 import Ct2Translator

OLD, NEW = phrasebook.TARGETS[:6], phrasebook.TARGETS[6]
ADDED, REMOVED, CHANGED = 10, 5, 5

Rows = list[dict[str, Any]]
Key = tuple[str, str]
"""Prompt id and language."""


class Engine:
    """Writes down what the engine is asked, by the stage that asks."""

    def __init__(self) -> None:
        self.stage = ""
        self.asked: dict[str, Counter[tuple[str, str, str]]] = {}
        for name in ("translate", "translate_nbest"):
            setattr(Ct2Translator, name, self._noted(getattr(Ct2Translator, name)))

    def _noted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def translate(translator: Ct2Translator, requests: Sequence[Any], *rest: Any) -> Any:
            noted = self.asked.setdefault(self.stage, Counter())
            noted.update((one.text, one.source, one.target) for one in requests)
            return real(translator, requests, *rest)

        return translate

    def do_stage(self, run: Run, name: str) -> bool:
        """Do a stage."""
        self.stage = name
        return run_stage(run, name)


def main() -> int:
    """Build, change, refresh, compare; 1 if a figure is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=1000)
    number = parser.parse_args().prompts
    logging.disable(logging.WARNING)
    engine = Engine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = [one.text(phrasebook.ENGLISH) for one in phrasebook.combinations()]
        random.Random(3).shuffle(texts)
        before = [{"uid": place, "prompt": text} for place, text in enumerate(texts[:number])]
        after, replaced = changed(before, texts[number:])

        first, seconds_first = timed(lambda: refreshed(folder, before, OLD, engine))
        old = State(first.run)
        engine.asked.clear()
        second, seconds = timed(lambda: refreshed(folder, after, (*OLD, NEW), engine))
        new = State(second.run)
        rows = [*engine_rows(engine, second, old=old, new=new, before=before, after=after)]
        rows += diff_rows(second, old, new, replaced)
        engine.asked.clear()
        files = hashes(first.run.folder)
        third, seconds_third = timed(lambda: refreshed(folder, after, (*OLD, NEW), engine))
        rows += [
            ("nothing changed: reported", True, third.diff is None),
            ("nothing changed: sentences sent to the engine", 0, sum(map(len, engine.asked.values()))),
            ("nothing changed: files touched", 0, len(files ^ hashes(first.run.folder))),
        ]  # fmt: skip
    table = Table("", "expected", "found", "",
                  title=f"{number} prompts; {ADDED} added, {REMOVED} removed, {CHANGED} changed, one language added")  # fmt: skip
    for what, expected, found in rows:
        table.add_row(what, str(expected), str(found), "" if expected == found else "WRONG")
    console = Console(width=140)
    console.print(table)
    console.print(
        f"seconds: first build {seconds_first:.1f}, refresh {seconds:.1f}, nothing changed {seconds_third:.2f}"
    )
    return int(any(expected != found for _, expected, found in rows))


def changed(before: Rows, spare: Sequence[str]) -> tuple[Rows, dict[str, str]]:
    """The rows after the changes, and the ids of the changed ones, before and now."""
    chance = random.Random(5)
    places = chance.sample(range(len(before)), REMOVED + CHANGED)
    gone, edited = set(places[:REMOVED]), dict(zip(places[REMOVED:], spare, strict=False))
    replaced = {prompt_id(before[place]["prompt"]): prompt_id(edited[place]) for place in edited}
    rows = [
        {**row, "prompt": edited.get(place, row["prompt"])}
        for place, row in enumerate(before)
        if place not in gone
    ]
    for number, text in enumerate(spare[CHANGED : CHANGED + ADDED]):
        rows.insert(chance.randrange(len(rows) + 1), {"uid": f"new-{number}", "prompt": text})
    return rows, replaced


def refreshed(folder: Path, rows: Rows, targets: Sequence[str], engine: Engine) -> Refreshed:
    """Write the source where it is another, and refresh."""
    path = folder / "prompts.jsonl"
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    # One shard: two that are in work at once may both ask for a sentence that they share.
    recipe = load_recipe(
        "quickstart",
        [
            f"sources.prompts.path={path}", "sources.prompts.columns.id=uid", "sources.preferences=null",
            f"languages.targets=[{','.join(targets)}]", f"translate.cache={folder / 'cache'}",
            "translate.shard_prompts=100000",
        ],
    )  # fmt: skip
    return refresh(recipe, folder / "run", do_stage=engine.do_stage)


class State:
    """What a run's tables say, as plain values."""

    def __init__(self, run: Run) -> None:
        self.variants: dict[Key, tuple[str, str, str | None]] = {}
        self.content: dict[Key, str] = {}
        for file in ("variants", "rejected"):
            table = pl.read_parquet(run.path(file, "variants.parquet"))
            for row in table.iter_rows(named=True):
                key = (row["prompt_id"], row["language"])
                self.variants[key] = (row.get("status", "kept"), row["source"], row["text"])
                columns = ("prompt_id", "language", "source", "text", "back_translation", "rung")
                self.content[key] = hash_value([row[name] for name in columns])
        self.sentences = {
            (segment["source"], segment["text"], row["language"])
            for row in pl.read_parquet(run.path("translations", "*.parquet")).iter_rows(named=True)
            for segment in row["segments"]
        }


def engine_rows(
    engine: Engine, done: Refreshed, *, old: State, new: State, before: Rows, after: Rows
) -> list[tuple[str, Any, Any]]:
    """What the engine should have been asked, and was."""
    known = {row["prompt"] for row in before}
    fresh = {row["prompt"] for row in after} - known
    source = phrasebook.ENGLISH
    forth = Counter((text, source, code) for text in fresh for code in (*OLD, NEW))
    forth.update((row["prompt"], source, NEW) for row in after if row["prompt"] in known)
    asked_before = {(text, code) for _, text, code in old.sentences}
    back = Counter(
        {
            (text, code, source)
            for english, text, code in new.sentences
            if (english, source, code) in forth and (text, code) not in asked_before
        }
    )
    asked = engine.asked["translate"]
    asked_forth = Counter({one: n for one, n in asked.items() if one[1] == source})
    needless = [
        one
        for one in engine.asked.get("rescue", ())
        if one[1] == source
        and one[2] != NEW
        and not any(one[0].rstrip("?.") in text for text in fresh)
    ]
    pairs = (ADDED + CHANGED) * (len(OLD) + 1) + len(after) - ADDED - CHANGED
    return [
        ("pairs that had to be translated", pairs, forth.total()),
        ("pairs asked of the engine", forth.total(), asked_forth.total()),
        ("of them needless, or asked twice", 0, (asked_forth - forth).total()),
        ("of those needed not asked", 0, (forth - asked_forth).total()),
        ("translated back", back.total(), (asked - asked_forth).total()),
        ("of them needless, or asked twice", 0, (asked - asked_forth - back).total()),
        ("count in the manifest and in the report", asked.total(), done.work["translate"]),
        ("asked to rescue what had been settled before", 0, len(needless)),
    ]


def diff_rows(
    done: Refreshed, old: State, new: State, replaced: dict[str, str]
) -> list[tuple[str, Any, Any]]:
    """What the diff should say, and says."""
    diff = done.diff
    assert diff is not None
    was = {(replaced.get(key, key), code): (key, code) for key, code in old.variants}
    added = {key for key in new.variants if key not in was}
    removed = {key for now, key in was.items() if now not in new.variants}
    both = {now: key for now, key in was.items() if now in new.variants}
    other = {
        now for now, key in both.items() if now != key or old.variants[key] != new.variants[now]
    }
    flips = {
        (kept_before, kept): sum(
            (old.variants[key][0] == "kept", new.variants[now][0] == "kept") == (kept_before, kept)
            for now, key in both.items()
        )
        for kept_before, kept in ((False, True), (True, False))
    }
    listed = set(
        pl.read_parquet(done.run.path("refresh", "diff.parquet"))
        .select("change", "language", "prompt_id_before", "prompt_id")
        .iter_rows()
    )
    wanted = (
        {("added", code, None, key) for key, code in added}
        | {("removed", code, key, None) for key, code in removed}
        | {("changed", now[1], both[now][0], now[0]) for now in other}
    )
    counts = done.run.manifest.counts.variants
    assert counts is not None
    figures, prompts = diff.variants, diff.prompts
    return [
        ("prompts added, removed, changed", (ADDED, REMOVED, CHANGED),
         (prompts.added, prompts.removed, prompts.changed)),
        ("languages added", [NEW], diff.languages_added),
        ("settings that differ", ["languages.targets"], [one.key for one in diff.settings or ()]),
        ("variants added", len(added), figures.added),
        ("variants removed", REMOVED * len(OLD), figures.removed),
        ("variants changed", len(other), figures.changed),
        ("variants unchanged", len(both) - len(other), figures.unchanged),
        ("newly kept", flips[False, True], figures.newly_kept),
        ("no longer kept", flips[True, False], figures.no_longer_kept),
        ("kept", counts.kept, figures.kept),
        ("rows of diff.parquet that are wrong or lack", 0, len(listed ^ wanted)),
        ("unchanged rows with another hash", 0,
         sum(old.content[key] != new.content[now] for now, key in both.items() if now not in other)),
    ]  # fmt: skip


def hashes(folder: Path) -> set[tuple[str, int, str]]:
    """Every file but the lock: name, time of writing, content."""
    return {
        (str(path), path.stat().st_mtime_ns, hash_value(path.read_bytes().hex()))
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def timed(work: Callable[[], Refreshed]) -> tuple[Refreshed, float]:
    """What it gives, and its seconds."""
    begun = time.perf_counter()
    done = work()
    return done, time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
