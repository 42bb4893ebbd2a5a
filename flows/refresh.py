"""Flow `refresh`: bring a run up to date with its recipe's sources, models and settings."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from mlc_data.refresh.card import in_markdown
from mlc_data.refresh.refresh import refresh as bring_up_to_date

from . import artifacts, runners
from .common import finish, load, main, run_as_task, run_name
from .parameters import Folder, Override, RecipeName
from .publish import push


@flow(name="refresh", flow_run_name=run_name)
def refresh(
    recipe: RecipeName = "", run_dir: Folder | None = None, overrides: list[Override] | None = None
) -> str:
    """Translate what is new, build, report what changed, train and publish by the recipe's section `refresh`.

    If nothing changed, it ends in seconds. Return the run's folder; the changes are in its ``refresh/``.

    Args:
        recipe: a shipped recipe's name or a YAML file; empty continues the run in ``run_dir``,
            or without one means ``quickstart``.
        run_dir: the run's folder; default ``runs/<recipe name>``.
        overrides: ``dotted.key=value`` each.
    """
    loaded = load(recipe, run_dir, overrides)
    runners.check(loaded)
    done = bring_up_to_date(
        loaded,
        Path(run_dir) if run_dir else None,
        do_stage=run_as_task,
        push=lambda run, options: push(str(run.folder), options.repo, options),
    )
    if done.diff is not None:
        finish(done.run)
        artifacts.markdown(done.run, "changes", in_markdown(done.diff))
    return str(done.run.folder)


if __name__ == "__main__":
    main(refresh, __doc__)
