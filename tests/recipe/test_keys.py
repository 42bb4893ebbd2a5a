"""`mlc-data recipes explain`: every key of a recipe is explained."""

from __future__ import annotations

import pytest

from mlc_data.errors import UsageError
from mlc_data.recipe.keys import all_keys, recipe_key


def test_a_value_has_meaning_type_default_and_bounds() -> None:
    key = recipe_key("align.loss.temperature")
    assert key.meaning.startswith("tau:")
    assert (key.type, key.default, key.allowed) == ("number", "0.2", "> 0")


def test_a_choice_lists_its_values() -> None:
    assert recipe_key("align.method").allowed == "dpo, sft, orpo, simpo, kto"


def test_a_section_lists_its_keys() -> None:
    assert "weight" in recipe_key("align.loss").keys


def test_a_key_without_a_default_is_required() -> None:
    assert recipe_key("align.model").required


@pytest.mark.parametrize(
    ("key", "default"),
    [("checks.round_trip.min_chrf.swh_Latn", "35.0"), ("checks.length.max_ratio.zho_Hans", "1.2")],
)
def test_an_entry_by_language_means_what_the_mapping_means(key: str, default: str) -> None:
    found = recipe_key(key)
    assert found.meaning == recipe_key(key.rpartition(".")[0]).meaning
    assert found.default == default


def test_every_key_has_a_meaning() -> None:
    keys = list(all_keys())
    assert len(keys) > 200
    assert [key for key in keys if not recipe_key(key).meaning] == []


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("align.los", "align.loss"), ("temperature", "align.loss.temperature"), ("aling", "align")],
)
def test_an_unknown_key_names_the_nearest(wrong: str, hint: str) -> None:
    with pytest.raises(UsageError, match=rf"did you mean {hint}\?"):
        recipe_key(wrong)
