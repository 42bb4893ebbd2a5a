"""The plan of a run: counts, time, memory, disk, money, licences, what is cached, and which stages would run.

Nothing is executed for it but a sample of the translation: no folder is written and nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlc_data.core.offline import offline
from mlc_data.lm.loading import default_device
from mlc_data.pipeline.run import Run
from mlc_data.plan.hours import Job, Time, measured_tflops, times, with_records
from mlc_data.plan.inputs import Inputs, read_inputs
from mlc_data.plan.licences import Licence, licences
from mlc_data.plan.memory import Estimate, disk, training_memory, translation_memory
from mlc_data.plan.models import Model, Shape, find_models, shape_of
from mlc_data.plan.pending import StagePlan, Status, stage_plans
from mlc_data.plan.rates import Rates, stated, with_settings
from mlc_data.plan.scoring import Scoring, measure_checks
from mlc_data.plan.translation import Translation, engine, plan_translation
from mlc_data.translate.stage import record_of

SAMPLE = 50
"""Most prompts that are translated for the measurement, unless the user names another number."""

_HOUR = 3600
_COMPUTE = "tflops"


@dataclass(frozen=True)
class Options:
    """Choices of the user.

    Attributes:
        sample: largest number of prompts that are translated to measure the engine; 0 measures nothing.
        rates: stated rates as ``name=number``.
        price: price of an hour of all machines together, in any currency; None leaves the money out.
    """

    sample: int = SAMPLE
    rates: Sequence[str] = ()
    price: float | None = None


@dataclass(frozen=True)
class Plan:
    """Everything that is said about a run before it starts."""

    recipe: str
    folder: str
    machine: str
    inputs: Inputs
    translation: Translation
    stages: tuple[StagePlan, ...]
    times: Mapping[str, Time]
    memory: Mapping[str, Estimate]
    disk: Estimate
    licences: tuple[Licence, ...]
    models: tuple[Model, ...]
    price: float | None

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the stages that run, or may run."""
        return tuple(stage.name for stage in self.stages if stage.may_run)

    @property
    def seconds(self) -> float:
        """Time of the stages that run or may run, as far as it is known."""
        return sum(self.times[name].seconds or 0.0 for name in self.running)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Stages that run and whose time is unknown."""
        return tuple(name for name in self.running if self.times[name].seconds is None)

    @property
    def money(self) -> float | None:
        """Price of the hours that are known; None without a price."""
        return None if self.price is None else self.price * self.seconds / _HOUR

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-able values, for programs."""
        inputs, work = self.inputs, self.translation
        return {
            "recipe": self.recipe,
            "folder": self.folder,
            "machine": self.machine,
            "prompts": {"number": inputs.prompts, "basis": inputs.basis},
            "pairs": inputs.pairs,
            "translation": {
                "sentences": work.sentences,
                "exact": work.exact,
                "requests": work.requests,
                "cached": work.cached,
                "tokens": work.tokens,
                "note": work.note,
            },
            "stages": [
                {
                    **asdict(stage),
                    "seconds": self.times[stage.name].seconds,
                    "basis": self.times[stage.name].basis,
                }
                for stage in self.stages
            ],
            "hours": self.seconds / _HOUR,
            "hours_unknown": self.unknown,
            "price_per_hour": self.price,
            "money": self.money,
            "memory": {name: asdict(each) for name, each in self.memory.items()},
            "disk": asdict(self.disk),
            "licences": [asdict(each) for each in self.licences],
            "models": [asdict(model) for model in self.models],
        }


def make_plan(run: Run, options: Options) -> Plan:
    """Return the plan of a run, whose folder need not exist. It is neither made nor changed.

    Raises:
        UsageError: a rate is wrong, or the folder belongs to another recipe.
        SourceError: a source on this machine cannot be read.
        MlcDataError: the translation cache cannot be used.
    """
    run.check_folder(other_sources=True)
    recipe = run.recipe
    with offline():
        device, wanted = default_device(), "cuda" if recipe.align.dtype == "bfloat16" else "cpu"
        target = "cuda" if "cuda" in (device, wanted) else "cpu"
        rates = with_settings(stated(target == "cuda"), options.rates)
        stages = stage_plans(run)
        models = find_models(recipe)
        inputs = read_inputs(run, rates, sources_done=_has_prompts(run, stages))
        translation = plan_translation(recipe, inputs, rates, options.sample)
        scoring: Scoring | str = "no sample was translated"
        if translation.sample is not None:
            scoring = measure_checks(recipe, translation.sample, inputs.prompts or 0)
        base = next(model for model in models if model.role == "base")
        shape = shape_of(base)
        rates, compute = _compute(rates, options, target, device)
        found = times(Job(recipe, inputs, translation, scoring, models, shape, rates, compute))
        return Plan(
            recipe=recipe.name,
            folder=str(run.folder),
            machine=_machine(target, device, recipe.align.processes),
            inputs=inputs,
            translation=translation,
            stages=stages,
            times=with_records(found, _records(run, inputs, stages)),
            memory=_memory(run, shape, models, target),
            disk=disk(recipe, inputs, models, shape),
            licences=licences(recipe, models, _engines(run)),
            models=models,
            price=options.price,
        )


def _machine(target: str, device: str, processes: int | str) -> str:
    if target == device:
        return f"this machine ({device})"
    number = "one GPU" if processes in (1, "auto") else f"{processes} GPUs"
    return f"{number} of 80 GB (stated: there is no GPU here, and the recipe computes in bfloat16)"


def _compute(rates: Rates, options: Options, target: str, device: str) -> tuple[Rates, str]:
    """Return the rates with the speed of training, measured where the recipe would be run here."""
    is_stated = any(rate.startswith(f"{_COMPUTE}=") for rate in options.rates)
    if is_stated or not options.sample or target != device:
        return rates, f"stated: {rates.tflops:g} TFLOP/s"
    speed = measured_tflops(device)
    return rates.model_copy(update={_COMPUTE: speed}), f"measured: {speed:.3g} TFLOP/s, {device}"


def _has_prompts(run: Run, stages: Sequence[StagePlan]) -> bool:
    """Return whether the folder has the prompts of the recipe: read already, or not known to have changed."""
    status = next(stage.status for stage in stages if stage.name == "sources")
    settled = (Status.REUSED, Status.RESTORED, Status.UNKNOWN)
    return status in settled and run.path("prompts.parquet").is_file()


def _records(run: Run, inputs: Inputs, stages: Sequence[StagePlan]) -> dict[str, float]:
    """Return the seconds of stages that the run has done on as many prompts, and that would do the same work."""
    manifest = run.manifest
    done = manifest.counts.prompts
    if done is None or done.kept != inputs.prompts:
        return {}
    same = {stage.name for stage in stages if stage.same_work}
    return {name: record.seconds for name, record in manifest.stages.items() if name in same}


def _memory(
    run: Run, shape: Shape | None, models: Sequence[Model], device: str
) -> dict[str, Estimate]:
    found = {"translate": translation_memory(run.recipe, models, device)}
    if shape is not None:
        found["align"] = training_memory(run.recipe, shape, device)
    return {name: each for name, each in found.items() if each is not None}


def _engines(run: Run) -> dict[str, Any]:
    """Return the records of the translators: those that can be loaded here, else those that the run used."""
    records = {
        role: model for role, model in run.manifest.models.items() if role.endswith("translator")
    }
    if run.recipe.translate.imported is not None:
        return records
    translator, _ = engine(run.recipe)
    if translator is not None:
        records["translator"] = record_of(translator)
    return records
