"""Flow `refresh`: bring a run up to date with its recipe's sources, models and settings."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.common import main, stage
from flows.publish import push
from mlc_data.recipe_files import load_recipe
from mlc_data.refresh.refresh import refresh as bring_up_to_date


@flow(name="refresh")
def refresh(
    recipe: str = "", run_dir: str | None = None, overrides: list[str] | None = None
) -> str:
    """Translate what is new, build, tell what changed, train and publish by the recipe's section `refresh`.

    Nothing changed: it ends in seconds. Returns the run's folder; what changed lies in its ``refresh/``.

    Args:
        recipe: a shipped recipe's name or a YAML file; empty goes on with the run in ``run_dir``,
            and without that means ``quickstart``.
        run_dir: the run's folder; default ``runs/<recipe name>``.
        overrides: ``dotted.key=value`` each.
    """
    known = run_dir is not None and (Path(run_dir) / "recipe.yaml").is_file()
    done = bring_up_to_date(
        load_recipe(recipe or (str(run_dir) if known else "quickstart"), overrides or ()),
        Path(run_dir) if run_dir else None,
        do_stage=lambda run, name: stage(str(run.folder), name),
        push=lambda run, order: push(str(run.folder), order.repo, order),
    )
    return str(done.run.folder)


if __name__ == "__main__":
    main(refresh, __doc__)
