"""Metadata of a checkpoint's card: lists of licenses, and no folder of this machine."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mlc_data.align.checkpoint import Card, render_card
from mlc_data.core.manifest import ModelRecord


def head(base: str, licence: str) -> dict[str, Any]:
    card = Card(
        name="mine", recipe_hash="0", seed=1,
        base=ModelRecord(id=base, revision="r", licence=licence), content_hash={"sets": "1"},
        languages=["eng_Latn", "spa_Latn"], settings={"method": "dpo", "model": base},
        prompt_format="chat", training={"steps": 1}, versions={"mlc-data": "0"},
    )  # fmt: skip
    read: dict[str, Any] = yaml.safe_load(render_card(card).split("---\n")[1])
    return read


@pytest.mark.parametrize("base", ["/home/somebody/base", "./base", "package://smollm2/model.gguf"])
def test_a_base_that_is_not_on_the_hub_is_not_in_the_metadata(base: str) -> None:
    assert "base_model" not in head(base, "MIT")


def test_a_base_on_the_hub_is() -> None:
    assert head("org/base", "MIT")["base_model"] == "org/base"


@pytest.mark.parametrize(
    ("licence", "written"),
    [("MIT", "mit"), ("Apache-2.0 AND MIT", ["apache-2.0", "mit"]), ("gemma", "gemma")],
)
def test_several_licenses_are_a_list(licence: str, written: str | list[str]) -> None:
    assert head("org/base", licence)["license"] == written
