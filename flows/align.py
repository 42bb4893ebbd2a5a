"""Flow `align`: from variant sets to an aligned checkpoint and its held-out measures."""

from __future__ import annotations

from prefect import flow

from flows.common import main, walk
from flows.parameters import Folder, Override, RecipeName
from mlc_data.stages import ALIGN


@flow(name="align")
def align(
    recipe: RecipeName = "", run_dir: Folder | None = None, overrides: list[Override] | None = None
) -> str:
    """Train and evaluate on a run whose variant sets are built; returns the run's folder.

    Args:
        recipe: a shipped recipe's name or a YAML file; empty goes on with the run in ``run_dir``,
            and without that means ``quickstart``.
        run_dir: the run's folder; default ``runs/<recipe name>``.
        overrides: ``dotted.key=value`` each.
    """
    return walk(recipe, run_dir, overrides, ALIGN)


if __name__ == "__main__":
    main(align, __doc__)
