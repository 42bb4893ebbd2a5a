"""The road as a list of stages, and how it is walked: in order, each only if something changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module

from mlc_data.core.paths import source_file
from mlc_data.errors import full_disk_told
from mlc_data.pipeline.run import Run
from mlc_data.recipe.recipe import Recipe

log = logging.getLogger(__name__)

STAGES = (
    "sources", "translate", "score", "rescue", "check", "sets",
    "align", "evaluate", "safety", "utility",
)  # fmt: skip
"""In order; each reads what the ones before it wrote."""

ALIGN = STAGES[6:]
"""The stages from variant sets to a measured checkpoint."""

EVALUATION = STAGES[7:]
"""The stages that measure: one command, and redone together."""

BUILD = STAGES[:6]
"""The stages from prompts to variant sets."""


_WHERE = {
    "sources": ("sources.stage", "load_sources"),
    "translate": ("translate.stage", "translate"),
    "score": ("checks.stage", "score"),
    "rescue": ("rescue.stage", "rescue"),
    "check": ("checks.stage", "decide"),
    "sets": ("variant_sets", "build_sets"),
    "align": ("consistency.probe", "align_at_chosen_layer"),
    "evaluate": ("evaluate.preflight", "evaluate_consistency"),
    "safety": ("evaluate.preflight", "evaluate_safety"),
    "utility": ("evaluate.preflight", "evaluate_utility"),
}


def preflight(recipe: Recipe, stages: tuple[str, ...] = STAGES) -> None:
    """Look for everything that the stages need before the first of them starts.

    Raises:
        UsageError: a file, a model or a language is missing.
    """
    if "sources" in stages:
        for key in ("prompts", "preferences"):
            source = getattr(recipe.sources, key)
            if source and source.path:
                source_file(source.path, f"sources.{key}.path")
        from mlc_data.checks.stage import preflight as checking
        from mlc_data.sources.decontaminate import open_evaluations

        open_evaluations(recipe.sources, recipe.languages.source)
        checking(recipe)
    if "translate" in stages:
        from mlc_data.translate.stage import preflight as translation

        translation(recipe)
    if "rescue" in stages:
        from mlc_data.rescue.stage import second_model

        second_model(recipe)
    if "align" in stages:
        from mlc_data.align.stage import preflight as alignment

        alignment(recipe)
    if "safety" in stages or "utility" in stages:
        from mlc_data.evaluate.preflight import preflight as evaluation

        evaluation(recipe)


def run_stage(run: Run, name: str, *, force: bool = False) -> bool:
    """Do one stage; returns whether it was reused.

    Where it gives other results than before, the stages after it leave the manifest.

    Raises:
        MlcDataError: see the stage; `DiskFullError` where no space is left.
    """
    # Imported here: it reads the stages from this file.
    from mlc_data.lineage.openlineage import write_events

    with run.locked(), full_disk_told(name, run.folder):
        before = run.manifest.content_hash
        reused = _function(name)(run, force=force)
        if not reused and run.manifest.content_hash != before:
            run.forget(*STAGES[STAGES.index(name) + 1 :])
        write_events(run)
    return reused


def bring_up_to(run: Run, last: str, *, force: bool = False) -> dict[str, bool]:
    """Do every stage up to ``last``, reusing what has not changed; ``force`` redoes ``last``, and with it
    the others of `EVALUATION` before it.

    To decide again with other thresholds (``last`` is ``check`` or ``sets``) is done from stored
    scores and attempts alone: what the new thresholds reject is not translated again. The flows, and
    ``last="rescue"``, do that too.

    Returns:
        For each stage, whether it was reused.
    """
    names = STAGES[: STAGES.index(last) + 1]
    preflight(run.recipe, names)
    reused: dict[str, bool] = {}
    for name in names:
        if name == "rescue" and last in ("check", "sets") and _only_thresholds_changed(run):
            log.info("rescue: kept as it is; `mlc-data rescue` tries what new thresholds reject")
            reused[name] = True
            continue
        again = name == last or {name, last} <= set(EVALUATION)
        reused[name] = run_stage(run, name, force=force and again)
    return reused


def _only_thresholds_changed(run: Run) -> bool:
    from mlc_data.rescue.stage import only_thresholds_changed

    return only_thresholds_changed(run)


def _function(name: str) -> Callable[..., bool]:
    # Imported one by one: building variants must not wait for torch and transformers.
    module, function = _WHERE[name]
    found: Callable[..., bool] = getattr(import_module(f"mlc_data.{module}"), function)
    return found
