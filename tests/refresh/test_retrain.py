"""When the checkpoint is trained again. Training itself is a stand-in here; `tests/road` has the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from refresh_support import SPREAD, Project, rows_of

from mlc_data.recipe.loading import parse_recipe
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.refresh import Refresh, RefreshPublish
from mlc_data.stages import TRAINING

pytestmark = pytest.mark.integration

Make = Callable[..., Project]


def with_new(made: Project, number: int, changed: int) -> None:
    rows = rows_of(SPREAD[:number])
    for place in range(changed):
        rows[place]["prompt"] = SPREAD[200 + place]
    made.write(rows)


def share(made: Project) -> tuple[float, bool]:
    done = made.refresh()
    assert done.diff is not None
    assert done.trained is done.diff.training.due
    return done.diff.training.share, done.trained


def test_small_changes_add_up_until_the_share_is_reached(project: Make) -> None:
    made = project(rows_of(SPREAD[:20]), refresh={"retrain": {"changed_above": 0.25}})
    made.training = True
    assert share(made) == (1.0, True)
    assert set(TRAINING) <= set(made.did)
    sets = made.run.manifest.counts.sets
    assert sets is not None
    assert sets.kept == 20
    for changed, trained in ((1, False), (2, False), (3, True)):
        with_new(made, 20, changed)
        # A changed prompt is one set gone and one new.
        assert share(made) == (pytest.approx(2 * changed / (20 + changed), abs=1e-6), trained)
        assert ("align" in made.run.manifest.stages) is trained
    with_new(made, 20, 4)
    assert share(made) == (pytest.approx(2 / 21, abs=1e-6), False)


def test_never_trains_nothing(project: Make) -> None:
    made = project(rows_of(SPREAD[:6]))
    made.training = True
    assert share(made) == (1.0, False)
    assert not set(TRAINING) & set(made.did)


def test_always_trains_whenever_sets_have_changed(project: Make) -> None:
    made = project(rows_of(SPREAD[:10]), refresh={"retrain": "always"})
    made.training = True
    assert share(made) == (1.0, True)
    with_new(made, 10, 1)
    assert share(made) == (pytest.approx(2 / 11, abs=1e-6), True)


def test_a_rule_that_is_lowered_holds_at_once(project: Make) -> None:
    made = project(rows_of(SPREAD[:10]), refresh={"retrain": {"changed_above": 0.5}})
    made.training = True
    share(made)
    with_new(made, 10, 1)
    assert share(made) == (pytest.approx(2 / 11, abs=1e-6), False)
    done = made.refresh(refresh={"retrain": {"changed_above": 0.1}})
    assert done.trained
    assert done.diff is not None
    assert done.diff.empty


def test_the_section_is_no_part_of_the_recipe_s_hash(small: dict[str, Any]) -> None:
    def recipe(**settings: Any) -> Recipe:
        return parse_recipe({**small, "refresh": settings}, "test")

    plain = recipe()
    asked = recipe(retrain={"changed_above": 0.1}, publish="org/name")
    assert plain.hash == asked.hash
    assert plain.refresh == Refresh(retrain="never", publish=None)
    assert asked.refresh.target == RefreshPublish(repo="org/name")
