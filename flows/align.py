"""Flow `align`: variant sets to an aligned checkpoint and its held-out measures."""

from __future__ import annotations

from prefect import flow

from mlc_data.stages import TRAINING

from .common import main, prepare, run_name, run_tasks
from .parameters import Folder, Override, RecipeName, TrainingName


@flow(name="align", flow_run_name=run_name)
def align(
    recipe: RecipeName = "",
    run_dir: Folder | None = None,
    overrides: list[Override] | None = None,
    name: TrainingName | None = None,
) -> str:
    """Train and evaluate on a run whose variant sets are built; return the run's folder.

    Args:
        recipe: a shipped recipe's name or a YAML file; empty continues the run in ``run_dir``,
            or without one means ``quickstart``.
        run_dir: the run's folder; default ``runs/<recipe name>``.
        overrides: ``dotted.key=value`` each.
        name: name of one of several trainings on the same variant sets.
    """
    return run_tasks(prepare(recipe, run_dir, overrides, TRAINING, name), TRAINING)


if __name__ == "__main__":
    main(align, __doc__)
