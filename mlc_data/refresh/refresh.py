"""The refresh itself: put the state aside, build, compare, train if the rule says so, publish if asked to."""

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
from mlc_data.refresh.compare import compare, remember_training
from mlc_data.refresh.record import Diff
from mlc_data.stages import BUILD, TRAINING

if TYPE_CHECKING:
    from mlc_data.publish.publication import Order

log = logging.getLogger(__name__)

DoStage = Callable[[Run, str], bool]
"""Does one stage; returns whether it was reused."""

Push = Callable[[Run, "Order"], list[str]]
"""Publishes; returns ``address@revision`` of each repository."""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did.

    Attributes:
        run: the run.
        diff: what changed; None where nothing had, so that nothing was touched.
        reused: by stage, whether it was reused.
        work: sentences that the stages ``translate`` and ``rescue`` had translated just now.
        published: ``address@revision`` of each repository.
    """

    run: Run
    diff: Diff | None = None
    reused: Mapping[str, bool] = field(default_factory=dict)
    work: Mapping[str, int] = field(default_factory=dict)
    published: tuple[str, ...] = ()

    @property
    def trained(self) -> bool:
        """Whether the checkpoint was trained again."""
        return self.reused.get("align") is False

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
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
    do_stage: DoStage = run_stage,
    push: Push | None = None,
) -> Refreshed:
    """Bring a run up to date with its recipe, and tell what changed. A folder without a run is built anew.

    Where nothing has changed, nothing is touched. A refresh that was stopped or killed goes on when it is
    called again, and ends with the same diff.

    Args:
        recipe: as it is now.
        folder: the run's folder; default ``runs/<recipe name>``.
        do_stage: does a stage.
        push: publishes; by default to the Hub.

    Raises:
        UsageError: something that the stages need is missing, or the recipe keeps no translation cache.
        LicenceError: the data may not be published as the recipe asks; told before anything is trained.
        MlcDataError: see the stages and `mlc_data.publish.publication.to_hub`.
    """
    run = Run.of(recipe, folder)
    _check(run)
    known = run.path("recipe.yaml").is_file()
    if not known:
        run.prepare_folder()
    with run.locked():
        waiting = snapshot.find(run)
        if waiting is None and known and _unchanged(run):
            log.info("refresh: nothing has changed")
            return Refreshed(run)
        if waiting is not None:
            log.info("refresh: going on with one that has not ended")
        before = waiting or snapshot.take(run)
        run.prepare_folder(other_sources=True)
        return _go_on(run, before, do_stage, push)


def _check(run: Run) -> None:
    recipe = run.recipe
    trains = recipe.refresh.retrain != "never"
    preflight(run, BUILD + TRAINING if trains else BUILD)
    if recipe.translate.cache is None:
        raise UsageError(
            "translate.cache is null, so every prompt would be translated again: a refresh takes what "
            "was translated before from the cache. Name a folder, or `auto`"
        )
    if (target := recipe.refresh.target) is not None:
        from mlc_data.publish.hub import Target

        Target(target.repo)


def _unchanged(run: Run) -> bool:
    written = run.path("recipe.yaml").read_text(encoding="utf-8")
    if written != dump_recipe(run.recipe):
        return False
    stages = BUILD + TRAINING if run.recipe.refresh.retrain == "always" else BUILD
    pending = first_pending(run, stages)
    if pending is not None:
        log.info("refresh: the stage %r is to be done again", pending)
    return pending is None


def _go_on(run: Run, before: snapshot.Snapshot, do_stage: DoStage, push: Push | None) -> Refreshed:
    reused = {name: do_stage(run, name) for name in BUILD}
    work = _work(run, reused)
    diff = compare(before, run)
    order = _order(run, diff)
    if diff.training.due:
        reused |= {name: do_stage(run, name) for name in TRAINING}
    elif isinstance(run.recipe.refresh.retrain, ChangedAbove):
        log.info(
            "refresh: not trained again: since the last training %.1f %% of the sets have changed, and the "
            "rule is %s", 100 * diff.training.share, diff.training.rule,
        )  # fmt: skip
    remember_training(run)
    published = (push or _to_hub)(run, order()) if order else []
    before.remove()
    return Refreshed(run, diff, reused, work, tuple(published))


def _work(run: Run, reused: Mapping[str, bool]) -> dict[str, int]:
    notes = {name: run.manifest.stages[name].notes for name in ("translate", "rescue")}
    rungs = notes["rescue"].get("rungs", {}).values()
    found = {
        "translate": notes["translate"]["translated"],
        "rescue": sum(cost["translated"] for cost in rungs),
    }
    return {name: 0 if reused[name] else number for name, number in found.items()}


def _order(run: Run, diff: Diff) -> Callable[[], Order] | None:
    """What is to be published, once its licence is found to be allowed; made when all is trained."""
    target = run.recipe.refresh.target
    if target is None:
        return None
    from mlc_data.publish.dataset import Wishes, data_parts
    from mlc_data.publish.publication import Order

    wishes = Wishes(target.licence)
    wishes.grant(data_parts(run.recipe, run.manifest))

    def order() -> Order:
        trained = "align" in run.manifest.stages
        if target.checkpoint and not trained:
            log.info("refresh: the checkpoint is not published, for it was trained on other sets")
        return Order(
            target.repo,
            target.private,
            target.gated,
            wishes,
            checkpoint=target.checkpoint and trained,
            changes=in_markdown(diff),
        )

    return order


def _to_hub(run: Run, order: Order) -> list[str]:
    from mlc_data.publish.publication import to_hub

    return [f"{one.url}@{one.revision}" for one in to_hub(run, order)]
