import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlc_data.errors import RecipeError, SourceError
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.publish.dataset import source_part
from mlc_data.recipe.loading import load_recipe, parse_recipe
from mlc_data.recipe.sources import Source
from mlc_data.sources.readers import open_source

TEXTS = [f"How do I win race number {number}?" for number in range(6)]

Make = Callable[..., Run]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    folder = tmp_path / "shards [1]"
    folder.mkdir()
    pl.DataFrame({"prompt": TEXTS[:2], "n": [1, 2]}).write_parquet(folder / "a.parquet")
    (folder / "b.jsonl").write_text("{oops\n" + json.dumps({"prompt": TEXTS[2]}))
    (folder / "c.csv.gz").write_bytes(gzip.compress(f"prompt\n{TEXTS[3]}\n{TEXTS[0]}\n".encode()))
    (folder / "README.md").write_text("# Not a shard")
    return folder


@pytest.fixture
def read(tmp_path: Path, small: dict[str, Any]) -> Make:
    def make(*files: Path, **settings: Any) -> Run:
        small["sources"] = {"prompts": {"files": [str(file) for file in files], **settings}}
        small["checks"] = {"language_identifiers": []}
        run = Run.create(parse_recipe(small, "test"), tmp_path / "run")
        run_stage(run, "sources", force=False)
        return run

    return make


def prompts(run: Run) -> list[tuple[int, str]]:
    table = pl.read_parquet(run.path("prompts.parquet"), glob=False)
    return list(table.select("row", "prompt").iter_rows())


def test_the_files_of_a_folder_are_read_in_order(shards: Path, read: Make) -> None:
    run = read(shards)
    assert prompts(run) == [(1, TEXTS[0]), (2, TEXTS[1]), (4, TEXTS[2]), (5, TEXTS[3])]
    counts = run.manifest.counts.prompts
    assert counts and counts.rejected == {"duplicate": 1, "malformed": 1}
    rejected = pl.read_parquet(run.path("rejected/prompts.parquet"), glob=False)
    assert rejected["detail"][0].startswith("b.jsonl, line 1: not JSON")


def test_files_are_read_in_the_order_given(shards: Path, read: Make) -> None:
    run = read(shards / "c.csv.gz", shards / "a.parquet")
    assert [text for _, text in prompts(run)] == [TEXTS[3], TEXTS[0], TEXTS[1]]


def test_a_limit_holds_for_all_files_together(shards: Path, read: Make) -> None:
    assert len(prompts(read(shards / "a.parquet", shards / "c.csv.gz", limit=3))) == 3


def test_a_changed_shard_is_read_again(shards: Path, read: Make) -> None:
    read(shards)
    (shards / "d.jsonl").write_text(json.dumps({"prompt": TEXTS[5]}))
    assert prompts(read(shards))[-1][1] == TEXTS[5]


def source_of(**settings: Any) -> list[str]:
    opened = open_source(Source(**settings), "x")
    return [row.record["prompt"] for row in opened.rows() if row.record]


def test_a_pattern_is_read_in_order_of_names(shards: Path) -> None:
    other = shards.parent / "plain"
    other.mkdir()
    for number in (2, 0, 1):
        (other / f"train-{number}.jsonl").write_text(json.dumps({"prompt": TEXTS[number]}))
    (other / "test-0.jsonl").write_text(json.dumps({"prompt": TEXTS[5]}))
    assert source_of(glob=str(other / "train-*.jsonl")) == TEXTS[:3]
    assert source_of(glob=str(shards.parent / "pl*" / "t*-0.jsonl")) == [TEXTS[5], TEXTS[0]]
    assert source_of(glob=str(shards.parent / "**" / "train-[01].jsonl")) == TEXTS[:2]


def test_a_pattern_that_fits_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"x\.glob: no file is named like .*none-\*"):
        source_of(glob=str(tmp_path / "none-*.jsonl"))


def test_only_a_pattern_is_a_pattern(shards: Path) -> None:
    (shards / "x*.jsonl").write_text(json.dumps({"prompt": TEXTS[0]}))
    (shards / "xy.jsonl").write_text(json.dumps({"prompt": TEXTS[1]}))
    assert source_of(path=str(shards / "x*.jsonl")) == TEXTS[:1]
    with pytest.raises(SourceError, match="does not exist"):
        source_of(path=str(shards / "*.jsonl"))


def test_a_path_may_be_a_folder(shards: Path) -> None:
    assert source_of(path=str(shards)) == source_of(files=(str(shards),))


def test_hidden_and_describing_files_are_no_shards(shards: Path) -> None:
    before = source_of(path=str(shards))
    for name in ("._a.jsonl", "_SUCCESS.json", "dataset_info.json", "state.json"):
        (shards / name).write_text("{}")
    assert source_of(path=str(shards)) == before


def test_folders_within_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(SourceError, match=r"it has folders \(data\): name one of them"):
        source_of(path=str(tmp_path))


@pytest.mark.parametrize(
    ("name", "told"), [("none", "does not exist"), ("empty", "has no file of")]
)
def test_what_cannot_be_read_is_named(name: str, told: str, tmp_path: Path, read: Make) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=rf"sources\.prompts\.files.*{told}"):
        read(tmp_path / name)


def test_files_and_a_path_exclude_each_other(read: Make, shards: Path) -> None:
    with pytest.raises(RecipeError, match="exactly one of `path`, `files` and `hub`"):
        read(shards, path="p.jsonl")


def test_files_replace_another_source() -> None:
    sources = load_recipe("quickstart", ["sources.prompts.files=[a.jsonl, b.jsonl]"]).sources
    assert sources.prompts.paths == ("a.jsonl", "b.jsonl")
    assert sources.prompts.licence is None
    assert source_part("prompts", sources.prompts).what == "a.jsonl, b.jsonl"
