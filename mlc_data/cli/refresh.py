"""`mlc-data refresh`: bring a run up to date with what its recipe names, and show what changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlc_data.cli.options import QuietOption, RecipeArgument, RunDirOption, SetOption, WithOption
from mlc_data.core import console
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

if TYPE_CHECKING:
    from mlc_data.publish.publication import PublishOptions

EXAMPLES = (
    "Examples:  mlc-data refresh runs/mine  |  "
    "mlc-data refresh mine.yaml --set refresh.retrain.changed_above=0.1"
)


def refresh(
    recipe: RecipeArgument,
    *,
    set_: SetOption = [],  # noqa: B006 - Typer copies it
    with_: WithOption = [],  # noqa: B006
    run_dir: RunDirOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print what was found and done as JSON, nothing else.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Compare sources, models and settings with the last build, do what is needed, show what changed.

    If nothing changed, it ends in seconds and touches nothing. The recipe's section `refresh` decides about
    training and publishing. After an interruption the same command resumes.
    """
    console.set_up(quiet=quiet or json)
    from mlc_data.refresh.refresh import push_to_hub
    from mlc_data.refresh.refresh import refresh as refresh_run
    from mlc_data.report.page import bring_up_to_date
    from mlc_data.report.refresh import tables

    def push(run: Run, options: PublishOptions) -> list[str]:
        bring_up_to_date(run)
        return push_to_hub(run, options)

    loaded = load_recipe(recipe, set_, with_)
    if run_dir is None and (Path(recipe) / "recipe.yaml").is_file():
        run_dir = Path(recipe)
    done = refresh_run(loaded, run_dir, push=push)
    if done.diff is not None:
        bring_up_to_date(done.run)
    if json:
        console.out.print_json(data=done.as_dict())
        return
    for part in tables(done):
        console.out.print(part, highlight=False, soft_wrap=isinstance(part, str))
