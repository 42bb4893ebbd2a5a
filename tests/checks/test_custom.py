"""Checks of the user's: named in a recipe, validated, scored, decided."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import polars as pl
import pytest

from mlc_data.checks import (
    CHECKS,
    ByLanguage,
    Check,
    CheckSection,
    at_most,
    by_language,
    load_check,
)
from mlc_data.checks.scoring import build_checks, check_versions, reasons, score_rows, scored_by
from mlc_data.core import plugins
from mlc_data.errors import MlcDataError, RecipeError, UsageError
from mlc_data.recipe.loading import dump_recipe, load_recipe, parse_recipe
from mlc_data.recipe.recipe import Recipe
from mlc_data.schemas import recipe_schema

Rows = Callable[..., pl.DataFrame]


class ShoutingSection(CheckSection):
    """Exclamation marks."""

    max_marks: ByLanguage = by_language(0)
    """Greatest number of marks."""
    marks: str = "!"
    """Characters that count."""


class Shouting(Check):
    """Exclamation marks of a variant."""

    name = "shouting"
    version: ClassVar[int] = 3
    section = ShoutingSection
    scores = ("shouting_marks",)
    limits = (at_most("shouting_marks", "max_marks", loosest=3.0),)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``shouting_marks``."""
        return rows.select(
            shouting_marks=pl.col("text").str.count_matches(f"[{self.settings.marks}]")
        )


class Scoreless(Check):
    name = "scoreless"


class Script(Shouting):
    name = "script"


class Misnamed(Shouting):
    name = "misnamed"


class Unbounded(Shouting):
    limits = (at_most("shouting_marks", "max_volume"), at_most("shouting_noise", "max_marks"))


class Short(Shouting):
    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        return super().score(rows).head(1)


class Infinite(Shouting):
    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(shouting_marks=pl.col("text").str.len_chars() / 0)


@pytest.fixture(autouse=True)
def as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """This file can be imported as ``custom_checks``."""
    monkeypatch.setitem(sys.modules, "custom_checks", sys.modules[__name__])


def recipe_with(small: dict[str, Any], **settings: Any) -> Recipe:
    small["checks"] = {"custom": {"shouting": {"use": "custom_checks:Shouting", **settings}}}
    return parse_recipe(small, "test")


def test_scores_and_reasons(small: dict[str, Any], rows: Rows) -> None:
    checks = build_checks(recipe_with(small, max_marks={"swh_Latn": 1}), ())
    table = rows(("Help", "Help!!", "spa_Latn"), ("Help", "Saidia!", "swh_Latn"))
    custom = [check for check in checks if isinstance(check, Shouting)]
    assert checks[-1] is custom[0]
    scored = score_rows(custom, table)
    assert scored["shouting_marks"].to_list() == [2.0, 1.0]
    assert scored.select(given=reasons(custom))["given"].to_list() == [["shouting"], []]


def test_version_and_settings_are_part_of_the_keys(small: dict[str, Any]) -> None:
    checks = build_checks(recipe_with(small, max_marks=2), ())
    assert check_versions(checks)["shouting"] == 3
    assert check_versions(checks)["length"] == 1
    assert scored_by(checks) == {"shouting": {"marks": "!"}}


def test_a_recipe_is_written_and_read_again(small: dict[str, Any], tmp_path: Path) -> None:
    recipe = recipe_with(small, max_marks=2)
    file = tmp_path / "recipe.yaml"
    file.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(str(file)) == recipe
    again = load_recipe(str(file), ["checks.custom.shouting.max_marks=5"])
    assert again.checks.custom["shouting"].max_marks.get("swh_Latn") == 5  # type: ignore[attr-defined]
    assert again.hash != recipe.hash


def test_a_recipe_without_custom_checks_does_not_mention_them(small: dict[str, Any]) -> None:
    assert "custom" not in parse_recipe(small, "test").model_dump()["checks"]


def test_unknown_keys_are_refused_with_the_nearest(small: dict[str, Any]) -> None:
    words = r"checks\.custom\.shouting\.max_mark: unknown key; did you mean 'max_marks'"
    with pytest.raises(RecipeError, match=words):
        recipe_with(small, max_mark=1)


def test_the_printed_schema_has_its_section(small: dict[str, Any]) -> None:
    recipe = recipe_with(small)
    schema = recipe_schema(recipe)
    section = schema["$defs"]["Checks"]["properties"]["custom"]["properties"]["shouting"]
    assert section["properties"]["max_marks"]["description"] == "Greatest number of marks."
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(recipe.model_dump(mode="json"), schema)


def test_its_thresholds_can_be_calibrated(small: dict[str, Any]) -> None:
    keys = [each.key for each in recipe_with(small).checks.thresholds() if each.limit.calibrated]
    assert keys[-1] == "checks.custom.shouting.max_marks"


def test_a_check_of_an_installed_package(
    small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    points = EntryPoints([EntryPoint("shouting", "custom_checks:Shouting", plugins.CHECKS)])
    monkeypatch.setattr(plugins, "entry_points", points.select)
    small["checks"] = {"custom": {"shouting": None}}
    assert isinstance(build_checks(parse_recipe(small, "test"), ())[-1], Shouting)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Scoreless", "it lacks scores, limits, score"),
        ("Script", "a built-in check has the name 'script'"),
        ("Misnamed", "must be named misnamed_<measure>, not shouting_marks"),
        ("Unbounded", "'max_volume', which its section does not have; .* 'shouting_noise'"),
        ("ShoutingSection", "is not a Check: it does not derive from Check"),
    ],
)
def test_incomplete_checks_are_refused(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_check(f"custom_checks:{name}")


def test_its_section_has_to_have_its_name(small: dict[str, Any]) -> None:
    small["checks"] = {"custom": {"loud": {"use": "custom_checks:Shouting"}}}
    with pytest.raises(RecipeError, match="has the name 'shouting', not 'loud'"):
        parse_recipe(small, "test")


@pytest.mark.parametrize("section", [3, {"use": 3}, {"max_marks": 1}])
def test_a_section_without_a_class_is_refused(small: dict[str, Any], section: Any) -> None:
    small["checks"] = {"custom": {"loud": section}}
    with pytest.raises(RecipeError, match=r"use: module:Class|no installed package offers 'loud'"):
        parse_recipe(small, "test")


@pytest.mark.parametrize(
    ("check", "words"), [(Short(), "1 rows .* for 2 rows"), (Infinite(), "not a finite number")]
)
def test_wrong_scores_are_refused(check: Check, words: str, rows: Rows) -> None:
    table = rows(("a", "b", "swh_Latn"), ("c", "d", "swh_Latn"))
    with pytest.raises(MlcDataError, match=words):
        score_rows([check], table)


def test_built_in_checks_are_complete_and_versioned() -> None:
    assert all(isinstance(check.version, int) for check in CHECKS)
    assert len({check.name for check in CHECKS}) == len(CHECKS) == 13
