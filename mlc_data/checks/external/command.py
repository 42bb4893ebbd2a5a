"""Commands that score variants: a Parquet file in, a Parquet file out."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from mlc_data.core.parquet import read_parquet
from mlc_data.errors import MlcDataError, UsageError

INPUT, OUTPUT = "{input}", "{output}"
"""Parts of a command's arguments that stand for the paths of its files."""

REQUEST: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "prompt": pl.String(),
    "language": pl.String(),
    "variant": pl.String(),
    "back_translation": pl.String(),
}
"""Columns of the file that a command reads: ``row`` counts from 0, ``language`` is a FLORES-200 code, and
``back_translation`` is null where there is none."""

_SHOWN = 20
"""Last lines of a failed command's output that the error repeats."""


def with_paths(command: Sequence[str], source: Path, target: Path) -> list[str]:
    """Return a command's arguments with the paths in place of `INPUT` and `OUTPUT`, or after them."""
    if not any(INPUT in part or OUTPUT in part for part in command):
        command = (*command, INPUT, OUTPUT)
    return [part.replace(INPUT, str(source)).replace(OUTPUT, str(target)) for part in command]


def run_command(
    command: Sequence[str], rows: pl.DataFrame, *, key: str, timeout: float | None
) -> pl.Series:
    """Return a command's score of each row (Float64), null where it gives none.

    Args:
        command: arguments, run without a shell in the working directory.
        rows: the columns of `REQUEST` but ``row``.
        key: key of the recipe, named in errors.
        timeout: seconds after which the command and all that it started are ended.

    Raises:
        UsageError: the command cannot be started.
        MlcDataError: it fails, takes too long, or writes no table of ``row`` and ``score``.
    """
    request = rows.with_row_index("row").cast({"row": pl.Int64}).select(list(REQUEST))
    with TemporaryDirectory(prefix="mlc-data-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        source, target, shown = (
            folder / each for each in ("input.parquet", "output.parquet", "log.txt")
        )
        request.cast(REQUEST).write_parquet(source)  # type: ignore[arg-type]
        _run(with_paths(command, source, target), shown, key, timeout)
        if not target.is_file():
            raise MlcDataError(
                f"{key}: the command ended without writing its output file: it has to write Parquet with "
                f"the columns row and score to the second path, or to {OUTPUT}{_tail(shown)}"
            )
        return _read(target, request.height, key)


def _run(arguments: Sequence[str], shown: Path, key: str, timeout: float | None) -> None:
    with shown.open("wb") as log:
        try:
            # A file and not a pipe: a process that the command leaves behind may keep a pipe open for ever.
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise UsageError(f"{key}: cannot start {arguments[0]!r}: {error}") from error
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise MlcDataError(
                f"{key}: {arguments[0]!r} was ended after {timeout:g} seconds (timeout_s){_tail(shown)}"
            ) from None
        finally:
            if process.poll() is None:
                _end(process)
    if status:
        how = f"exit status {status}" if status > 0 else f"signal {-status}"
        raise MlcDataError(f"{key}: {arguments[0]!r} failed with {how}{_tail(shown)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and, where the system has process groups, all that it started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _tail(shown: Path) -> str:
    lines = shown.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line for line in lines if line.strip()][-_SHOWN:]
    return ". Its last lines:\n  " + "\n  ".join(said) if said else ". It printed nothing"


def _read(path: Path, height: int, key: str) -> pl.Series:
    """Return the scores of a command's output file in the order of the rows.

    Raises:
        MlcDataError: the file is no Parquet table of ``row`` and ``score``.
    """

    def wrong(what: str) -> MlcDataError:
        return MlcDataError(f"{key}: the command's output {what}")

    try:
        table = read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise wrong(f"cannot be read as Parquet: {error}") from error
    if missing := [name for name in ("row", "score") if name not in table.columns]:
        raise wrong(f"has no column {' and '.join(missing)}; it has: {', '.join(table.columns)}")
    rows, scores = table["row"], table["score"]
    if not rows.dtype.is_integer() and table.height:
        raise wrong(f"has a column row of {rows.dtype}; it has to hold the integers of the input")
    if not (scores.dtype.is_numeric() or scores.dtype == pl.Null):
        raise wrong(f"has a column score of {scores.dtype}; it has to hold numbers")
    answers = table.select(pl.col("row").cast(pl.Int64), pl.col("score").cast(pl.Float64))
    unknown = answers.filter(~pl.col("row").is_between(0, height - 1).fill_null(value=False))
    if unknown.height:
        raise wrong(
            f"has the row {unknown['row'][0]}, which is not in the input (0 to {height - 1})"
        )
    if twice := answers.filter(pl.col("row").is_duplicated())["row"].to_list():
        raise wrong(f"has the row {twice[0]} more than once")
    # NaN is what several libraries write for "no value".
    answers = answers.with_columns(pl.col("score").fill_nan(None))
    if infinite := answers.filter(pl.col("score").is_infinite())["row"].to_list():
        raise wrong(f"has an infinite score in row {infinite[0]}")
    asked = pl.DataFrame({"row": pl.Series(range(height), dtype=pl.Int64)})
    return asked.join(answers, on="row", how="left", maintain_order="left")["score"]
