"""The refresh: snapshot, build, compare, train if the rule says so, publish if the recipe asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlc_data.errors import UsageError
from mlc_data.execute import first_pending, preflight, run_stage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import dump_recipe
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.refresh import ChangedAbove
from mlc_data.refresh import snapshot
from mlc_data.refresh.card import in_markdown
from mlc_data.refresh.diff import compare, record_training
from mlc_data.refresh.record import Diff
from mlc_data.stages import BUILD, TRAINING

if TYPE_CHECKING:
    from mlc_data.publish.publication import PublishOptions

log = logging.getLogger(__name__)

RunStage = Callable[[Run, str], bool]
"""Runs one stage; returns whether it was reused."""

Push = Callable[[Run, "PublishOptions"], list[str]]
"""Publishes; returns ``address@revision`` of each repository."""


@dataclass(frozen=True)
class Refreshed:
    """Result of a refresh.

    Attributes:
        run: the run.
        diff: the changes; None if there were none, so that nothing was touched.
        reused: by stage, whether it was reused.
        work: sentences that the stages ``translate`` and ``rescue`` translated in this refresh.
        published: ``address@revision`` of each repository.
    """

    run: Run
    diff: Diff | None = None
    reused: Mapping[str, bool] = field(default_factory=dict)
    work: Mapping[str, int] = field(default_factory=dict)
    published: tuple[str, ...] = ()

    @property
    def trained(self) -> bool:
        """Return whether the checkpoint was trained again."""
        return self.reused.get("align") is False

    def as_dict(self) -> dict[str, Any]:
        """Return the result for ``--json``."""
        return {
            "run": str(self.run.folder),
            "changed": self.diff is not None,
            "diff": self.diff and self.diff.model_dump(mode="json"),
            "reused": dict(self.reused),
            "translated": dict(self.work),
            "trained": self.trained,
            "published": list(self.published),
        }


def refresh(
    recipe: Recipe,
    folder: Path | None = None,
    *,
    do_stage: RunStage = run_stage,
    push: Push | None = None,
) -> Refreshed:
    """Bring a run up to date with its recipe, and report the changes; a folder without a run is built.

    If nothing has changed, nothing is touched. A refresh that was stopped or killed continues when it is called
    again, and ends with the same diff.

    Args:
        recipe: the present one.
        folder: the run's folder; default ``runs/<recipe name>``.
        do_stage: runs a stage.
        push: publishes; by default to the Hub.

    Raises:
        UsageError: something that the stages need is missing, or the recipe keeps no translation cache.
        LicenseError: the data may not be published as the recipe asks; raised before training.
        MlcDataError: see the stages and `mlc_data.publish.publication.to_hub`.
    """
    run = Run.of(recipe, folder)
    _check(run)
    known = run.path("recipe.yaml").is_file()
    if not known:
        run.prepare_folder()
    with run.locked():
        unfinished = snapshot.find(run)
        if unfinished is None and known and _is_unchanged(run):
            log.info("refresh: nothing has changed")
            return Refreshed(run)
        if unfinished is not None:
            log.info("refresh: continuing one that was interrupted")
        before = unfinished or snapshot.take(run)
        run.prepare_folder(other_sources=True)
        return _continue(run, before, do_stage, push)


def _check(run: Run) -> None:
    recipe = run.recipe
    trains = recipe.refresh.retrain != "never"
    preflight(run, BUILD + TRAINING if trains else BUILD)
    if recipe.translate.cache is None and recipe.translate.has_engine:
        raise UsageError(
            "translate.cache is null, so every prompt would be translated again: a refresh takes earlier "
            "translations from the cache. Name a folder, or `auto`"
        )
    if (target := recipe.refresh.target) is not None:
        from mlc_data.publish.hub import Target

        Target(target.repo)


def _is_unchanged(run: Run) -> bool:
    written = run.path("recipe.yaml").read_text(encoding="utf-8")
    if written != dump_recipe(run.recipe):
        return False
    stages = BUILD + TRAINING if run.recipe.refresh.retrain == "always" else BUILD
    pending = first_pending(run, stages)
    if pending is not None:
        log.info("refresh: the stage %r has to run again", pending)
    return pending is None


def _continue(
    run: Run, before: snapshot.Snapshot, do_stage: RunStage, push: Push | None
) -> Refreshed:
    reused = {name: do_stage(run, name) for name in BUILD}
    work = _work(run, reused)
    diff = compare(before, run)
    options = _publish_options(run, diff)
    if diff.training.due:
        reused |= {name: do_stage(run, name) for name in TRAINING}
    elif isinstance(run.recipe.refresh.retrain, ChangedAbove):
        log.info(
            "refresh: not trained again: %.1f %% of the sets have changed since the last training, and the "
            "rule is changed_above %s", 100 * diff.training.share, run.recipe.refresh.retrain.changed_above,
        )  # fmt: skip
    record_training(run)
    published = (push or push_to_hub)(run, options()) if options else []
    before.remove()
    return Refreshed(run, diff, reused, work, tuple(published))


def _work(run: Run, reused: Mapping[str, bool]) -> dict[str, int]:
    notes = {name: run.manifest.stages[name].notes for name in ("translate", "rescue")}
    strategies = notes["rescue"].get("rungs", {}).values()
    translated = {
        "translate": notes["translate"]["translated"],
        "rescue": sum(cost["translated"] for cost in strategies),
    }
    return {name: 0 if reused[name] else number for name, number in translated.items()}


def _publish_options(run: Run, diff: Diff) -> Callable[[], PublishOptions] | None:
    """Check the license now; the returned function gives the options once training has finished."""
    target = run.recipe.refresh.target
    if target is None:
        return None
    from mlc_data.publish.dataset import LicenseRequest, data_parts
    from mlc_data.publish.publication import PublishOptions

    request = LicenseRequest(target.licence)
    request.decide(data_parts(run.recipe, run.manifest))

    def options() -> PublishOptions:
        trained = "align" in run.manifest.stages
        if target.checkpoint and not trained:
            log.info(
                "refresh: the checkpoint is not published, because it was trained on other sets"
            )
        return PublishOptions(
            target.repo,
            target.private,
            target.gated,
            request,
            checkpoint=target.checkpoint and trained,
            changes=in_markdown(diff),
        )

    return options


def push_to_hub(run: Run, options: PublishOptions) -> list[str]:
    """Publish a run to the Hub; return ``address@revision`` of each repository."""
    from mlc_data.publish.publication import to_hub

    return [f"{pushed.url}@{pushed.revision}" for pushed in to_hub(run, options)]
