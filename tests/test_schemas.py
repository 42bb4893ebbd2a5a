from pathlib import Path

import jsonschema
import pytest

from mlc_data.recipe.loading import load_recipe, shipped_recipes
from mlc_data.schemas import build, differing, write

REPOSITORY = Path(__file__).parent.parent


def test_the_files_are_what_the_code_says() -> None:
    assert differing(REPOSITORY / "schemas") == []


def test_a_changed_missing_or_superfluous_file_is_found(tmp_path: Path) -> None:
    write(tmp_path)
    assert differing(tmp_path) == []
    (tmp_path / "extra.json").write_text("{}")
    (tmp_path / "prompt.schema.json").write_text("{}")
    (tmp_path / "recipe.schema.json").unlink()
    assert differing(tmp_path) == ["extra.json", "prompt.schema.json", "recipe.schema.json"]


@pytest.mark.parametrize("name", sorted(build()))
def test_every_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(build()[name])


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_fit_their_schema(name: str) -> None:
    jsonschema.validate(load_recipe(name).model_dump(mode="json"), build()["recipe"])


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("prompt", {"prompt": None}),
        ("preference", {"prompt": "a", "chosen": "b"}),
        ("variant_set", {"prompt_id": "a", "prompt": "b", "language": "eng_Latn", "missing": [],
                         "variants": [{"language": "swh_Latn"}]}),
        ("recipe", {"name": "x", "surprise": 1}),
    ],
)  # fmt: skip
def test_a_wrong_row_is_refused(name: str, row: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(row, build()[name])
