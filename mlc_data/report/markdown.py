"""The terminal's tables as Markdown, for Prefect's UI."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


def in_markdown(part: RenderableType) -> str:
    """Return a table as a Markdown table, with its title above it; anything else as text."""
    if not isinstance(part, Table):
        return _plain(part)
    heads = [_cell(column.header) for column in part.columns]
    rows = [
        [_cell(cell) for cell in row]
        for row in zip(*(column.cells for column in part.columns), strict=True)
    ]
    lines = [_line(heads), _line(["---"] * len(heads)), *map(_line, rows)]
    title = [f"**{_plain(part.title)}**", ""] if part.title else []
    return "\n".join([*title, *lines])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: RenderableType) -> str:
    return _plain(cell).replace("|", "\\|").replace("\n", " ")


def _plain(part: RenderableType) -> str:
    return Text.from_markup(part).plain if isinstance(part, str) else str(part)
