"""A recipe that is edited in the run's folder while a flow works: its tasks go on with the one that it began with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import dump_recipe

pytestmark = pytest.mark.integration


def test_a_task_works_with_the_recipe_that_it_was_given(make_run: Callable[..., Run]) -> None:
    from flows.common import stage

    run = make_run([{"prompt": "How do I bake bread?"}])
    edited = run.recipe.model_copy(update={"seed": run.recipe.seed + 1})
    run.path("recipe.yaml").write_text(dump_recipe(edited), encoding="utf-8")
    stage.fn(str(run.folder), "sources", dump_recipe(run.recipe))
    assert run.manifest.recipe_hash == run.recipe.hash
