"""Rows of files of separated cells: CSV, where cells may be quoted, and TSV, where quotes are letters."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mlc_data.core.records import PromptReason
from mlc_data.errors import SourceError
from mlc_data.recipe.sources import TextFormat
from mlc_data.sources.rows import RawRow, Wanted
from mlc_data.sources.text_files import GZIP, open_text

log = logging.getLogger(__name__)

_DELIMITERS = {"a comma": ",", "';'": ";", "a tab": "\t", "'|'": "|"}
_QUOTE = '"'


@dataclass(frozen=True)
class _Dialect:
    """Characters between cells and around them (None: none around them)."""

    delimiter: str
    quote: str | None
    unwrap: bool = False
    """Take the quotes off cells that are quoted beyond doubt."""

    def cells(self, cells: Sequence[str]) -> list[str]:
        return [_unwrapped(cell) for cell in cells] if self.unwrap else list(cells)


def read_csv(path: Path, form: TextFormat, wanted: Wanted | None, key: str) -> Iterator[RawRow]:
    """Yield the rows of a file with a header.

    Raises:
        SourceError: the header names no column, or one of those wanted twice, or other characters separate
            its columns.
    """
    # csv's own limit is not needed: a cell that is too long is rejected with its row.
    csv.field_size_limit(2**31 - 1)
    with open_text(path, form.encoding, key, newline="") as handle:
        lines = handle.readlines()
    dialect = _dialect(path, form, lines[0] if lines else "")
    records = _records(lines, dialect)
    _, cells, fault = next(records, (1, [], "it is empty"))
    header = [name.strip() for name in dialect.cells(cells)]
    if fault or not any(header):
        raise SourceError(f"{path}, line 1: no column names: {fault or 'the line is blank'}")
    _check_header(header, wanted, f"{path}, line 1", key)
    for number, (line, cells, fault) in enumerate(records, start=1):
        yield _row(number, line, header, dialect.cells(cells), fault)


def _dialect(path: Path, form: TextFormat, first: str) -> _Dialect:
    named = path.with_suffix("") if path.suffix.lower() == GZIP else path
    tabs = named.suffix.lower() == ".tsv"
    delimiter = form.delimiter or ("\t" if tabs else ",")
    if form.quote != "auto":
        return _Dialect(delimiter, None if form.quote == "none" else form.quote)
    cells = first.strip("\r\n").split(delimiter)
    if tabs and not all(_is_quoted(cell) for cell in cells):
        return _Dialect(delimiter, None, unwrap=True)
    return _Dialect(delimiter, _QUOTE)


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == _QUOTE


def _unwrapped(cell: str) -> str:
    """Return a cell without the quotes around it, if all those within are written twice."""
    inner = cell[1:-1]
    twice = inner.count(_QUOTE * 2)
    if not _is_quoted(cell) or not twice or inner.replace(_QUOTE * 2, "").count(_QUOTE):
        return cell
    return inner.replace(_QUOTE * 2, _QUOTE)


def _records(lines: list[str], dialect: _Dialect) -> Iterator[tuple[int, list[str], str]]:
    """Yield line number, cells and fault of every record.

    A record that is not CSV (a quote that is never closed, text after a closing quote) loses only its
    first line: reading continues at the next line.
    """
    begun = 0
    while begun < len(lines):
        rest = islice(lines, begun, None)
        if dialect.quote is None:
            reader = csv.reader(rest, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
        else:
            reader = csv.reader(
                rest, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True
            )
        read = 0
        try:
            for cells in reader:
                yield begun + read + 1, cells, ""
                read = reader.line_num
            return
        except csv.Error as error:
            yield begun + read + 1, [], f"not CSV: {error}"
            begun += read + 1


def _check_header(header: list[str], wanted: Wanted | None, where: str, key: str) -> None:
    twice = {name for name in header if name and header.count(name) > 1}
    if wanted is not None:
        twice &= {wanted.prompt, *wanted.others}
    if twice:
        raise SourceError(f"{where}: the header names {', '.join(sorted(twice))} more than once")
    if wanted is None or wanted.prompt.casefold() in (name.casefold() for name in header):
        return
    for name, delimiter in _DELIMITERS.items():
        parts = [part.strip().strip(_QUOTE) for cell in header for part in cell.split(delimiter)]
        same = [part for part in parts if part.casefold() == wanted.prompt.casefold()]
        if same:
            named = "" if same[0] == wanted.prompt else f", and {key}.columns.prompt={same[0]}"
            raise SourceError(
                f"{where}: the header has {same[0]!r} only if {name} separates the columns: set "
                f"{key}.delimiter={delimiter!r}{named}, or {key}.quote if cells are quoted (header: {' '.join(header)})"
            )


def _row(number: int, line: int, header: list[str], cells: list[str], fault: str) -> RawRow:
    where = f"line {line}"
    if fault:
        return RawRow(number, where, None, PromptReason.MALFORMED, fault)
    if not cells:
        return RawRow(number, where, None, PromptReason.EMPTY, "the line is blank")
    if any(cell.strip() for cell in cells[len(header) :]):
        detail = f"{len(cells)} fields where the header has {len(header)}"
        return RawRow(number, where, None, PromptReason.MALFORMED, detail)
    # An empty cell is how CSV writes "nothing"; a column without a name is no column.
    record = {name: cell or None for name, cell in zip(header, cells, strict=False) if name}
    return RawRow(number, where, record)
