"""Properties of whatever hypothesis thinks of: rows, files, recipes, spans, sentences, messages."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlc_data.core.messages import LINE, LINES, VALUE, bounded, json_text, printable, shown
from mlc_data.core.yaml_text import YamlError, read_yaml
from mlc_data.errors import MlcDataError
from mlc_data.recipe.loading import apply_overrides, load_recipe, parse_recipe
from mlc_data.recipe.sources import Source, Sources
from mlc_data.sources.prompts import read_prompts
from mlc_data.sources.readers import open_source
from mlc_data.text.spans import spans
from mlc_data.translate.sentences import split

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ANY = st.text(st.characters(), max_size=200)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
KEYS = (
    "name",
    "seed",
    "sources.prompts.path",
    "languages.targets",
    "translate",
    "checks.intent",
    "sets",
    "x.y.z",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY, inner, max_size=4),
    max_leaves=12,
)


def read(path: Path) -> None:
    source = Source(path=str(path))
    with contextlib.suppress(MlcDataError):
        found = read_prompts(
            open_source(source, "sources.prompts"), Sources(prompts=source), "eng_Latn", None
        ).prompts
        assert found.read == len(found.kept) + len(found.rejected)
        assert all(row.prompt.encode() and "\0" not in row.prompt for row in found.kept)


@QUICK
@given(
    st.sampled_from(["p.jsonl", "p.json", "p.csv", "p.tsv", "p.parquet", "p.jsonl.gz"]), st.binary()
)
def test_any_bytes_are_a_file(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    read(tmp_path / name)


@QUICK
@given(st.lists(st.fixed_dictionaries({"prompt": JSON}, optional={"chosen": JSON, "rejected": JSON, "category": JSON}), max_size=5))  # fmt: skip
def test_any_values_are_rows(tmp_path: Path, rows: list[Any]) -> None:
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    read(tmp_path / "p.jsonl")


@QUICK
@given(ANY)
def test_any_text_is_read_as_yaml_or_refused(text: str) -> None:
    with contextlib.suppress(YamlError):
        json.dumps(read_yaml(text), default=str).encode()


@QUICK
@given(st.sampled_from(["name", "seed", "sources", "languages", "translate", "checks", "rescue", "sets", "align", "evaluate"]), JSON)  # fmt: skip
def test_any_value_of_a_section_is_valid_or_refused(section: str, value: Any) -> None:
    whole = load_recipe("quickstart").model_dump(mode="json")
    with contextlib.suppress(MlcDataError):
        parse_recipe({**whole, section: value}, "test")


@QUICK
@given(st.lists(ANY | st.builds("{}={}".format, st.sampled_from(KEYS), ANY), max_size=3))
def test_any_overrides_are_applied_or_refused(overrides: list[str]) -> None:
    whole = load_recipe("quickstart").model_dump(mode="json")
    before = json.dumps(whole)
    with contextlib.suppress(MlcDataError):
        parse_recipe(apply_overrides(whole, overrides), "test")
    assert json.dumps(whole) == before


@QUICK
@given(TEXT)
@example(" " * 4000 + "x" + " " * 4000)
def test_sentences_give_their_text_back(text: str) -> None:
    for finer in (False, True):
        found = split(text, "eng_Latn", finer=finer)
        assert found.join(found.sentences, "eng_Latn") == text


@QUICK
@given(TEXT)
def test_spans_stand_in_their_text(text: str) -> None:
    assert all(span in text for span in spans(text))


@QUICK
@given(ANY)
def test_messages_are_printable_and_bounded(text: str) -> None:
    assert len(shown(text)) <= VALUE
    assert len(bounded(text * 50)) <= (LINE + 1) * LINES
    printable(text).encode()
    assert json.loads(json_text(text)) == text


@pytest.mark.parametrize("exponent", [1, 400, 5000])
def test_numbers_of_any_size_are_shown(exponent: int) -> None:
    number = 10**exponent
    for value in (number, -number, {"a": number}, [[[[[number]]]]], {number}):
        assert len(shown(value)) <= VALUE
