"""Datasets in the Hub's layout, read row by row."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from mlc_data.errors import RecipeError, SourceError
from mlc_data.recipe.loading import parse_recipe
from mlc_data.recipe.sources import Source
from mlc_data.sources.readers import open_source
from mlc_data.sources.rows import OpenSource, Wanted

WANTED = Wanted("prompt", ("label",))
TEXTS = [f"How do I win race number {number}?" for number in range(4)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset with two splits, of which one has two shards."""
    data = tmp_path / "org-name" / "data"
    data.mkdir(parents=True)
    for number, part in enumerate((TEXTS[:2], TEXTS[2:3])):
        table = pa.table({"prompt": part, "label": ["a"] * len(part), "image": [b"x"] * len(part)})
        pq.write_table(table, data / f"train-{number:05d}-of-00002.parquet")
    pq.write_table(
        pa.table({"prompt": TEXTS[3:], "label": ["b"], "image": [b"x"]}),
        data / "test-00000-of-00001.parquet",
    )
    return data.parent


def stream(folder: Path, **settings: Any) -> OpenSource:
    return open_source(
        Source(hub=str(folder), streaming=True, **settings), "sources.prompts", WANTED
    )


def records(source: OpenSource) -> list[Any]:
    return [row.record for row in source.rows()]


def test_a_dataset_is_streamed_with_the_wanted_columns_alone(folder: Path) -> None:
    assert records(stream(folder)) == [{"prompt": text, "label": "a"} for text in TEXTS[:3]]


def test_a_split_is_streamed(folder: Path) -> None:
    assert records(stream(folder, split="test")) == [{"prompt": TEXTS[3], "label": "b"}]


def test_a_stream_ends_at_the_limit(folder: Path) -> None:
    assert [row["prompt"] for row in records(stream(folder, limit=1))] == TEXTS[:1]


def test_a_stream_can_be_read_twice(folder: Path) -> None:
    source = stream(folder)
    assert records(source) == records(source)


def test_a_stream_and_a_download_give_the_same_rows(folder: Path) -> None:
    stored = open_source(Source(hub=str(folder)), "x", WANTED)
    assert records(stored) == records(stream(folder))


def test_json_lines_are_streamed(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(
        "".join(json.dumps({"prompt": text, "n": [1]}) + "\n" for text in TEXTS)
    )
    assert [row["prompt"] for row in records(stream(tmp_path))] == TEXTS


def test_the_identity_of_a_stream_is_its_content(folder: Path) -> None:
    before = stream(folder).identity
    assert stream(folder).identity == before
    pq.write_table(
        pa.table({"prompt": TEXTS[:1]}), folder / "data" / "train-00000-of-00002.parquet"
    )
    assert stream(folder).identity != before


@pytest.mark.parametrize(("where", "expected"), [({"label": "bad"}, "bad"), ({"label": 1}, 1)])
def test_names_of_labels_are_streamed_unless_numbers_are_wanted(
    where: dict[str, Any], expected: Any, tmp_path: Path
) -> None:
    features = Features({"prompt": Value("string"), "label": ClassLabel(names=["good", "bad"])})
    table = Dataset.from_dict({"prompt": TEXTS[:1], "label": [1]}, features=features)
    table.to_parquet(tmp_path / "train.parquet")
    source = Source(hub=str(tmp_path), streaming=True, where=where)
    wanted = Wanted.of(source.columns, source.where)
    assert [row["label"] for row in records(open_source(source, "x", wanted))] == [expected]


def test_a_split_that_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"sources\.prompts\.hub.*could not be read.*none"):
        records(stream(folder, split="none"))


def test_only_a_dataset_of_the_hub_is_streamed(small: dict[str, Any]) -> None:
    small["sources"]["prompts"] = {"path": "p.jsonl", "streaming": True}
    with pytest.raises(RecipeError, match="`streaming` is for a dataset of the Hub"):
        parse_recipe(small, "test")
