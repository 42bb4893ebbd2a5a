"""The result of a refresh as tables and lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table

from mlc_data.refresh.card import COLUMNS, describe_prompts
from mlc_data.refresh.record import Diff
from mlc_data.refresh.refresh import Refreshed


def tables(done: Refreshed) -> Iterator[RenderableType]:
    """Yield the tables and lines to print."""
    diff = done.diff
    if diff is None:
        yield f"{done.run.folder}: nothing has changed, nothing was touched"
        return
    if diff.before is None:
        yield f"{done.run.folder}: built; there is no earlier build to compare with"
    elif diff.empty:
        yield f"{done.run.folder}: no prompt, variant or set has changed"
    yield _languages(diff)
    yield _figures(done, diff)


def _by_place(diff: Diff) -> bool:
    """Return whether ids would have matched removed with added prompts."""
    prompts = diff.prompts
    return (
        diff.before is not None
        and prompts.told_by == "place"
        and bool(prompts.added and prompts.removed)
    )


def _languages(diff: Diff) -> Table:
    table = Table(title=f"Refresh of {diff.name}", title_justify="left")
    # It fits 80 columns: numbers are short, and their headers wrap.
    table.add_column("language", no_wrap=True)
    for header in COLUMNS.values():
        table.add_column(header, justify="right", min_width=max(map(len, header.split())))
    new, gone = set(diff.languages_added), set(diff.languages_removed)
    for code, counts in diff.by_language.items():
        note = " new" if code in new and diff.before else " gone" if code in gone else ""
        table.add_row(code + note, *(str(getattr(counts, key)) for key in COLUMNS))
    table.add_section()
    table.add_row("all", *(str(getattr(diff.variants, key)) for key in COLUMNS))
    return table


def _figures(done: Refreshed, diff: Diff) -> Table:
    grid = Table.grid(padding=(0, 2))
    sets, training = diff.sets, diff.training
    grid.add_row("prompts", describe_prompts(diff.prompts))
    if _by_place(diff):
        grid.add_row(
            "",
            "matched by their place, so an edited prompt may count as removed and added: name a column of ids with "
            "sources.prompts.columns.id",
        )
    grid.add_row(
        "variant sets",
        f"{sets.added} added, {sets.removed} removed, {sets.changed} changed, {sets.after} now",
    )
    grid.add_row(
        "translated now",
        f"{done.work['translate']} sentences, both ways; {done.work['rescue']} for rescue",
    )
    for model in diff.models:
        was = model.before.revision if model.before else "none"
        grid.add_row(model.name.replace("_", " "), f"revision {was} is now {model.after.revision}")
    if diff.settings is None:
        grid.add_row("settings", "not compared: the recipe of the build before is not known")
    for setting in diff.settings or ():
        grid.add_row(setting.key, f"{setting.before} is now {setting.after}")
    share = f"{100 * training.share:.1f} % of the sets differ from those trained on"
    grid.add_row("training", f"{'done again' if done.trained else 'not done'}; {share}")
    for address in done.published:
        grid.add_row("published", address)
    grid.add_row("diff", str(done.run.path("refresh")))
    return grid
