from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mlc_data.errors import ModelError
from mlc_data.evaluate.judges import EndpointJudge, open_judge
from mlc_data.recipe.judges import Classifier, Endpoint, Guard, Judge, RefusalPhrases

JUDGE: TypeAdapter[Any] = TypeAdapter(Judge)
GUARD = {"kind": "guard", "model": "organisation/name", "template": "qwen3guard"}
ENDPOINT = {"kind": "endpoint", "url": "https://host/v1", "model": "m"}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"kind": "refusal-phrases"}, RefusalPhrases),
        (GUARD, Guard),
        ({"kind": "classifier", "model": "a/b", "unsafe_labels": ["toxic"]}, Classifier),
        (ENDPOINT, Endpoint),
    ],
)
def test_kinds(given: dict[str, Any], kind: type) -> None:
    read = JUDGE.validate_python(given)
    assert type(read) is kind
    assert JUDGE.validate_python(read.model_dump(mode="json", exclude_unset=True)) == read


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"kind": "oracle"},
            "`kind` is one of refusal-phrases, guard, classifier, endpoint, or module:Class",
        ),
        ({"kind": "refusal-phrases", "model": "x"}, "Extra inputs"),
        ({**GUARD, "template": "shield"}, "'polyguard', 'qwen3guard' or 'llamaguard'"),
        ({**GUARD, "template": "polyguard", "controversial": "safe"}, "goes with template qwen3"),
        ({**ENDPOINT, "controversial": "safe"}, "goes with template qwen3guard, not instruction"),
        ({"kind": "classifier", "model": "a/b"}, "name `unsafe_labels`, `refusal_labels` or both"),
        ({**ENDPOINT, "key_variable": "sk-abc"}, "not the key"),
        ({**ENDPOINT, "url": "https://host/v1?key=x"}, "leave it out"),
        ({**ENDPOINT, "url": "https://me:x@host/v1"}, "leave it out"),
    ],
)
def test_what_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        JUDGE.validate_python(given)


def test_every_key_is_explained() -> None:
    definitions = JUDGE.json_schema()["$defs"]
    for name in ("RefusalPhrases", "Guard", "Classifier", "Endpoint"):
        for key, field in definitions[name]["properties"].items():
            assert field.get("description"), f"{name}.{key}"


def test_a_recipe_round_trips_with_its_defaults() -> None:
    for given in (GUARD, {**GUARD, "template": "polyguard"}, ENDPOINT):
        read = JUDGE.validate_python(given)
        assert JUDGE.validate_python(read.model_dump(mode="json")) == read


def test_opening_what_the_recipe_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret")
    settings = {**ENDPOINT, "key_variable": "SOME_KEY", "licence": "MIT", "batch_size": 5}
    judge = open_judge(JUDGE.validate_python(settings))
    assert isinstance(judge, EndpointJudge)
    assert (judge.id, judge.licence, judge.batch_size) == ("m", "MIT", 5)
    judge.close()
    for given in (
        {**GUARD, "model": str(tmp_path / "none")},
        {"kind": "classifier", "model": str(tmp_path / "none"), "refusal_labels": ["no"]},
    ):
        with pytest.raises(ModelError, match=r"^evaluate\.judges\.0: .* does not exist"):
            open_judge(JUDGE.validate_python(given), key="evaluate.judges.0")
