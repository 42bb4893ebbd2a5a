"""What a refresh found and did, as tables and lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table

from mlc_data.refresh.card import COLUMNS, prompts_in_words
from mlc_data.refresh.record import Diff
from mlc_data.refresh.refresh import Refreshed


def tables(done: Refreshed) -> Iterator[RenderableType]:
    """What to print."""
    diff = done.diff
    if diff is None:
        yield f"{done.run.folder}: nothing has changed, nothing was touched"
        return
    if diff.before is None:
        yield f"{done.run.folder}: built; no earlier build was there to compare with"
    elif diff.empty:
        yield f"{done.run.folder}: no prompt, variant or set has changed"
    yield _languages(diff)
    yield _figures(done, diff)


def _languages(diff: Diff) -> Table:
    table = Table(title=f"Refresh of {diff.name}", title_justify="left")
    # 80 columns are enough for all of it: numbers are short, and their headers wrap.
    table.add_column("language", no_wrap=True)
    for header in COLUMNS.values():
        table.add_column(header, justify="right", min_width=max(map(len, header.split())))
    new, gone = set(diff.languages_added), set(diff.languages_removed)
    for code, one in diff.by_language.items():
        what = " new" if code in new and diff.before else " gone" if code in gone else ""
        table.add_row(code + what, *(str(getattr(one, key)) for key in COLUMNS))
    table.add_section()
    table.add_row("all", *(str(getattr(diff.variants, key)) for key in COLUMNS))
    return table


def _figures(done: Refreshed, diff: Diff) -> Table:
    grid = Table.grid(padding=(0, 2))
    sets, training = diff.sets, diff.training
    grid.add_row("prompts", prompts_in_words(diff.prompts))
    grid.add_row(
        "variant sets",
        f"{sets.added} added, {sets.removed} removed, {sets.changed} changed, {sets.after} now",
    )
    grid.add_row(
        "translated just now",
        f"{done.work['translate']} sentences, there and back; {done.work['rescue']} to rescue",
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
    for where in done.published:
        grid.add_row("published", where)
    grid.add_row("diff", str(done.run.path("refresh")))
    return grid
