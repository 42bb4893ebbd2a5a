import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Image, Value

from mlc_data.errors import SourceError
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe, parse_recipe
from mlc_data.recipe.sources import Source
from mlc_data.sources.readers import open_source
from mlc_data.sources.rows import Wanted

SWIM, BAKE = "How do I swim?", "How do I bake bread?"
ROWS = [{"prompt": SWIM}, {"prompt": BAKE}]
WANTED = Wanted("prompt", ("category",))


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pa.Codec("zstd").compress(content, asbytes=True),
}


def records(path: Path, wanted: Wanted | None = WANTED) -> list[Any]:
    return [row.record for row in open_source(Source(path=str(path)), "x", wanted).rows()]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", json.dumps(ROWS)),
        ("p.json", json.dumps(ROWS, indent=2)),
        ("p.json", json.dumps({"version": 1, "data": ROWS}, indent=1)),
        ("p.json", "\n".join(json.dumps(row) for row in ROWS) + "\n"),
        ("p.jsonl.gz", "\n".join(json.dumps(row) for row in ROWS)),
        ("p.json.gz", json.dumps(ROWS)),
        ("p.csv.gz", f"prompt\n{SWIM}\n{BAKE}\n"),
        ("p.tsv.gz", f"prompt\tnote\n{SWIM}\t1\n{BAKE}\t2\n"),
        ("p.jsonl.zst", "\n".join(json.dumps(row) for row in ROWS)),
        ("p.csv.zst", f"prompt\n{SWIM}\n{BAKE}\n"),
        ("p.json.bz2", json.dumps(ROWS)),
        ("p.jsonl.xz", "\n".join(json.dumps(row) for row in ROWS)),
        ("p.jsonl", json.dumps(ROWS)),
        ("p.json", json.dumps({"prompt": [SWIM, BAKE], "n": [1, 2]})),
        ("p.json", json.dumps({"prompt": {"0": SWIM, "1": BAKE}, "n": {"0": 1, "1": 2}})),
        ("p.json", json.dumps({"a1": {"prompt": SWIM}, "a2": {"prompt": BAKE}})),
        ("p.json", json.dumps({"result": {"ids": ["a", "b"], "rows": ROWS}})),
        ("p.json", json.dumps({"prompts": ROWS, "ids": [1, 2]})),
        ("p.json", json.dumps({"columns": ["n", "prompt"], "data": [[1, SWIM], [2, BAKE]]})),
        ("p.json", "\n".join(json.dumps(row, indent=1) for row in ROWS)),
    ],
)
def test_json_and_packed_files(name: str, text: str, read_file: Callable[..., Any]) -> None:
    content = PACK.get(Path(name).suffix, bytes)(text.encode())
    read = read_file(content, name)
    assert read.prompts == [SWIM, BAKE]
    assert read.prompt_counts == {"read": 2, "kept": 2, "rejected": {}}


def test_a_json_object_with_a_prompt_is_one_row(tmp_path: Path) -> None:
    row = {"prompt": SWIM, "notes": [{"a": 1}]}
    (tmp_path / "p.json").write_text(json.dumps(row, indent=1))
    assert records(tmp_path / "p.json") == [row]


def test_items_of_a_json_list_that_are_no_objects(read_file: Callable[..., Any]) -> None:
    read = read_file(json.dumps([{"prompt": SWIM}, "text", 3]), "p.json")
    assert read.prompt_counts["rejected"] == {"not_an_object": 2}
    assert read.column("rejected/prompts.parquet", "detail")[0].startswith("item 2")


@pytest.mark.parametrize("packing", PACK)
def test_a_file_that_cannot_be_unpacked(packing: str, read_file: Callable[..., Any]) -> None:
    whole = PACK[packing](json.dumps({"prompt": SWIM}).encode() * 9)
    for content in (b"not packed", whole[:-9]):
        with pytest.raises(SourceError, match="cannot be unpacked"):
            read_file(content, f"p.jsonl{packing}")


@pytest.mark.parametrize("packing", PACK)
def test_a_packed_file_is_known_by_its_first_bytes(
    packing: str, read_file: Callable[..., Any]
) -> None:
    assert read_file(PACK[packing](f"prompt\n{SWIM}\n".encode()), "p.csv").prompts == [SWIM]


def test_several_lists_in_a_json_object_are_named(read_file: Callable[..., Any]) -> None:
    with pytest.raises(SourceError, match=r"several lists of objects \(train, test\)"):
        read_file(json.dumps({"train": ROWS, "test": ROWS}), "p.json")


@pytest.mark.parametrize(
    ("name", "form", "text"),
    [
        ("p.txt", "csv", f"prompt\n{SWIM}\n"),
        ("p.csv", "tsv", f'prompt\tnote\n{SWIM}\t"\n'),
        ("p", "jsonl", json.dumps({"prompt": SWIM})),
        ("p.data", "json", json.dumps([{"prompt": SWIM}])),
    ],
)
def test_a_format_can_be_named(
    name: str, form: str, text: str, read_file: Callable[..., Any]
) -> None:
    assert read_file(text, name, format=form).prompts == [SWIM]


@pytest.mark.parametrize(
    ("start", "told"),
    [(b"PK\x03\x04", "workbook"), (b"\xd0\xcf\x11\xe0", "workbook"), (b"PAR1", "Parquet")],
)
def test_files_that_are_no_text_say_what_they_are(
    start: bytes, told: str, read_file: Callable[..., Any]
) -> None:
    with pytest.raises(SourceError, match=f"is no text but .*{told}"):
        read_file(start + bytes(range(256)), "p.csv")


def test_an_unknown_ending_names_the_option(read_file: Callable[..., Any]) -> None:
    with pytest.raises(SourceError, match=r"unknown format.*sources\.prompts\.format"):
        read_file(f"prompt\n{SWIM}\n", "p.txt")


def test_a_cut_off_json_list_is_an_error(read_file: Callable[..., Any]) -> None:
    with pytest.raises(SourceError, match="not JSON"):
        read_file('[{"prompt": "x"}, ', "p.json")


@pytest.mark.parametrize(
    "other",
    [
        pa.array([0], pa.timestamp("us", tz="+05:30")),
        pa.array([253402300800000000], pa.timestamp("us")),
        pa.array([1], pa.decimal256(60, 2)),
        pa.array([2**62], pa.duration("s")),
        pa.array([b"\xff"], pa.binary()),
    ],
)
def test_unneeded_parquet_columns_are_not_decoded(other: pa.Array, tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": [SWIM], "created": other}), tmp_path / "p.parquet")
    assert records(tmp_path / "p.parquet") == [{"prompt": SWIM}]


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        (pa.array([[0]], pa.list_(pa.date32())), '["1970-01-01"]'),
        (pa.array([253402300800000000], pa.timestamp("us")), "10000-01-01 00:00:00.000000"),
        (pa.array([float("nan")]), None),
        (pa.array(["a"]).dictionary_encode(), "a"),
        (pa.array([True]), "True"),
    ],
)
def test_categories_of_any_type(
    category: pa.Array, expected: str | None, tmp_path: Path, read_file: Callable[..., Any]
) -> None:
    pq.write_table(pa.table({"prompt": [SWIM], "category": category}), tmp_path / "p.parquet")
    assert read_file(None, "p.parquet").column("prompts.parquet", "category") == [expected]


def test_a_missing_parquet_column_names_all_there_are(
    tmp_path: Path, read_file: Callable[..., Any]
) -> None:
    pq.write_table(pa.table({"text": [SWIM], "level": [1]}), tmp_path / "p.parquet")
    with pytest.raises(SourceError, match=r"no column 'prompt'; it has: level, text"):
        read_file(None, "p.parquet")


def test_columns_with_dots_in_their_names(tmp_path: Path, read_file: Callable[..., Any]) -> None:
    pq.write_table(pa.table({"data.prompt": [SWIM], "data": [1]}), tmp_path / "p.parquet")
    assert read_file(None, "p.parquet", columns={"prompt": "data.prompt"}).prompts == [SWIM]


def test_broken_images_of_a_dataset_are_not_touched(tmp_path: Path) -> None:
    table = {
        "prompt": [SWIM],
        "image": [{"path": "gone.png", "bytes": b"no image"}],
        "category": [1],
    }
    features = Features(
        {"prompt": Value("string"), "image": Image(), "category": ClassLabel(names=["a", "sport"])}
    )
    Dataset.from_dict(table, features=features).to_parquet(tmp_path / "d" / "train.parquet")
    source = open_source(Source(hub=str(tmp_path / "d")), "x", WANTED)
    assert [row.record for row in source.rows()] == [{"prompt": SWIM, "category": "sport"}]


def test_errors_of_the_hub_are_shown_whole(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/README.md").write_text(
        "---\nconfigs:\n- config_name: big\n  data_files: a.csv\n- config_name: small\n"
        "  data_files: b.csv\n---\n"
    )
    for name in ("a", "b"):
        (tmp_path / f"d/{name}.csv").write_text(f"prompt\n{SWIM}\n")
    with pytest.raises(SourceError, match=r"(?s)Config name is missing.*big.*small"):
        open_source(Source(hub=str(tmp_path / "d")), "x", WANTED)


def test_a_dataset_s_folder_whose_name_is_a_pattern_is_refused(tmp_path: Path) -> None:
    for name in ("d1", "d[1]"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text(json.dumps({"prompt": name}))
    with pytest.raises(SourceError, match="takes the name of the folder"):
        open_source(Source(hub=str(tmp_path / "d[1]")), "x", WANTED)


@pytest.mark.parametrize("name", ["train[1].parquet", "train[1].csv", "train?.jsonl", "tr*n.json"])
def test_names_of_files_are_no_patterns(name: str, tmp_path: Path) -> None:
    suffix = Path(name).suffix
    for file, text in ((name, SWIM), (f"train1{suffix}", BAKE)):
        path, frame = tmp_path / file, pl.DataFrame({"prompt": [text]})
        if suffix == ".parquet":
            frame.write_parquet(path)
        elif suffix == ".csv":
            frame.write_csv(path)
        else:
            path.write_text(json.dumps({"prompt": text}))
    assert records(tmp_path / name) == [{"prompt": SWIM}]


def test_runs_whose_folders_are_patterns_are_kept_apart(tmp_path: Path) -> None:
    recipe = load_recipe(
        "quickstart", ["translate.cache=null", "languages.targets=[spa_Latn, fra_Latn]"]
    )
    phrases = {
        "run1": "What do I need to learn a new language?",
        "run[1] *": "I want to know how to wash a car.",
    }
    for folder, prompt in phrases.items():
        path = tmp_path / f"{folder}.jsonl"
        path.write_text(json.dumps({"prompt": prompt}))
        data = recipe.model_dump(mode="json")
        data["sources"] = {"prompts": {"path": str(path)}}
        run = Run.create(parse_recipe(data, "test"), tmp_path / folder)
        run_stages(run, "sets")
        rows = pl.read_parquet(run.path("variants/variants.parquet"), glob=False)
        assert set(rows["source"]) == {prompt}
