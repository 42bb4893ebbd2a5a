from pathlib import Path
from typing import Any

import pytest

from mlc_data.errors import RecipeError
from mlc_data.recipe.base import ByLanguage
from mlc_data.recipe.loading import (
    RENAMED,
    apply_override,
    dump_recipe,
    load_recipe,
    parse_recipe,
    shipped_recipes,
)
from mlc_data.recipe.recipe import Recipe

PAPER = {
    "eng_Latn", "zho_Hans", "rus_Cyrl", "jpn_Jpan", "arb_Arab",
    "ben_Beng", "swh_Latn", "urd_Arab", "pbt_Arab", "kmr_Latn",
}  # fmt: skip


def test_a_bare_threshold_holds_for_every_language_also_when_read_back(tmp_path: Path) -> None:
    recipe = load_recipe("quickstart", ["checks.length.max_ratio=3"])
    written = tmp_path / "recipe.yaml"
    written.write_text(dump_recipe(recipe))
    for one in (recipe, load_recipe(str(written))):
        assert one.checks.length.max_ratio.get("zho_Hans") == 3
        assert one.hash == recipe.hash


def test_the_recipes_are_shipped() -> None:
    names = {
        "quickstart",
        "quickstart-effect",
        "demo-1gpu",
        "recommended-qwen2.5-7b",
        "recommended-qwen2.5-1.5b",
    }
    assert names | {"paper-nllb-600m", "paper-nllb-3.3b"} <= set(shipped_recipes())


@pytest.mark.parametrize(("former", "name"), RENAMED.items())
def test_a_former_name_still_works_and_says_the_new_one(
    former: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_recipe(former).name == name
    assert f"it is called {name} now" in caplog.text


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_shipped_recipe_is_valid_and_survives_being_written_out(
    name: str, tmp_path: Path
) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    written = tmp_path / "recipe.yaml"
    written.write_text(dump_recipe(recipe))
    again = load_recipe(str(written))
    assert again == recipe
    assert again.hash == recipe.hash


@pytest.mark.parametrize("name", ["paper-nllb-600m", "paper-nllb-3.3b"])
def test_nllb_recipes_have_the_papers_languages_and_released_settings(name: str) -> None:
    recipe = load_recipe(name)
    assert {recipe.languages.source, *recipe.languages.targets} == PAPER
    loss = recipe.align.loss
    assert (loss.temperature, loss.weight, loss.every, loss.dimensions) == (0.2, 0.8, 2, 512)
    assert (recipe.align.beta, recipe.align.learning_rate, recipe.align.epochs) == (0.1, 6e-7, 3)
    assert (loss.layer, loss.separation, recipe.align.lora) == (-1, 0, None)
    assert (recipe.align.weights, recipe.align.processes, recipe.align.sharding) == (
        "float32",
        8,
        "fsdp",
    )
    assert recipe.translate.licence == "CC-BY-NC-4.0"


@pytest.mark.parametrize(
    "name", [each for each in shipped_recipes() if "recommended" in each or "demo" in each]
)
def test_recommended_recipes_have_what_was_measured_to_work(name: str) -> None:
    align = load_recipe(name).align
    assert align.lora is not None
    assert align.lora.r >= 16
    assert (align.loss.layer, align.loss.center) == ("auto", "running_mean")
    assert align.loss.separation > 0
    assert align.learning_rate >= 1e-5
    assert (align.processes, align.sharding) == (1, "none")


@pytest.mark.parametrize("name", [each for each in shipped_recipes() if each != "quickstart"])
def test_the_head_of_a_recipe_says_what_it_needs_and_how_it_is_run(name: str) -> None:
    head = [
        line for line in shipped_recipes()[name].read_text().splitlines() if line.startswith("#")
    ]
    words = [line.split()[1] for line in head if len(line.split()) > 1]
    assert {
        "Needs",
        "GPU",
        "memory",
        "hours",
        "disk",
        "licences",
        "Fetch",
        "Run",
        "Override",
    } <= set(words)
    commands = [line for line in head if f"mlc-data run {name} --set" in line]
    for command in commands:
        load_recipe(name, [each.strip() for each in command.split("--set")[1:]])


def test_the_permissive_recipe_asks_only_for_languages_of_its_model() -> None:
    from mlc_data.translate.engines.families.m2m100 import TOKENS

    recipe = load_recipe("recommended-qwen2.5-7b-m2m100")
    assert {recipe.languages.source, *recipe.languages.targets} == (PAPER & set(TOKENS))
    assert recipe.translate.family == "m2m100"


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("align.loss.temperature=0.3", 0.3),
        ("align.loss.form=plain", "plain"),
        ("align.lora={r: 4}", 4),
        ("sets.completeness=all", "all"),
        ("checks.script.min_share.swh_Latn=0.9", 0.9),
    ],
)
def test_any_key_can_be_overridden(override: str, value: object) -> None:
    recipe = load_recipe("quickstart", [override])
    found: Any = recipe
    for part in override.partition("=")[0].split("."):
        found = found.get(part) if isinstance(found, ByLanguage) else getattr(found, part)
    assert (found.r if override.startswith("align.lora") else found) == value
    assert recipe.hash != load_recipe("quickstart").hash


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("align.loss.temprature=0.3", "align.loss.temprature: unknown key; did you mean 'temp"),
        ("traslate.model=x", "traslate: unknown key; did you mean 'translate'?"),
        ("sources.prompts.pth=x", "did you mean 'path'?"),
        ("align.loss.temperature=0", "align.loss.temperature: Input should be greater than 0"),
        ("align.loss.form=other", "'rescaled' or 'plain'"),
        ("languages.targets=[xxx_Xxxx]", "xxx_Xxxx"),
        ("languages.targets=[ku]", "ambiguous"),
        ("languages.targets=[]", "languages.targets"),
        ("languages.targets=[spa_Latn, spa_Latn]", "repeat"),
        ("align.loss.temperature", "--set takes dotted.key=value"),
        ("align.loss.temperature=[", "is not YAML"),
        ("name=a/b", "name"),
        ("checks.length.max_ratio.swa_Latn=1", "swa_Latn"),
        ("sets.completeness={at_least: 8}", "at least 8 languages, but languages.targets has 7"),
    ],
)
def test_a_wrong_override_is_told_with_its_place(override: str, told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("quickstart", [override])
    assert told in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("quickstart", ["align.bta=1", "checks.script.min_shar=1"])
    assert "'beta'" in str(caught.value)
    assert "'min_share'" in str(caught.value)


def test_an_unknown_recipe_names_the_nearest_one() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'quickstart'"):
        load_recipe("quikstart")


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "\x00"])
def test_a_file_that_is_no_mapping_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"bad\.yaml"):
        load_recipe(str(path))


def test_a_path_replaces_a_hub_dataset(small: dict[str, Any]) -> None:
    small["sources"]["prompts"] = {"hub": "some/dataset"}
    apply_override(small, "sources.prompts.path=mine.jsonl")
    assert parse_recipe(small, "test").sources.prompts.hub is None


def test_a_recipe_cannot_be_changed(small: dict[str, Any]) -> None:
    recipe: Recipe = parse_recipe(small, "test")
    with pytest.raises(ValueError, match="frozen"):
        recipe.align.loss.weight = 1.0  # type: ignore[misc]
