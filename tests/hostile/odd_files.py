"""Files that cannot be kept in git: special files, links, and Parquet of odd types."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

Maker = Callable[[Path], Path]
BREAD = ["How do I bake rye?", "How do I bake oat?"]


def _table(columns: dict[str, Any]) -> Maker:
    """Return a maker of a Parquet file with these columns."""

    def make(folder: Path) -> Path:
        path = folder / "p.parquet"
        parquet.write_table(pa.table(columns), path)
        return path

    return make


def _category(values: list[Any], kind: pa.DataType | None = None) -> Maker:
    return _table({"prompt": BREAD, "category": pa.array(values, kind)})


def _prompts(values: list[Any], kind: pa.DataType | None = None) -> Maker:
    return _table({"prompt": pa.array(values, kind)})


def _described(metadata: dict[str, str]) -> Maker:
    """Return a maker of a file with metadata of its own."""

    def make(folder: Path) -> Path:
        described = pa.table({"prompt": BREAD}).replace_schema_metadata(metadata)
        parquet.write_table(described, folder / "p.parquet")
        return folder / "p.parquet"

    return make


def _written(**options: Any) -> Maker:
    """Return a maker of a file that is written in an unusual way."""

    def make(folder: Path) -> Path:
        parquet.write_table(pa.table({"prompt": BREAD}), folder / "p.parquet", **options)
        return folder / "p.parquet"

    return make


def _twice(folder: Path) -> Path:
    columns = [pa.array(BREAD), pa.array(BREAD[::-1])]
    twice = pa.Table.from_arrays(columns, names=["prompt", "prompt"])
    parquet.write_table(twice, folder / "p.parquet")
    return folder / "p.parquet"


def _memory(folder: Path) -> Path:
    """A file that can be opened and not be read, as on a broken disk."""
    (folder / "p.jsonl").symlink_to("/proc/self/mem")
    return folder / "p.jsonl"


def _link(folder: Path) -> Path:
    (folder / "real.jsonl").write_text('{"prompt": "How do I bake rye?"}\n')
    (folder / "p.jsonl").symlink_to("real.jsonl")
    return folder / "p.jsonl"


def _packed(folder: Path) -> Path:
    (folder / "p.jsonl.gz").write_bytes(gzip.compress(b'{"prompt": "How do I bake rye?"}\n'))
    return folder / "p.jsonl.gz"


def _packed_cut(folder: Path) -> Path:
    packed = gzip.compress(os.urandom(5000))
    (folder / "p.jsonl.gz").write_bytes(packed[:-100])
    return folder / "p.jsonl.gz"


def _packed_flipped(folder: Path) -> Path:
    packed = bytearray(gzip.compress(b'{"prompt": "How do I bake rye?"}\n' * 100))
    packed[-5] ^= 1
    (folder / "p.jsonl.gz").write_bytes(packed)
    return folder / "p.jsonl.gz"


def _loop(folder: Path) -> Path:
    (folder / "a.jsonl").symlink_to("b.jsonl")
    (folder / "b.jsonl").symlink_to("a.jsonl")
    return folder / "a.jsonl"


def _dangling(folder: Path) -> Path:
    (folder / "p.jsonl").symlink_to("nowhere")
    return folder / "p.jsonl"


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "p.jsonl")
    return folder / "p.jsonl"


def _device(folder: Path) -> Path:
    (folder / "p.jsonl").symlink_to("/dev/zero")
    return folder / "p.jsonl"


def _folder(folder: Path) -> Path:
    (folder / "p.jsonl").mkdir()
    return folder / "p.jsonl"


def _through_file(folder: Path) -> Path:
    (folder / "f").write_text("")
    return folder / "f" / "p.jsonl"


def _parquet_cut(folder: Path) -> Path:
    path = _prompts(BREAD)(folder)
    path.write_bytes(path.read_bytes()[:-20])
    return path


def _parquet_flipped(folder: Path) -> Path:
    path = _table({"prompt": [f"How do I bake {n} loaves?" for n in range(500)]})(folder)
    data = bytearray(path.read_bytes())
    for place in range(30, 400):
        data[place] ^= 0xFF
    path.write_bytes(data)
    return path


ODD: dict[str, tuple[Maker, int, dict[str, int]]] = {
    "link": (_link, 1, {}),
    "packed": (_packed, 1, {}),
    "large_strings": (_prompts(BREAD, pa.large_string()), 2, {}),
    "string_view": (_prompts(BREAD, pa.string_view()), 2, {}),
    "dictionary": (_table({"prompt": pa.array(BREAD).dictionary_encode()}), 2, {}),
    "prompts_of_bytes": (_prompts([b"x", *map(str.encode, BREAD)], pa.binary()), 0, {}),
    "nulls": (_prompts([None, *BREAD]), 2, {"missing": 1}),
    "prompts_of_lists": (_prompts([["x"], ["y"]]), 0, {}),
    "prompts_of_dates": (_prompts([date(2024, 1, 1)] * 2), 0, {}),
    "prompts_of_structs": (_prompts([{"a": 1}, {"a": 2}]), 0, {}),
    "prompts_of_floats": (_prompts([1.5, float("nan")]), 0, {}),
    "list_of_dates": (_category([[date(2024, 1, 1)], None]), 2, {}),
    "list_of_decimals": (_category([[Decimal("1.50")], []]), 2, {}),
    "struct_of_bytes": (_category([{"a": b"\xff"}, {"a": None}]), 2, {}),
    "struct_of_times": (_category([{"a": time(1, 2)}, {"a": time(3)}]), 2, {}),
    "struct_of_durations": (_category([{"a": timedelta(1)}, None]), 2, {}),
    "map": (_category([[("a", 1)], []], pa.map_(pa.string(), pa.int64())), 2, {}),
    "map_of_numbers": (_category([[(1, 1)], [(2, 2)]], pa.map_(pa.int64(), pa.int64())), 2, {}),
    "zoned": (_category([datetime(2024, 1, 1, tzinfo=timezone.utc)] * 2), 2, {}),  # noqa: UP017
    "year_300000": (_category([2**62, -(2**62)], pa.timestamp("us")), 2, {}),
    "nanoseconds": (_category([2**62, 1], pa.timestamp("ns")), 2, {}),
    "uint64": (_category([2**64 - 1, 0], pa.uint64()), 2, {}),
    "half_floats": (_category([1.5, None], pa.float64()), 2, {}),
    "all_null": (_category([None, None], pa.null()), 2, {}),
    "decimal256": (_category([Decimal(10**60), None], pa.decimal256(70, 0)), 2, {}),
    "nested_deep": (_category([[[[[[["x"]]]]]], None]), 2, {}),
    "fixed_lists": (_category([[1, 2], [3, 4]], pa.list_(pa.int32(), 2)), 2, {}),
    "times": (_category([1, 2], pa.time64("us")), 2, {}),
    "bytes": (_category([b"a\xff", None], pa.binary()), 2, {}),
    "column_of_escapes": (_table({"prompt": BREAD, "\x1b[31mx": [1, 2], "": [3, 4]}), 2, {}),
    "dictionary_of_numbers": (
        _table({"prompt": BREAD, "category": pa.array([7, 8]).dictionary_encode()}),
        2,
        {},
    ),
    "large_lists": (_category([["a"], []], pa.large_list(pa.string())), 2, {}),
    "metadata_of_pandas": (_described({"pandas": "{not json", "huggingface": "[["}), 2, {}),
    "metadata_long": (_described({"x": "y" * 1_000_000}), 2, {}),
    "brotli": (_written(compression="brotli"), 2, {}),
    "deltas": (
        _written(use_dictionary=False, column_encoding={"prompt": "DELTA_BYTE_ARRAY"}),
        2,
        {},
    ),
    "version_1": (_written(version="1.0"), 2, {}),
}
"""Makers of files that are read, the number of prompts kept, and of rows rejected by reason."""

_NO_PROMPTS = [name for name, (_, kept, _) in ODD.items() if not kept]
for _name in _NO_PROMPTS:
    _rows = 3 if _name == "prompts_of_bytes" else 2
    _nan = {"not_a_string": 1, "missing": 1} if _name == "prompts_of_floats" else None
    ODD[_name] = (ODD[_name][0], 0, _nan or {"not_a_string": _rows})

REFUSED: dict[str, tuple[Maker, str]] = {
    "loop": (_loop, "does not exist"),
    "dangling": (_dangling, "does not exist"),
    "pipe": (_pipe, "neither a file nor a folder"),
    "device": (_device, "neither a file nor a folder"),
    "folder": (_folder, "has no file"),
    "through_file": (_through_file, "does not exist"),
    "packed_cut": (_packed_cut, "cannot be unpacked"),
    "packed_flipped": (_packed_flipped, "cannot be unpacked"),
    "parquet_cut": (_parquet_cut, "Parquet"),
    "parquet_flipped": (_parquet_flipped, "Parquet"),
    "parquet_no_rows": (_prompts([], pa.string()), "holds no rows"),
    "parquet_no_columns": (_table({}), "holds no rows"),
    "parquet_column_twice": (_twice, "more than once"),
    "memory": (_memory, "cannot be read"),
    "parquet_other_column": (_table({"text": BREAD}), "no column 'prompt'"),
}
"""Makers of files that are refused, and a part of the message."""
