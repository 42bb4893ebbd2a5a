"""Tables for places that show Markdown."""

from rich.table import Table

from mlc_data.report.markdown import in_markdown


def test_a_table_keeps_its_title_heads_and_cells() -> None:
    table = Table("language", "kept", title="Run [bold]one[/bold]")
    table.add_row("a|b", "[green]3[/green]")
    table.add_row("c\nd", "4")
    assert in_markdown(table) == (
        "**Run one**\n\n| language | kept |\n| --- | --- |\n| a\\|b | 3 |\n| c d | 4 |"
    )


def test_a_grid_and_a_text() -> None:
    grid = Table.grid()
    grid.add_row("sets", "runs/x/sets")
    assert in_markdown(grid) == "|  |  |\n| --- | --- |\n| sets | runs/x/sets |"
    assert in_markdown("published") == "published"


def test_brackets_in_names_stay() -> None:
    assert in_markdown("runs/run [v2]/prompts.parquet") == "runs/run [v2]/prompts.parquet"
