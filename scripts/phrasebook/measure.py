"""How well a built phrasebook model translates what it has never seen.

On the held-out combinations a translation is right only if it is exactly the phrasebook's text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, quantiles
from typing import Any

import ctranslate2
from sacrebleu.metrics import CHRF

from scripts.phrasebook import phrasebook
from scripts.phrasebook.phrasebook import ENGLISH, TARGETS, Combination
from scripts.phrasebook.tokens import Layout

MAX_OUTPUT_TOKENS = 96
"""Decoding stops here."""

BEAMS = (1, 2, 4)
"""Beam sizes that are measured on the held-out combinations."""

RECIPE_BEAM = 1
"""The beam size of the quickstart recipe (1 is greedy)."""


class Model:
    """A built phrasebook model on the CPU."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        self.layout = Layout.from_folder(folder, phrasebook.LANGUAGES)
        self._engine = ctranslate2.Translator(
            str(folder), device="cpu", compute_type="int8", intra_threads=threads
        )

    def translate(
        self, texts: Sequence[str], source: str, target: str, beam_size: int = RECIPE_BEAM
    ) -> list[str]:
        """One translation a text, in order; ``source`` and ``target`` are FLORES-200 codes."""
        results = self._engine.translate_batch(
            [self.layout.source_tokens(text, source) for text in texts],
            target_prefix=[[target]] * len(texts),
            beam_size=beam_size,
            batch_type="tokens",
            max_batch_size=4096,
            max_decoding_length=MAX_OUTPUT_TOKENS,
        )
        return [self.layout.decode(result.hypotheses[0]) for result in results]


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """chrF++ of a corpus (0 to 100), as sacrebleu computes it."""
    return float(CHRF(word_order=2).corpus_score(list(hypotheses), [list(references)]).score)


def exact(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Share (0 to 1) of hypotheses that are their references, character for character."""
    return mean(h == r for h, r in zip(hypotheses, references, strict=True))


def translations(
    model: Model, language: str, held_out: Sequence[Combination], beam_size: int
) -> dict[str, float]:
    """Exact shares (0 to 1) and chrF++ (0 to 100) between English and ``language``, both ways, and
    of English to ``language`` and back."""
    english = [one.text(ENGLISH) for one in held_out]
    other = [one.text(language) for one in held_out]
    forth = model.translate(english, ENGLISH, language, beam_size)
    back = model.translate(other, language, ENGLISH, beam_size)
    again = model.translate(forth, language, ENGLISH, beam_size)
    figures = {
        "from_english_exact": exact(forth, other),
        "from_english_chrf": chrf(forth, other),
        "to_english_exact": exact(back, english),
        "to_english_chrf": chrf(back, english),
        "round_trip_exact": exact(again, english),
        "round_trip_chrf": chrf(again, english),
    }
    return {name: round(value, 4 if "exact" in name else 2) for name, value in figures.items()}


def outside(
    model: Model, language: str, prompts: Sequence[str], beam_size: int
) -> dict[str, float]:
    """chrF++ (0 to 100) of the round trips of prompts that the phrasebook does not have."""
    forth = model.translate(prompts, ENGLISH, language, beam_size)
    again = model.translate(forth, language, ENGLISH, beam_size)
    scorer = CHRF(word_order=2)
    scores = [scorer.sentence_score(h, [r]).score for h, r in zip(again, prompts, strict=True)]
    tenths = quantiles(scores, n=10)
    return {
        "round_trip_chrf_median": round(tenths[4], 2),
        "round_trip_chrf_90th_percentile": round(tenths[8], 2),
        "round_trip_chrf_highest": round(max(scores), 2),
    }


def measure(folder: Path, threads: int = 2) -> dict[str, Any]:
    """The content of ``evaluation.json`` for the model in ``folder``."""
    model = Model(folder, threads)
    held_out = phrasebook.split(held_out=True)
    rows = json.loads((phrasebook.FOLDER / "outside.json").read_text(encoding="utf-8"))
    prompts = [row["prompt"] for row in rows]
    return {
        "combinations": {
            "all": len(phrasebook.combinations()),
            "training": len(phrasebook.split(held_out=False)),
            "held_out": len(held_out),
        },
        "held_out": {
            f"beam_{size}": {code: translations(model, code, held_out, size) for code in TARGETS}
            for size in BEAMS
        },
        "outside": {
            "prompts": len(prompts),
            f"beam_{RECIPE_BEAM}": {
                code: outside(model, code, prompts, RECIPE_BEAM) for code in TARGETS
            },
        },
    }
