"""Commands that score variants: their files, and errors that say what to mend."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import polars as pl
import pytest

from mlc_data.checks.external.command import REQUEST, run_command, with_paths
from mlc_data.errors import MlcDataError, UsageError

ROWS = pl.DataFrame(
    {
        "prompt": ["How?", "Why?", "When?"],
        "language": ["swh_Latn", "spa_Latn", "spa_Latn"],
        "variant": ["Vipi?", "¿Por qué?", "¿Cuándo?"],
        "back_translation": ["How?", None, "When?"],
    }
)
READ = "import sys, time, polars as pl; rows = pl.read_parquet(sys.argv[1]); "


def program(then: str) -> list[str]:
    return [sys.executable, "-c", READ + then]


def writes(table: str) -> list[str]:
    return program(f"pl.DataFrame({table}).write_parquet(sys.argv[2])")


def scores_of(command: list[str], timeout: float | None = 60) -> list[float | None]:
    return run_command(command, ROWS, key="checks.external.kiwi", timeout=timeout).to_list()


def test_paths_stand_where_the_placeholders_are() -> None:
    command = ["score", "--in={input}", "-o", "{output}", "{}"]
    assert with_paths(command, Path("a"), Path("b")) == ["score", "--in=a", "-o", "b", "{}"]


def test_paths_follow_a_command_without_placeholders() -> None:
    assert with_paths(["score", "-v"], Path("a"), Path("b")) == ["score", "-v", "a", "b"]


def test_the_input_has_the_documented_schema(tmp_path: Path) -> None:
    kept = tmp_path / "kept.parquet"
    code = (
        f"rows.write_parquet({str(kept)!r}); rows.select('row', score=1).write_parquet(sys.argv[2])"
    )
    scores_of(program(code))
    assert pl.read_parquet(kept).schema == REQUEST
    assert pl.read_parquet(kept)["row"].to_list() == [0, 1, 2]


def test_scores_are_matched_by_row_and_not_by_order() -> None:
    assert scores_of(writes("{'row': [2, 0, 1], 'score': [3, 1, 2]}")) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "table",
    [
        "{'row': [0, 2], 'score': [1.0, 3.0]}",
        "{'row': [0, 1, 2], 'score': [1.0, None, 3.0]}",
        "{'row': [0, 1, 2], 'score': [1.0, float('nan'), 3.0]}",
    ],
)
def test_a_row_without_a_score_is_left_open(table: str) -> None:
    assert scores_of(writes(table)) == [1.0, None, 3.0]


def test_a_table_without_rows_leaves_all_open() -> None:
    assert scores_of(writes("{'row': [], 'score': []}")) == [None] * 3


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("{'id': [0], 'score': [1.0]}", "has no column row; it has: id, score"),
        ("{'row': ['a'], 'score': [1.0]}", "has a column row of String"),
        ("{'row': [0], 'score': ['good']}", "has a column score of String; it has to hold numbers"),
        ("{'row': [7], 'score': [1.0]}", r"has the row 7, which is not in the input \(0 to 2\)"),
        ("{'row': [-1], 'score': [1.0]}", "has the row -1"),
        ("{'row': [1, 1], 'score': [1.0, 2.0]}", "has the row 1 more than once"),
        ("{'row': [1], 'score': [float('inf')]}", "has an infinite score in row 1"),
    ],
)
def test_another_table_is_refused(table: str, words: str) -> None:
    with pytest.raises(MlcDataError, match=f"checks.external.kiwi: the command's output {words}"):
        scores_of(writes(table))


def test_a_file_that_is_not_parquet_is_refused() -> None:
    with pytest.raises(MlcDataError, match="cannot be read as Parquet"):
        scores_of(program("open(sys.argv[2], 'w').write('row,score')"))


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(
        MlcDataError, match=r"without writing its output file(?s:.*)It printed nothing"
    ):
        scores_of(program("pass"))


def test_a_failing_command_shows_its_last_lines() -> None:
    code = "[print('line', n, file=sys.stderr) for n in range(50)]; sys.exit(3)"
    with pytest.raises(MlcDataError, match="exit status 3") as failure:
        scores_of(program(code))
    assert "line 49" in str(failure.value)
    assert "line 29" not in str(failure.value)


def test_a_command_that_is_not_there_is_an_error_of_use() -> None:
    with pytest.raises(UsageError, match=r"checks.external.kiwi: cannot start 'no-such-program'"):
        scores_of(["no-such-program"])


def test_a_command_that_takes_too_long_is_ended_with_its_children() -> None:
    child = (
        "import subprocess; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    begun = time.perf_counter()
    with pytest.raises(MlcDataError, match=r"ended after 2 seconds \(timeout_s\)"):
        scores_of(program(child), timeout=2)
    assert time.perf_counter() - begun < 30
