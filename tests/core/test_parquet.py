from pathlib import Path

import polars as pl
import pytest
from pyarrow.parquet import ParquetFile

from mlc_data.core.parquet import SplitFiles, TableWriter


def test_a_table_written_in_parts_has_few_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TableWriter, "GROUP", 10)
    schema: dict[str, pl.DataType] = {"n": pl.Int64()}
    parts = [pl.DataFrame({"n": range(3 * i, 3 * i + 3)}, schema=schema) for i in range(9)]
    with TableWriter(tmp_path / "some.parquet", schema) as writer:
        for part in parts:
            writer.write(part)
    assert pl.read_parquet(tmp_path / "some.parquet").equals(pl.concat(parts))
    groups = ParquetFile(tmp_path / "some.parquet").metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [12, 12, 3]
    with TableWriter(tmp_path / "none.parquet", schema):
        pass
    assert pl.read_parquet(tmp_path / "none.parquet").schema == schema


@pytest.mark.parametrize(("rows", "sizes"), [(0, [0]), (4, [4]), (5, [4, 1]), (9, [4, 4, 1])])
def test_files_of_a_split(tmp_path: Path, rows: int, sizes: list[int]) -> None:
    schema: dict[str, pl.DataType] = {"n": pl.Int64()}
    whole = pl.DataFrame({"n": range(rows)}, schema=schema)
    for keep in (True, False):
        folder = tmp_path / str(keep)
        folder.mkdir()
        with SplitFiles(folder, "train", 4, schema, keep_empty=keep) as files:
            for part in whole.iter_slices(3):
                files.write(part)
        assert files.rows == rows
        expected = sizes if rows or keep else []
        names = [f"train-{n:05d}-of-{len(expected):05d}.parquet" for n in range(len(expected))]
        assert sorted(path.name for path in folder.iterdir()) == names
        assert [pl.read_parquet(folder / name).height for name in names] == expected
        if expected:
            assert pl.read_parquet(folder / "*.parquet").equals(whole)
