"""The pipeline: the only list of stages. Every other list of stages is derived from it."""

from __future__ import annotations

from mlc_data.align.stage import AlignStage
from mlc_data.checks.stage import CheckStage, ScoreStage
from mlc_data.evaluate.representations import ConsistencyStage
from mlc_data.evaluate.safety.stage import SafetyStage
from mlc_data.evaluate.utility import UtilityStage
from mlc_data.pipeline.stage import Stage
from mlc_data.rescue.stage import RescueStage
from mlc_data.sources.stage import SourcesStage
from mlc_data.translate.stage import TranslateStage
from mlc_data.variant_sets import VariantSetsStage

STAGES: tuple[Stage, ...] = (
    SourcesStage(),
    TranslateStage(),
    ScoreStage(),
    RescueStage(),
    CheckStage(),
    VariantSetsStage(),
    AlignStage(),
    ConsistencyStage(),
    SafetyStage(),
    UtilityStage(),
)
"""Stages in order; each reads what earlier ones wrote."""

NAMES = tuple(stage.name for stage in STAGES)

BUILD = tuple(stage.name for stage in STAGES if not stage.of_training)
"""Names of the stages from prompts to variant sets."""

TRAINING = tuple(stage.name for stage in STAGES if stage.of_training)
"""Names of the stages from variant sets to an evaluated checkpoint."""

EVALUATION = TRAINING[1:]
"""Names of the stages that evaluate: one command runs them all, and `--force` repeats them together."""


def named(name: str) -> Stage:
    """Return a stage by its name."""
    return STAGES[NAMES.index(name)]


def up_to(last: str) -> tuple[str, ...]:
    """Return the names of the stages from the first to ``last``."""
    return NAMES[: NAMES.index(last) + 1]


def dependents(stage: Stage) -> tuple[Stage, ...]:
    """Return the later stages that read, directly or through others, what ``stage`` writes."""
    from pathlib import PurePosixPath

    changed, dependent = set(stage.writes), []
    for later in STAGES[STAGES.index(stage) + 1 :]:
        reads = [PurePosixPath(name) for name in later.reads]
        if any(read.is_relative_to(name) for read in reads for name in changed):
            dependent.append(later)
            changed |= set(later.writes)
    return tuple(dependent)
