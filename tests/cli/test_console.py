"""Names of files and folders are printed as they are."""

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
