"""Flow `build-variants`: from English prompts to variant sets."""

from __future__ import annotations

from prefect import flow

from mlc_data.stages import BUILD

from .common import main, prepare, run_name, run_tasks
from .parameters import Folder, Override, RecipeName


@flow(name="build-variants", flow_run_name=run_name)
def build_variants(
    recipe: RecipeName = "", run_dir: Folder | None = None, overrides: list[Override] | None = None
) -> str:
    """Read, translate, check and assemble; return the run's folder.

    Args:
        recipe: a shipped recipe's name or a YAML file; empty continues the run in ``run_dir``,
            or without one means ``quickstart``.
        run_dir: the run's folder; default ``runs/<recipe name>``.
        overrides: ``dotted.key=value`` each.
    """
    return run_tasks(prepare(recipe, run_dir, overrides, BUILD), BUILD)


if __name__ == "__main__":
    main(build_variants, __doc__)
