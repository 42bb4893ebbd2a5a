"""Names of files and folders are printed as they are."""

import io
import sys

import pytest
from rich.table import Table

from mlc_data.core import console


def test_brackets_in_names_are_no_markup() -> None:
    table = Table("file")
    table.add_row("run [v2]/:car:/prompts.parquet")
    with console.out.capture() as captured:
        console.out.print(table)
        console.out.print("wrote run [v2]/x")
    assert "run [v2]/:car:/prompts.parquet" in captured.get()
    assert "wrote run [v2]/x" in captured.get()


def test_what_the_terminal_cannot_show_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    console.show_all_characters()
    sys.stdout.write("Bokmål 挪威\n")
    sys.stdout.flush()
    assert b"Bokm" in written.getvalue()
