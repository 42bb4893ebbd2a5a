"""What `estimate.py` measures: every stage of a build but the engine, on human translations.

The engine is replaced by one that knows the answers: it translates a sentence of a parallel text by its human
translation, and back into English with a few words changed. All else is what `mlc-data check` and `mlc-data
sets` do, shards, cache and files included, by one worker.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlc_data.checks import shards
from mlc_data.core.files import sync
from mlc_data.core.hashing import hash_file
from mlc_data.core.records import FailureReason
from mlc_data.execute import run_stage
from mlc_data.languages.flores import get_language
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe
from mlc_data.rescue import stage as rescuing
from mlc_data.stages import BUILD
from mlc_data.translate import stage as translation
from mlc_data.translate.cache.replica import cache_replica
from mlc_data.translate.cache.store import file_of
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request
from mlc_data.translate.sentences import split

RECIPE = "paper-nllb-3.3b"
SOURCE = "eng_Latn"
CHANGED = 12
"""One English word in this many is another one after translating back."""
WARM = 40
"""Prompts of a build before the one that is measured."""


@dataclass
class Stage:
    """What a stage took.

    Attributes:
        seconds: of all cores together, as the process used them: work beside it does not show.
        clock: seconds that passed.
        shards: of `seconds`, in shards, which other processes could do.
        index: of `seconds`, making the duplicate index and its scores.
        peak: bytes of resident memory at the highest, above the beginning.
        readings: how many times all translations were read for the index.
    """

    seconds: float = 0.0
    clock: float = 0.0
    shards: float = 0.0
    index: float = 0.0
    peak: int = 0
    readings: float = 0.0


@dataclass
class Found:
    """What was measured of one size; ``bytes`` on disk by table."""

    prompts: int
    variants: int
    kept: int = 0
    tried: int = 0
    stages: dict[str, Stage] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)


class Parallel:
    """A parallel text: folder of one file a language, line n of each the same sentence.

    Lines whose English holds just one sentence are used. Beyond them, a sentence is the first half of one line
    and the second of another, in every language: prompts are then as like each other as filled-in templates.
    """

    def __init__(self, folder: Path) -> None:
        found = {path.stem for path in folder.glob("*_*.txt")} - {SOURCE}
        self.targets = tuple(sorted(get_language(code).code for code in found))
        lines = {
            code: (folder / f"{code}.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
            for code in (SOURCE, *self.targets)
        }
        self.english = lines[SOURCE]
        whole = [n for n, line in enumerate(self.english) if _is_one_sentence(line)]
        self._lines = {code: [texts[n] for n in whole] for code, texts in lines.items()}
        self._number = len(whole)

    def prompts(self, count: int) -> dict[str, tuple[int, int]]:
        """So many different sentences, each with the lines that it begins and ends as."""
        found: dict[str, tuple[int, int]] = {}
        place = 0
        while len(found) < count:
            turn, line = divmod(place, self._number)
            halves = (line, (line + 37 * turn) % self._number)
            text = self.text(SOURCE, halves)
            if _is_one_sentence(text):
                found.setdefault(text, halves)
            place += 1
        return found

    def text(self, code: str, halves: tuple[int, int]) -> str:
        """A sentence in a language."""
        lines, (one, other) = self._lines[code], halves
        if one == other:
            return lines[one]
        if get_language(code).spaced:
            first, last = lines[one].split(), lines[other].split()
            return " ".join((*first[: len(first) // 2], *last[len(last) // 2 :]))
        return lines[one][: len(lines[one]) // 2] + lines[other][len(lines[other]) // 2 :]


def _is_one_sentence(text: str) -> bool:
    found = split(text, SOURCE)
    return found.sentences == (text,) and found.gaps == ("", "")


class Oracle:
    """The engine that knows the answers; see `mlc_data.translate.engines.base.Translator`."""

    id, revision, licence = "human translations", "1", "CC-BY-SA-4.0"

    def __init__(self, text: Parallel, prompts: dict[str, tuple[int, int]]) -> None:
        self.languages = frozenset((SOURCE, *text.targets))
        self.settings: dict[str, Any] = {"engine": "none"}
        self.decoding = Decoding()
        self._text, self._prompts = text, prompts
        self._forth: dict[tuple[str, str], tuple[int, int]] = {}
        self._words = sorted(
            {word for line in text.english for word in line.split() if _plain(word)}
        )

    def part(self, source: str, target: str) -> Oracle:
        """Itself: it knows every pair that is asked for here."""
        return self

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        """Human text, and English of which one word in `CHANGED` is another; with another ``decoding`` human
        text without one of its words."""
        made = [self._one(request, decoding or self.decoding) for request in requests]
        if done:
            done(range(len(made)), made)
        return made

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        """Human text, each time with another word left out."""
        return [
            [self._one(request, decoding, number) for number in range(decoding.num_hypotheses)]
            for request in requests
        ]

    def _one(self, request: Request, decoding: Decoding, number: int = 0) -> Hypothesis:
        marks = hashlib.sha256(
            f"{request.text} {request.source} {request.target}".encode()
        ).digest()
        log_prob = -int.from_bytes(marks[:4], "big") / 2**32
        if request.target == SOURCE:
            halves = self._forth.get((request.source, request.text))
            if halves is None:
                return Hypothesis(None, None, 0.0, FailureReason.EMPTY_OUTPUT)
            return Hypothesis(self._changed(halves, marks), log_prob, 0.0)
        found = self._prompts.get(request.text)
        if found is None:  # a piece of a sentence, of which there is no human translation
            return Hypothesis(None, None, 0.0, FailureReason.EMPTY_OUTPUT)
        text = self._text.text(request.target, found)
        if decoding != self.decoding:
            words = text.split() if get_language(request.target).spaced else list(text)
            left_out = (marks[5] + number) % len(words)
            joint = " " if get_language(request.target).spaced else ""
            text = joint.join(words[:left_out] + words[left_out + 1 :])
        self._forth[request.target, text] = found
        return Hypothesis(text, log_prob, 0.0)

    def _changed(self, halves: tuple[int, int], marks: bytes) -> str:
        words = self._text.text(SOURCE, halves).split()
        for place, word in enumerate(words):
            mark = marks[4 + place % 28] + place
            if _plain(word) and mark % CHANGED == 0:
                words[place] = self._words[mark * 7919 % len(self._words)]
        return " ".join(words)


def _plain(word: str) -> bool:
    return word.isalpha() and word.islower() and len(word) > 3


def measure(folder: Path, ntrex: Path, count: int, shard_variants: int) -> Found:
    """Build a run of ``count`` prompts in all languages of the text, in shards of so many variants."""
    text = Parallel(ntrex)
    shard_prompts = -(-shard_variants // len(text.targets))
    # What is imported and loaded once is no part of what is measured.
    first = _run(folder / "first", text, text.prompts(WARM), shard_prompts)
    for name in BUILD:
        run_stage(first, name)
    prompts = text.prompts(count)
    run = _run(folder, text, prompts, shard_prompts)
    found = Found(len(prompts), len(prompts) * len(text.targets))
    watch = Watch(found)
    for name in BUILD:
        with watch.stage(name):
            run_stage(run, name)
        if name == "translate":
            found.bytes["cache"] = file_of(str(folder / "cache")).stat().st_size
            _lend(run.recipe.translate.cache, folder, found)
    for name in ("translations", "scores", "rescue", "variants", "rejected", "sets"):
        found.bytes[name] = _size(run.path(name))
    counts, notes = run.manifest.counts.variants, run.manifest.stages["rescue"].notes
    assert counts is not None
    found.kept, found.reasons = counts.kept, {**counts.rejected, **counts.failed}
    found.tried = max(strategy["tried"] for strategy in notes["rungs"].values())
    return found


def _run(
    folder: Path, text: Parallel, prompts: dict[str, tuple[int, int]], shard_prompts: int
) -> Run:
    folder.mkdir(exist_ok=True)
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps({"prompt": one}) + "\n" for one in prompts))
    recipe = load_recipe(
        RECIPE,
        [
            f"sources.prompts.path={path}", "sources.preferences=null",
            "sources.prompts.columns.responses=null", "sources.prompts.columns.chosen_index=null",
            f"languages.targets=[{','.join(text.targets)}]", "runner.workers=1",
            f"translate.shard_prompts={shard_prompts}", f"translate.cache={folder / 'cache'}",
        ],
    )  # fmt: skip
    oracle = Oracle(text, prompts)
    translation.load_translator = rescuing.load_translator = lambda _: oracle
    return Run.create(recipe, folder / "run")


def _lend(location: str | None, folder: Path, found: Found) -> None:
    replicate = cache_replica(location)
    assert replicate is not None
    (folder / "replica").mkdir()
    with replicate(folder / "replica", True):
        found.bytes["cache replica"] = _size(folder / "replica")


def _is_text(path: Path) -> bool:
    return path.name in ("texts.jsonl", "starts")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Watch:
    """Separates the time that stages spend on shards and on the duplicate index."""

    def __init__(self, found: Found) -> None:
        self._found, self._now = found, Stage()
        shards.dispatch_shards = self._timed(shards.dispatch_shards, "shards")
        translation.dispatch_shards = self._timed(translation.dispatch_shards, "shards")
        shards.prepare = self._timed(shards.prepare, "index")
        save, parts = shards.save, shards.parts

        def saved(checks: Any, to: Path, lasting: Path, *, others: bool) -> None:
            self._timed(save, "index")(checks, to, lasting, others=others)
            texts = sum(path.stat().st_size for path in to.glob("duplicate/*") if _is_text(path))
            found.bytes["duplicate index"] = _size(to / "duplicate") - texts
            found.bytes["texts beside it"] = texts

        def counted(run: Run) -> Iterator[Any]:
            for part in parts(run):
                self._now.readings += part.height / found.variants
                yield part

        shards.save, shards.parts = saved, counted

    def _timed(self, work: Callable[..., Any], name: str) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            begun = time.process_time()
            try:
                return work(*given, **named)
            finally:
                passed = time.process_time() - begun
                setattr(self._now, name, getattr(self._now, name) + passed)

        return timed

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what is done within."""
        self._now = self._found.stages[name] = Stage()
        # Linux forgets the earlier peak.
        Path("/proc/self/clear_refs").write_text("5")
        before, clock, begun = _resident("VmRSS"), time.perf_counter(), time.process_time()
        yield
        self._now.seconds = time.process_time() - begun
        self._now.clock = time.perf_counter() - clock
        self._now.peak = _resident("VmHWM") - before


def _resident(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}: Linux is needed")


def disk(folder: Path, size: int = 256 << 20) -> tuple[float, float]:
    """Bytes a second of putting a fresh file on disk (write and fsync), and of hashing it."""
    path, piece = folder / "bytes", os.urandom(1 << 20)
    begun = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(piece)
    sync(path)
    written = time.perf_counter()
    hash_file(path)
    hashed = time.perf_counter()
    path.unlink()
    return size / (written - begun), size / (hashed - written)


def as_json(found: Found) -> str:
    """For another process; see `of_json`."""
    return json.dumps(asdict(found))


def of_json(text: str) -> Found:
    """See `as_json`."""
    values = json.loads(text)
    values["stages"] = {name: Stage(**each) for name, each in values["stages"].items()}
    return Found(**values)


def of_english(ntrex: Path) -> tuple[float, float]:
    """Sentences a line and words a sentence of the English side."""
    lines = (ntrex / f"{SOURCE}.txt").read_text(encoding="utf-8").splitlines()
    found: Counter[str] = Counter()
    for line in lines:
        sentences = split(line, SOURCE).sentences
        found.update(sentences=len(sentences), words=sum(len(one.split()) for one in sentences))
    return found["sentences"] / len(lines), found["words"] / found["sentences"]
