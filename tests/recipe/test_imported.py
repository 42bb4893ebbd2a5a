"""Section ``translate.import`` of a recipe."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mlc_data.errors import RecipeError
from mlc_data.recipe.loading import dump_recipe, load_recipe, parse_recipe

PATH = "translate.import.path=a.csv"


def test_it_is_read_back_as_it_was_written() -> None:
    recipe = load_recipe("quickstart", [PATH, "translate.import.wide.swh_Latn=sw"])
    assert parse_recipe(yaml.safe_load(dump_recipe(recipe)), "again") == recipe


def test_a_recipe_without_it_keeps_its_form() -> None:
    written: dict[str, Any] = yaml.safe_load(dump_recipe(load_recipe("quickstart")))
    assert not {"import", "imported"} & written["translate"].keys()


def test_it_needs_no_engine() -> None:
    recipe = load_recipe("quickstart", [PATH, "translate.model=null"])
    assert not recipe.translate.has_engine
    assert recipe.translate.locations == ()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["translate.model=null"], "or a file in `import`"),
        ([PATH, "translate.import.widde={}"], "import.widde: unknown key; did you mean 'wide'"),
        ([PATH, "translate.imported=1"], "imported: unknown key; did you mean 'import'"),
        ([PATH, "translate.import.wide.zh=a"], "'zh' is ambiguous"),
        ([PATH, "translate.import.language=qq"], "'qq' is not a FLORES-200 code"),
        ([PATH, "translate.import.wide={}"], "at least 1"),
        (
            [PATH, "translate.import.language=swh_Latn", "translate.import.wide.deu_Latn=de"],
            "name one",
        ),
        (
            [PATH, "translate.import.wide={swh_Latn: a, deu_Latn: a}"],
            "the column a for several languages",
        ),
    ],
)
def test_a_wrong_section_is_explained(overrides: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe("quickstart", overrides)
