"""Flow `align`: from variant sets to an aligned checkpoint and its held-out measures."""

from __future__ import annotations

from prefect import flow

from flows.common import main, walk
from mlc_data.stages import ALIGN


@flow(name="align")
def align(recipe: str = "", run_dir: str | None = None, overrides: list[str] | None = None) -> str:
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
