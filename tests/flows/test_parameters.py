"""The forms of the flows: what a server refuses, by the JSON Schema that a deployment carries."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest
from mlc_data.flows.parameters import IN_WORDS
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import is_valid

from mlc_data.recipe.loading import shipped_recipes


def schema(name: str) -> dict[str, Any]:
    flow = getattr(importlib.import_module(f"flows.{name}"), name)
    made: dict[str, Any] = parameter_schema(flow).model_dump_for_openapi()
    return made


WALKS = ("build_variants", "align", "build_and_align", "refresh")
GOOD: list[dict[str, Any]] = [
    {},
    {"recipe": ""},
    *({"recipe": name} for name in shipped_recipes()),
    {"recipe": "mine.yaml"},
    {"recipe": "mine.yml"},
    {"recipe": "./mine"},
    {"recipe": "/data/runs/first"},
    {"run_dir": None, "overrides": None},
    {"run_dir": "runs/mine", "overrides": []},
    {"overrides": ["align.loss.weight=0.3", "seed=1", "sets.completeness={at_least: 3}"]},
    {"overrides": ["checks.round_trip.min_chrf.swh_Latn=30", "translate.cache="]},
    {"overrides": ["sources.prompts.columns.prompt=a = b\nc"]},
]
BAD: list[dict[str, Any]] = [
    {"recipe": "quikstart"},
    {"recipe": "Quickstart"},
    {"recipe": "quickstart "},
    {"recipe": None},
    {"recipe": 3},
    {"recipe": "mineXyaml"},
    {"run_dir": ""},
    {"run_dir": 1},
    {"overrides": "align.loss.weight=0.3"},
    {"overrides": ["align.loss.weight"]},
    {"overrides": ["=1"]},
    {"overrides": ["algin.loss.weight=1"]},
    {"overrides": ["align..weight=1"]},
    {"overrides": ["--set align.loss.weight=1"]},
    {"overrides": [{"align": 1}]},
]


@pytest.mark.parametrize("flow", WALKS)
def test_forms_take_what_is_right_and_refuse_what_is_not(flow: str) -> None:
    own = schema(flow)
    for given in GOOD:
        assert is_valid(given, own), given
    for given in BAD:
        assert not is_valid(given, own), given


def test_what_is_published_where_is_checked() -> None:
    own = schema("publish")
    right = {"run_dir": "runs/mine", "repo": "org/name"}
    for more in ({}, {"declared": {"prompts": "CC-BY-4.0"}}, {"licence": "Apache-2.0"}):
        assert is_valid({**right, **more}, own)
    for wrong in (
        {"repo": "name"},
        {"repo": "org/name/more"},
        {"declared": {"prompt": "CC-BY-4.0"}},
        {"declared": {"prompts": "CC BY"}},
        {"private": "perhaps"},
        {"run_dir": ""},
    ):
        assert not is_valid({**right, **wrong}, own), wrong
    assert not is_valid({"run_dir": "runs/mine"}, own)


@pytest.mark.parametrize("flow", [*WALKS, "publish"])
def test_every_field_of_a_form_says_what_it_is(flow: str) -> None:
    for name, field in schema(flow)["properties"].items():
        assert field["description"], name


def test_patterns_are_read_alike_everywhere() -> None:
    for pattern in IN_WORDS:
        # JavaScript refuses other escapes in its Unicode mode, Rust knows no look-around.
        assert set(re.findall(r"\\(.)", pattern)) <= {"s", "S", "."}
        assert "(?" not in pattern
