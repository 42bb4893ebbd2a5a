"""Flow `build-and-align`: the whole road, from English prompts to an aligned checkpoint."""

from __future__ import annotations

from prefect import flow, tags

from flows.align import align
from flows.build_variants import build_variants
from flows.common import TAG, main, prepare
from flows.parameters import Folder, Override, RecipeName
from mlc_data.stages import STAGES


@flow(name="build-and-align")
def build_and_align(
    recipe: RecipeName = "", run_dir: Folder | None = None, overrides: list[Override] | None = None
) -> str:
    """Build variant sets, align, evaluate; finished stages are reused. Returns the run's folder.

    Args:
        recipe: a shipped recipe's name or a YAML file; empty goes on with the run in ``run_dir``,
            and without that means ``quickstart``.
        run_dir: the run's folder; default ``runs/<recipe name>``.
        overrides: ``dotted.key=value`` each.
    """
    run = prepare(recipe, run_dir, overrides, STAGES)
    # A deployment's tags are not handed on to the flows within, and the heartbeat automation goes by them.
    with run.locked(), tags(TAG):
        build_variants(run_dir=str(run.folder))
        align(run_dir=str(run.folder))
    return str(run.folder)


if __name__ == "__main__":
    main(build_and_align, __doc__)
