"""Shared by the flows: a task for each stage, the run's folder, and errors in one line."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from prefect import tags, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from yaml import safe_load

from mlc_data.core import progress
from mlc_data.core.console import set_up
from mlc_data.errors import MlcDataError, refused_access
from mlc_data.execute import preflight, run_stage
from mlc_data.pipeline import sharding
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import (
    apply_overrides,
    dump_recipe,
    load_recipe,
    parse_recipe,
    shipped_recipes,
)
from mlc_data.recipe.recipe import Recipe
from mlc_data.report.page import bring_up_to_date

from . import artifacts, runners
from .lost_server import lost_server_explained

TAG = "mlc-data"
"""Tag of every run of our deployments and of its subflows: the heartbeat automation selects by it."""


_opened: ContextVar[Run | None] = ContextVar("opened", default=None)


@contextmanager
def opened(run: Run) -> Iterator[None]:
    """Let subflows work on a run that has been checked already."""
    token = _opened.set(run)
    try:
        yield
    finally:
        _opened.reset(token)


def run_name() -> str:
    """Return the name of a flow run: its recipe, or else its run's folder."""
    given = flow_run.get_parameters()
    known = given.get("recipe") or given.get("run_dir") or "quickstart"
    training = given.get("name")
    name = Path(str(known)).name.removesuffix(".yaml").removesuffix(".yml")
    return f"{name} {training}" if training else name


@task(task_run_name="{name}", cache_policy=NO_CACHE)
def stage(run_dir: str, name: str, recipe: str, training: str | None = None) -> bool:
    """Run one stage of the run in ``run_dir``; return whether it was reused.

    The recipe comes along as YAML: a file that is edited meanwhile changes nothing. The stage itself decides by its key whether it is done, so Prefect's cache is not used. The recipe's runner
    does the shards of a stage, one task each.
    """
    run = Run.of(parse_recipe(safe_load(recipe), run_dir), Path(run_dir), training)
    workers = runners.InTasks(run.recipe.runner)
    with progress.also_to(artifacts.ProgressInUi()), sharding.using(workers), tags(TAG):
        return run_stage(run, name)


def load(recipe: str, run_dir: str | None, overrides: list[str] | None) -> Recipe:
    """Return the recipe that a flow's parameters mean."""
    known = run_dir is not None and (Path(run_dir) / "recipe.yaml").is_file()
    return load_recipe(recipe or (str(run_dir) if known else "quickstart"), overrides or ())


def prepare(
    recipe: str,
    run_dir: str | None,
    overrides: list[str] | None,
    stages: Sequence[str],
    name: str | None = None,
) -> Run:
    """Return the run to work on, after checking that everything that ``stages`` need exists."""
    run = _opened.get()
    if run is not None and run_dir == str(run.folder):
        return run
    if run_dir and name and not recipe and (Path(run_dir) / "recipe.yaml").is_file():
        known = Run.open(Path(run_dir), name).recipe
        loaded = parse_recipe(
            apply_overrides(known.model_dump(mode="json"), overrides or ()), run_dir
        )
    else:
        loaded = load(recipe, run_dir, overrides)
    runners.check(loaded)
    run = Run.of(loaded, Path(run_dir) if run_dir else None, name)
    run.check_folder()
    preflight(run, stages)
    run.prepare_folder()
    return run


def run_tasks(run: Run, stages: Sequence[str]) -> str:
    """Run ``stages`` one after another, one task each; return the run's folder."""
    with run.held():
        for name in stages:
            run_as_task(run, name)
    # Within `build_and_align` the whole run is shown once, on the page of the run that was started.
    if _opened.get() is None:
        finish(run)
    return str(run.folder)


def run_as_task(run: Run, name: str) -> bool:
    """Run one stage as a task; return whether it was reused."""
    return stage(str(run.folder), name, dump_recipe(run.recipe), run.training)


def finish(run: Run) -> None:
    """Write the run's report and show its figures in the UI; a flow does so once its stages are done."""
    bring_up_to_date(run)
    artifacts.show(run)


class _Expected(logging.Filter):
    """Log errors that a user can act on once, as one line, without a traceback."""

    logged: str | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, MlcDataError):
            if str(error) == self.logged:
                return False
            self.logged = str(error)
            record.msg, record.args = "%s", (self.logged,)
            record.exc_info = record.exc_text = None
        elif self.logged and self.logged in str(record.msg):
            record.msg = str(record.msg).partition("(")[0]  # "Finished in state Failed"
        return True


_once = _Expected()
for _name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(_once)


def main(flow: Callable[..., Any], description: str | None) -> None:
    """Run a flow in this process: ``python -m mlc_data.flows.<flow> --recipe quickstart``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--recipe", default="", help="a shipped recipe's name or a YAML file")
    parser.add_argument("--run-dir", help="the run's folder; default runs/<recipe name>")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
        help="override any key of the recipe; repeatable",
    )  # fmt: skip
    chosen = parser.parse_args()
    with errors_shown():
        # Checked first, for our own error message: Prefect would check only the parameters' types.
        runners.check(load(chosen.recipe, chosen.run_dir, chosen.overrides))
        recipe = chosen.recipe
        if recipe and recipe not in shipped_recipes():
            recipe = str(Path(recipe).expanduser().absolute())
        flow(recipe=recipe, run_dir=chosen.run_dir, overrides=chosen.overrides)


@contextmanager
def errors_shown() -> Iterator[None]:
    """Set up the console for a flow that is run here and now; leave with one line where it fails."""
    set_up(quiet=False)
    try:
        with lost_server_explained():
            yield
    except MlcDataError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        if (refused := refused_access(error)) is None:
            raise
        sys.stderr.write(f"Error: {refused}\n")
        sys.exit(refused.exit_code)
