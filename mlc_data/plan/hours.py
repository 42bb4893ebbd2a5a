"""Time of each stage: measured, recorded by an earlier run, or from stated rates."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mlc_data.plan.inputs import Inputs
from mlc_data.plan.models import Model, Shape, named_parameters
from mlc_data.plan.rates import Rates
from mlc_data.plan.scoring import Scoring
from mlc_data.plan.translation import Translation
from mlc_data.plan.work import Texts, consistency, judging, replies, training
from mlc_data.recipe.recipe import Recipe

_SIDE = 2048  # of the square matrices that are multiplied
_MEASURED_SECONDS = 0.5
_EFFICIENCY = 0.6
"""Speed of training relative to that of plain products of matrices."""


@dataclass(frozen=True)
class Time:
    """Seconds of a stage, None where they are unknown, and where the figure comes from."""

    seconds: float | None
    basis: str


def measured_tflops(device: str) -> float:
    """Return what training reaches here, by products of matrices (float32; bfloat16 on a GPU), in half a second."""
    import torch

    kind = torch.bfloat16 if device == "cuda" else torch.float32
    one, two = (torch.rand(_SIDE, _SIDE, device=device).to(kind) for _ in range(2))

    def products(limit: float) -> float:
        done, started = 0, time.perf_counter()
        while (passed := time.perf_counter() - started) < limit:
            one @ two
            if device == "cuda":
                torch.cuda.synchronize()
            done += 1
        return done * 2 * _SIDE**3 / passed / 1e12

    products(_MEASURED_SECONDS / 5)  # the first ones start threads
    return products(_MEASURED_SECONDS) * _EFFICIENCY


@dataclass(frozen=True)
class Job:
    """Everything that the times are computed from.

    Attributes:
        recipe: the recipe.
        inputs: its prompts and pairs.
        translation: work of the engine.
        scoring: speed of the checks, or why it was not measured.
        models: the recipe's models.
        shape: of the model to align; None where it is unknown.
        rates: stated rates.
        compute: basis of ``rates.tflops``.
    """

    recipe: Recipe
    inputs: Inputs
    translation: Translation
    scoring: Scoring | str
    models: Sequence[Model]
    shape: Shape | None
    rates: Rates
    compute: str

    @property
    def speed(self) -> float:
        """Floating point operations a second, on one device."""
        return self.rates.tflops * 1e12


def times(job: Job) -> Mapping[str, Time]:
    """Return the time of every stage, as if all ran."""
    found = {
        "sources": _sources(job),
        "translate": Time(job.translation.seconds, job.translation.basis),
        **_tables(job),
        "utility": _utility(job.recipe),
    }
    if job.shape is None:
        unknown = Time(None, "unknown: neither the model's files nor its name tell its size")
        return {**found, **dict.fromkeys(("align", "evaluate", "safety"), unknown)}
    texts = Texts.of(job.inputs, job.recipe, job.rates)
    reading = consistency(job.recipe, job.inputs, job.shape, texts) / job.speed
    return {
        **found,
        "align": _align(job, job.shape, texts),
        "evaluate": Time(job.rates.start_up * 2 + reading, job.compute),
        "safety": _safety(job, job.shape, texts),
    }


def _sources(job: Job) -> Time:
    inputs, rates = job.inputs, job.rates
    if inputs.seconds is not None:
        return Time(inputs.seconds, "measured: the source was read")
    if inputs.prompts is None:
        return Time(None, "unknown: the number of prompts is")
    rows = inputs.prompts + (inputs.pairs or 0)
    return Time(rows / rates.rows_per_second, f"stated: {rates.rows_per_second:g} rows/s")


def _tables(job: Job) -> dict[str, Time]:
    recipe, inputs, scoring, rates = job.recipe, job.inputs, job.scoring, job.rates
    if inputs.translated is None:
        unknown = Time(None, "unknown: the number of prompts is")
        return dict.fromkeys(("score", "rescue", "check", "sets"), unknown)
    languages = len(recipe.languages.targets)
    variants = inputs.translated * languages
    if isinstance(scoring, Scoring):
        each, rejected, basis = scoring.variant, scoring.rejected, "measured on the sample"
        score = Time(variants * each + languages * scoring.limits, _with(basis, scoring.note))
    else:
        each, rejected = 1 / rates.checks_per_second, rates.rejected
        basis = f"stated: {rates.checks_per_second:g} variants/s"
        score = Time(variants * each, _with(basis, scoring))
    rescue = _rescue(job, variants, each, rejected)
    quick = Time(variants / 10_000, "stated: 10000 variants/s")
    return {"score": score, "rescue": rescue, "check": quick, "sets": quick}


def _with(basis: str, note: str) -> str:
    return f"{basis} ({note})" if note else basis


def _rescue(job: Job, variants: int, scoring: float, rejected: float) -> Time:
    """Return the time of the rescue strategies, each of which may retry every rejected variant."""
    recipe, translation, rates = job.recipe, job.translation, job.rates
    strategies = len(recipe.rescue.rungs)
    if not strategies or recipe.translate.imported is not None:
        return Time(0.0, "there are no strategies")
    if translation.whole is None:
        return Time(None, "unknown: the time of translation is")
    each = rates.rescue_factor * translation.whole / max(variants, 1) + scoring
    basis = f"{rejected:.0%} rejected at first, {strategies} strategies, stated: {rates.rescue_factor:g} x a translation"
    return Time(rejected * variants * strategies * each, basis)


def _align(job: Job, shape: Shape, texts: Texts) -> Time:
    work = training(job.recipe, job.inputs, shape, texts)
    if work is None:
        return Time(None, "unknown: the number of pairs is; --rates pairs=N states one")
    processes = job.recipe.align.processes
    devices = processes if isinstance(processes, int) else 1
    seconds = job.rates.start_up + work.operations / job.speed / devices
    return Time(seconds, f"{work.steps} steps; {job.compute}")


def _safety(job: Job, shape: Shape, texts: Texts) -> Time:
    made = replies(job.recipe, job.inputs, shape, texts)
    if made is None:
        return Time(None, "unknown: the number of safety prompts is")
    if not made.number:
        return Time(0.0, "there is no section evaluate.safety")
    settings = job.recipe.evaluate.safety
    if settings is not None and settings.replies.endpoint is not None:
        return Time(None, f"unknown: {made.number} replies come from an endpoint")
    rates = job.rates
    dtype = (settings.replies.dtype if settings else None) or job.recipe.align.dtype
    width = 2 if dtype == "bfloat16" else 4
    reading = made.passes * shape.parameters * width / (rates.bandwidth * 1e9)
    seconds = rates.start_up * 2 + reading + made.operations / job.speed
    for model in job.models:
        size = named_parameters(model.location) if model.role == "judge" else None
        if size is not None:
            seconds += rates.start_up + judging(made.number, size) / job.speed
    basis = f"{made.number} replies; stated: {rates.bandwidth:g} GB/s; {job.compute}"
    return Time(seconds, basis)


def _utility(recipe: Recipe) -> Time:
    utility = recipe.evaluate.utility
    if utility.text is None and not utility.tasks:
        return Time(0.0, "nothing is measured")
    return Time(None, "unknown: it depends on the texts and tasks")


def with_records(found: Mapping[str, Time], records: Mapping[str, float]) -> dict[str, Time]:
    """Return the times, with those of an earlier run of the same stage where it was not measured now.

    Args:
        found: times by stage.
        records: seconds of stages that an earlier run recorded on the same number of prompts.
    """
    return {
        name: each
        if each.basis.startswith("measured") or name not in records
        else replace(each, seconds=records[name], basis="recorded by the earlier run")
        for name, each in found.items()
    }
