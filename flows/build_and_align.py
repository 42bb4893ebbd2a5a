"""Flow `build-and-align`: the whole pipeline, from English prompts to an aligned checkpoint."""

from __future__ import annotations

from prefect import flow, tags

from mlc_data.stages import NAMES

from .align import align
from .build_variants import build_variants
from .common import TAG, finish, main, opened, prepare, run_name
from .parameters import Folder, Override, RecipeName, TrainingName


@flow(name="build-and-align", flow_run_name=run_name)
def build_and_align(
    recipe: RecipeName = "",
    run_dir: Folder | None = None,
    overrides: list[Override] | None = None,
    name: TrainingName | None = None,
) -> str:
    """Build variant sets, align, evaluate; finished stages are reused. Return the run's folder.

    Args:
        recipe: a shipped recipe's name or a YAML file; empty continues the run in ``run_dir``,
            or without one means ``quickstart``.
        run_dir: the run's folder; default ``runs/<recipe name>``.
        overrides: ``dotted.key=value`` each.
        name: name of one of several trainings on the same variant sets.
    """
    run = prepare(recipe, run_dir, overrides, NAMES, name)
    # Subflows do not inherit a deployment's tags, which the heartbeat automation needs.
    with run.held(), tags(TAG), opened(run):
        build_variants(run_dir=str(run.folder))
        align(run_dir=str(run.folder), name=name)
    finish(run)
    return str(run.folder)


if __name__ == "__main__":
    main(build_and_align, __doc__)
