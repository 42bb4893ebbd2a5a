"""Rows of files of separated cells: CSV, where cells may be quoted, and TSV, where quotes are letters."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mlc_data.core.records import PromptReason
from mlc_data.errors import SourceError
from mlc_data.recipe.sources import TextFormat
from mlc_data.sources.rows import RawRow, Wanted
from mlc_data.sources.text_files import PACKED, open_text

log = logging.getLogger(__name__)

_DELIMITERS = (",", ";", "\t", "|")
_SEP = re.compile(r"\s*\"?sep=(?P<delimiter>[^\"\r\n])\"?[,;\t ]*[\r\n]*", re.IGNORECASE)
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
        SourceError: the header names no column, or one of those wanted twice.
    """
    # csv's own limit is not needed: a cell that is too long is rejected with its row.
    csv.field_size_limit(2**31 - 1)
    with open_text(path, form.encoding, key, newline="") as handle:
        lines = handle.readlines()
    begun, named = _begin(lines)
    dialect = _dialect(path, form, lines[begun] if lines else "", named, wanted)
    records = _records(lines, dialect, begun)
    line, cells, fault = next(records, (1, [], "it is empty"))
    header = [name.strip() for name in dialect.cells(cells)]
    if fault or not any(header):
        raise SourceError(f"{path}, line {line}: no column names: {fault or 'the line is blank'}")
    _check_header(header, wanted, f"{path}, line {line}")
    for number, (line, cells, fault) in enumerate(records, start=1):
        yield _row(number, line, header, dialect.cells(cells), fault)


def _begin(lines: Sequence[str]) -> tuple[int, str | None]:
    """Return the place of the header, and the delimiter that Excel's line `sep=;` before it names."""
    begun, named = 0, None
    if lines and (said := _SEP.fullmatch(lines[0])):
        begun, named = 1, said["delimiter"]
    while begun < len(lines) - 1 and not lines[begun].strip():
        begun += 1
    return min(begun, max(len(lines) - 1, 0)), named


def _dialect(
    path: Path, form: TextFormat, header: str, named: str | None, wanted: Wanted | None
) -> _Dialect:
    tabs = form.format == "tsv"
    if form.format is None:
        name = path.with_suffix("") if path.suffix.lower() in PACKED else path
        tabs = name.suffix.lower() in (".tsv", ".tab")
    usual = "\t" if tabs else ","
    delimiter = form.delimiter or named or _likeliest(header, usual, form.quote, wanted)
    if delimiter != usual and not (form.delimiter or named):
        log.warning("%s: %r separates its columns", path, delimiter)
    if form.quote != "auto":
        return _Dialect(delimiter, None if form.quote == "none" else form.quote)
    cells = header.strip("\r\n").split(delimiter)
    if tabs and delimiter == usual and not all(_is_quoted(cell) for cell in cells):
        return _Dialect(delimiter, None, unwrap=True)
    return _Dialect(delimiter, _QUOTE)


def _likeliest(header: str, usual: str, quote: str, wanted: Wanted | None) -> str:
    """Return the delimiter by which the header has most of the wanted columns, the usual one where that decides
    nothing."""

    def score(delimiter: str) -> tuple[bool, int]:
        marks = _QUOTE if quote in ("auto", "none") else quote
        cells = [cell.strip().strip(marks).strip() for cell in header.split(delimiter)]
        if wanted is None:
            return False, len(cells)
        return wanted.prompt in cells, len(wanted.among(cells))

    best = max((usual, *_DELIMITERS), key=score)
    if wanted is not None and score(best) == (False, 0) and usual not in header:
        # No column has a name that is wanted: the error lists those that there are.
        return max((usual, *_DELIMITERS), key=header.count)
    enough = wanted is not None or score(usual)[1] < 2
    return best if enough and score(best) > score(usual) else usual


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == _QUOTE


def _unwrapped(cell: str) -> str:
    """Return a cell without the quotes around it, if all those within are written twice."""
    inner = cell[1:-1]
    twice = inner.count(_QUOTE * 2)
    if not _is_quoted(cell) or not twice or inner.replace(_QUOTE * 2, "").count(_QUOTE):
        return cell
    return inner.replace(_QUOTE * 2, _QUOTE)


def _records(
    lines: list[str], dialect: _Dialect, begun: int = 0
) -> Iterator[tuple[int, list[str], str]]:
    """Yield line number, cells and fault of every record.

    A record that is not CSV (a quote that is never closed, text after a closing quote) loses only its
    first line: reading continues at the next line.
    """
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


def _check_header(header: list[str], wanted: Wanted | None, where: str) -> None:
    twice = {name for name in header if name and header.count(name) > 1}
    if wanted is not None:
        twice &= {wanted.prompt, *wanted.others}
    if twice:
        raise SourceError(f"{where}: the header names {', '.join(sorted(twice))} more than once")


def _row(number: int, line: int, header: list[str], cells: list[str], fault: str) -> RawRow:
    where = f"line {line}"
    if fault:
        return RawRow(number, where, None, PromptReason.MALFORMED, fault)
    if not cells:
        return RawRow(number, where, None, PromptReason.EMPTY, "the line is blank")
    if len(header) > 1 and [cell.strip().lstrip("\ufeff") for cell in cells] == header:
        return RawRow(number, where, None, PromptReason.MALFORMED, "the header again")
    if any(cell.strip() for cell in cells[len(header) :]):
        detail = f"{len(cells)} fields where the header has {len(header)}"
        return RawRow(number, where, None, PromptReason.MALFORMED, detail)
    # An empty cell is how CSV writes "nothing"; a column without a name is no column.
    record = {name: cell or None for name, cell in zip(header, cells, strict=False) if name}
    return RawRow(number, where, record)
