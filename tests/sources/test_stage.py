import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support import write_jsonl

from mlc_data.errors import SourceError
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe


def load_sources(run: Run, *, force: bool = False) -> bool:
    return run_stage(run, "sources", force=force)


GOOD = ["How do I bake sourdough bread at home?", "What is the best way to learn to swim?"]


def counts(run: Run) -> dict[str, Any]:
    load_sources(run)
    found = run.manifest.counts.prompts
    assert found is not None
    assert found.read == found.kept + sum(found.rejected.values())
    rejected = pl.read_parquet(run.path("rejected", "prompts.parquet"))
    assert rejected.height == sum(found.rejected.values())
    assert pl.read_parquet(run.path("prompts.parquet")).height == found.kept
    return found.model_dump()


def test_every_broken_row_is_put_aside_under_its_reason(make_run: Callable[..., Run]) -> None:
    rows: list[object] = [
        {"prompt": GOOD[0], "category": "food"},
        {"prompt": GOOD[1], "category": 3},
        {"prompt": ""},
        {"prompt": " \n\t"},
        {"prompt": 17},
        {"prompt": ["a", "list"]},
        {"prompt": None},
        {"text": "another key"},
        {"prompt": "nul \x00 byte"},
        b'{"prompt": "lone \\ud800 surrogate"}',
        b'{"prompt": "broken utf-8 \xff"}',
        {"prompt": "how do i BAKE  sourdough bread at home?"},
        {"prompt": "x " * 3000},
        {"prompt": "Wie backe ich zu Hause ein gutes Brot ohne Hefe?"},
        [1, 2],
        b'{"prompt": "cut off',
        b"",
        *({"prompt": f"How do I train for race number {number}?"} for number in range(30)),
    ]
    assert counts(make_run(rows)) == {
        "read": len(rows),
        "kept": 32,
        "rejected": {
            "duplicate": 1, "empty": 3, "malformed": 1, "missing": 2, "not_a_string": 2,
            "not_an_object": 1, "not_english": 1, "not_unicode": 2, "nul_bytes": 1, "too_long": 1,
        },
    }  # fmt: skip


def test_a_rejected_row_says_where_it_stands(make_run: Callable[..., Run]) -> None:
    run = make_run([{"prompt": GOOD[0]}, b"{oops", {"prompt": GOOD[1]}])
    load_sources(run)
    row = pl.read_parquet(run.path("rejected", "prompts.parquet")).row(0, named=True)
    assert (row["row"], row["reason"]) == (2, "malformed")
    assert row["detail"].startswith("line 2: not JSON")


def test_a_file_that_is_no_jsonl_is_an_error_that_names_the_line(
    make_run: Callable[..., Run],
) -> None:
    run = make_run([b"prompt,category", b"How do I swim?,sport"])
    with pytest.raises(SourceError, match="line 1: not JSON"):
        load_sources(run)
    assert not run.path("prompts.parquet").exists()


def test_malformed_can_be_made_an_error(make_run: Callable[..., Run]) -> None:
    run = make_run([{"prompt": GOOD[0]}, {"prompt": GOOD[1]}, b"{oops"])
    data = run.recipe.model_dump(mode="json")
    data["sources"]["prompts"]["malformed"] = "error"
    strict = Run.create(parse_recipe(data, "test"), run.folder)
    with pytest.raises(SourceError, match="line 3: not JSON"):
        load_sources(strict)


def test_a_missing_column_is_an_error_that_names_the_columns(make_run: Callable[..., Run]) -> None:
    with pytest.raises(SourceError, match=r"no column 'prompt'; it has: instruction, level"):
        load_sources(make_run([{"instruction": GOOD[0], "level": 1}]))


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.parquet", "p.ndjson"])
def test_every_format_gives_the_same_prompts(
    name: str, tmp_path: Path, small: dict[str, Any]
) -> None:
    rows = [{"prompt": text, "category": "x", "chosen": "Yes, \"so\".", "rejected": "No"}
            for text in GOOD]  # fmt: skip
    path = tmp_path / name
    frame = pl.DataFrame(rows)
    if name.endswith("parquet"):
        frame.write_parquet(path)
    elif name.endswith("ndjson"):
        write_jsonl(path, rows)
    else:
        frame.write_csv(path, separator="\t" if name.endswith("tsv") else ",", include_bom=True)
    hashes = []
    for file in (path, write_jsonl(tmp_path / "same.jsonl", rows)):
        small["sources"]["prompts"]["path"] = str(file)
        run = Run.create(parse_recipe(small, "test"), tmp_path / f"run-{file.name}")
        load_sources(run)
        hashes.append(run.manifest.content_hash)
    assert hashes[0] == hashes[1]
    assert run.manifest.counts.preferences is not None
    assert run.manifest.counts.preferences.kept == 2


def test_csv_rows_with_too_many_or_too_few_fields(tmp_path: Path, small: dict[str, Any]) -> None:
    path = tmp_path / "p.csv"
    lines = [
        "category,prompt",
        f"food,{GOOD[0]}",
        "a,b,c",
        "only",
        "",
        f'x,"{GOOD[1]}\n"',
        "y,\xff",
    ]
    path.write_bytes("\n".join(lines).encode("latin-1"))
    small["sources"]["prompts"]["path"] = str(path)
    found = counts(Run.create(parse_recipe(small, "test"), tmp_path / "run"))
    assert found["kept"] == 2
    assert found["rejected"] == {"empty": 1, "malformed": 1, "missing": 1, "not_unicode": 1}


def test_csv_with_wrong_quotes_costs_those_lines_alone(
    tmp_path: Path, small: dict[str, Any]
) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f'prompt\n{GOOD[0]}\n"never closed\n{GOOD[1]}\n"closed" too early\n')
    small["sources"]["prompts"]["path"] = str(path)
    run = Run.create(parse_recipe(small, "test"), tmp_path / "run")
    assert counts(run) == {"read": 4, "kept": 2, "rejected": {"malformed": 2}}
    aside = pl.read_parquet(run.path("rejected", "prompts.parquet"))
    assert [detail.split(":")[0] for detail in aside["detail"]] == ["line 3", "line 5"]


def test_csv_where_a_column_is_named_twice(tmp_path: Path, small: dict[str, Any]) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f"prompt,prompt\n{GOOD[0]},{GOOD[1]}\n")
    small["sources"]["prompts"]["path"] = str(path)
    with pytest.raises(SourceError, match="line 1: the header names prompt more than once"):
        load_sources(Run.create(parse_recipe(small, "test"), tmp_path / "run"))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("p.parquet", b"PAR1 not really", "cannot be read as Parquet"),
        ("p.txt", b"How?", "unknown format"),
        ("p.jsonl", b"", "holds no rows"),
        ("p.csv", b"", "is empty"),
        ("p.jsonl", b'{"prompt": ""}\n', "no row can be used"),
    ],
)
def test_files_that_cannot_be_used(
    name: str, content: bytes, told: str, tmp_path: Path, small: dict[str, Any]
) -> None:
    (tmp_path / name).write_bytes(content)
    small["sources"]["prompts"]["path"] = str(tmp_path / name)
    with pytest.raises(SourceError, match=told):
        load_sources(Run.create(parse_recipe(small, "test"), tmp_path / "run"))


def test_better_response_by_index(tmp_path: Path, small: dict[str, Any]) -> None:
    rows = [
        {"q": GOOD[0], "a": "one", "b": "two", "safer": 1},
        {"q": GOOD[1], "a": "one", "b": "two", "safer": 0},
        {"q": "How do I plant a tree in my garden?", "a": "one", "b": "two", "safer": 2},
    ]
    columns = {"prompt": "q", "category": None, "responses": ["a", "b"], "chosen_index": "safer"}
    path = write_jsonl(tmp_path / "p.jsonl", rows)
    small["sources"]["prompts"] = {"path": str(path), "columns": columns}
    run = Run.create(parse_recipe(small, "test"), tmp_path / "run")
    load_sources(run)
    pairs = pl.read_parquet(run.path("preferences.parquet"))
    assert pairs["chosen"].to_list() == ["two", "one"]
    assert pairs["rejected"].to_list() == ["one", "two"]


def test_pairs_are_counted_on_their_own(make_run: Callable[..., Run], tmp_path: Path) -> None:
    pair = {"prompt": GOOD[0], "chosen": "Sure.", "rejected": "No."}
    pairs = write_jsonl(
        tmp_path / "pairs.jsonl",
        [pair, pair, {**pair, "chosen": None}, {**pair, "chosen": "no. "}, {**pair, "rejected": 1}],
    )
    run = make_run(
        [{"prompt": text} for text in GOOD],
        sources={"prompts": {"path": str(tmp_path / "prompts.jsonl")},
                 "preferences": {"path": str(pairs)}},
    )  # fmt: skip
    load_sources(run)
    found = run.manifest.counts.preferences
    assert found is not None
    assert found.model_dump() == {
        "read": 5,
        "kept": 1,
        "rejected": {"duplicate": 1, "missing": 1, "not_a_string": 1, "same_responses": 1},
    }


def test_a_limit_reads_only_so_many_rows(make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = make_run(
        [{"prompt": f"How do I win race number {n}?"} for n in range(9)],
        sources={"prompts": {"path": str(tmp_path / "prompts.jsonl"), "limit": 4}},
    )
    assert counts(run)["read"] == 4


def test_composed_and_decomposed_letters_are_one_prompt(make_run: Callable[..., Run]) -> None:
    rows = [{"prompt": "How do I open a cafe\u0301?"}, {"prompt": "How do I open a caf\u00e9?"}]
    run = make_run(rows)
    assert counts(run)["rejected"] == {"duplicate": 1}
    assert "caf\u00e9" in pl.read_parquet(run.path("prompts.parquet"))["prompt"][0]


def test_unchanged_sources_are_reused(make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = make_run([{"prompt": text} for text in GOOD])
    assert load_sources(run) is False
    assert load_sources(run) is True
    path = tmp_path / "prompts.jsonl"
    path.write_text(path.read_text() + json.dumps({"prompt": "How do I fold a paper boat?"}))
    assert load_sources(run) is False


def test_the_source_s_own_names_are_kept_and_change_no_content_hash(
    make_run: Callable[..., Run],
) -> None:
    rows = [{"prompt": GOOD[0], "uid": 7}, {"prompt": GOOD[1]}]
    run = make_run(rows)
    load_sources(run)
    plain = run.manifest.content_hash.prompts
    path = run.recipe.sources.prompts.path
    named = make_run(rows, sources={"prompts": {"path": path, "columns": {"id": "uid"}}})
    assert load_sources(named) is False
    assert pl.read_parquet(named.path("prompts.parquet"))["source_id"].to_list() == ["7", None]
    assert named.manifest.content_hash.prompts == plain


def test_a_column_of_ids_that_is_not_there_is_an_error(make_run: Callable[..., Run]) -> None:
    run = make_run([{"prompt": GOOD[0], "uid": 7}])
    path = run.recipe.sources.prompts.path
    run = make_run(
        [{"prompt": GOOD[0], "uid": 7}],
        sources={"prompts": {"path": path, "columns": {"id": "key"}}},
    )
    with pytest.raises(SourceError, match=r"no column 'key'.*prompt, uid.*columns\.id"):
        load_sources(run)
