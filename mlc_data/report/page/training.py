"""Training: curves of the losses, collapse, weights changed, and the layers of the probe."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlc_data.report.page.context import Facts
from mlc_data.report.page.counts import Compared, Figure

COLLAPSED = 0.95
"""Cosine of different prompts from which a model can hardly tell them apart."""

CURVES = {
    "loss": "total loss",
    "mlc/loss": "consistency loss",
    "mlc/separation": "separation",
    "mlc/first_share": "first singular value, s₁²/m",
    "mlc/between_cosine": "cosine of different prompts",
    "mlc/within_cosine": "cosine within a set",
}
"""Figures of ``training.jsonl`` and their titles."""

POINTS = 400
"""Steps of a curve that are drawn, at most."""

MEASURES = (
    ("loss", "consistency loss, held-out sets", "less"),
    ("first_share", "first singular value, s₁²/m", "more"),
    ("within_cosine", "cosine within a set", "more"),
    ("between_cosine", "cosine of different prompts", "less"),
    ("retrieval", "nearest to its own prompt", "more"),
    ("retrieval_centred", "the same, language means removed", "more"),
)
"""Held-out measures of the manifest's ``results``, titles, and which direction is better."""


@dataclass(frozen=True)
class Training:
    """The section.

    Attributes:
        method: `align.method`.
        facts: names and values for the list beside the curves.
        steps: logged rows, each with ``step`` and keys of `CURVES`.
        floor: least value that the consistency loss can have with all languages present; None without it.
        measures: `MEASURES` before and after.
        chance: retrieval by chance.
        collapse: sentence on collapse.
        collapsed: True if there is one.
        layers: measures of every layer of the base model, where the recipe had the layer chosen.
        chosen: the layer that the loss read.
        missing: why there is nothing, in one line.
    """

    method: str = ""
    facts: Sequence[tuple[str, str]] = ()
    steps: Sequence[Mapping[str, float]] = ()
    floor: float | None = None
    measures: Sequence[Compared] = ()
    chance: float | None = None
    collapse: str = ""
    collapsed: bool = False
    layers: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    chosen: int | str = ""
    missing: str = ""


def training(facts: Facts) -> Training:
    """Return the figures of the run's training."""
    notes = facts.notes("align")
    path = facts.run.path("training.jsonl")
    if not notes or not path.is_file():
        return Training(missing=f"Nothing has been trained yet: mlc-data align {facts.folder}")
    settings = facts.recipe.align
    measures, chance = _measures(facts)
    collapsed, sentence = _collapse(measures)
    return Training(
        method=settings.method,
        facts=tuple(_facts(notes)),
        steps=_steps(path.read_text(encoding="utf-8")),
        floor=floor(len(facts.targets) + 1, settings.loss.temperature, settings.loss.form)
        if settings.loss.weight
        else None,
        measures=measures,
        chance=chance,
        collapse=sentence,
        collapsed=collapsed,
        layers=tuple(notes.get("layers", ())),
        chosen=notes.get("layer", ""),
    )


def floor(languages: int, temperature: float, form: str) -> float:
    """Return the consistency loss of collinear languages: log(1 + (m - 1) exp(-s / temperature)), where s is 1
    (``rescaled``) or sqrt(m) (``plain``); see `mlc_data.consistency.loss.bounds`, which needs torch."""
    first = math.sqrt(languages) if form == "plain" else 1.0
    return math.log1p((languages - 1) * math.exp(-first / temperature))


def _steps(text: str) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    found = [
        {"step": row["step"], **{name: row[name] for name in CURVES if name in row}}
        for row in rows
        if "step" in row
    ]
    found = [row for row in found if len(row) > 1]
    every = max(1, math.ceil(len(found) / POINTS))
    return found[::every]


def _facts(notes: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs, sets = notes.get("pairs", {}), notes.get("sets", {})
    changed = notes.get("weights_changed", {})
    lines = [
        ("steps", f"{notes.get('steps', 0):,}"),
        ("preference pairs", f"{pairs.get('used', 0):,}"),
        ("variant sets", f"{sets.get('used', 0):,}"),
        ("trainable parameters", f"{notes.get('trainable_parameters', 0):,}"),
        ("prompt format", str(notes.get("prompt_format", ""))),
        ("layer that the loss reads", str(notes.get("layer", ""))),
    ]
    for name, title in (
        ("first_steps", "weights changed, first steps"),
        ("as_stored", "weights changed, as stored"),
    ):
        if changed.get(name) is not None:
            lines.append((title, f"{changed[name]:.1%}"))
    return lines


def _measures(facts: Facts) -> tuple[tuple[Compared, ...], float | None]:
    results = facts.manifest.results
    before, after = results.get("before"), results.get("after")
    if not before or not after:
        return (), None
    rows = tuple(
        Compared(title, Figure(before[name]), Figure(after[name]), better)
        for name, title, better in MEASURES
        if name in before and name in after
    )
    return rows, before.get("chance")


def _collapse(measures: Sequence[Compared]) -> tuple[bool, str]:
    """Return whether different prompts have become alike, and a sentence on it."""
    between = next((each for each in measures if "different" in each.title), None)
    if between is None or between.before.value is None or between.after.value is None:
        return False, ""
    before, after = between.before.value, between.after.value
    figures = f"the cosine of different prompts is {after:.2f} after alignment, {before:.2f} before"
    if after >= COLLAPSED and after > before:
        return (
            True,
            f"Collapse: {figures}. All prompts look nearly the same to the model, harmful or not.",
        )
    return (
        False,
        f"No collapse: {figures} (from {COLLAPSED} on, prompts are hardly distinguishable).",
    )
