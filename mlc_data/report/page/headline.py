"""The top of the report as Markdown, for Prefect's UI, with a link that works from another machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from urllib.parse import quote

from mlc_data.pipeline.layout import REPORT
from mlc_data.pipeline.run import Run
from mlc_data.report.page.context import Facts
from mlc_data.report.page.counts import Figure, languages
from mlc_data.report.page.render import figure
from mlc_data.report.page.safety import safety
from mlc_data.report.page.sentences import sentences
from mlc_data.report.page.strip import steps

BASE_URL = "MLC_DATA_REPORT_URL"
"""Environment variable with the address under which the folder of all runs is served, such as
``https://example.org/runs``."""
_ADDRESS = ":/?#[]@!$&'*+,;=%~"
"""Characters that stand as they are in an address within Markdown: not blanks, not round brackets."""


def headline(run: Run) -> str:
    """Return the run's figures in Markdown, and where its report is."""
    return "\n\n".join(_parts(Facts(run)))


def link(run: Run) -> str | None:
    """Return the address of a run's report; None where `BASE_URL` is not set."""
    base = quote(os.environ.get(BASE_URL, "").strip().rstrip("/"), safe=_ADDRESS)
    if not base:
        return None
    place = run.path(REPORT).relative_to(run.folder).as_posix()
    return f"{base}/{quote(run.folder.resolve().name, safe='')}/{quote(place)}"


def _parts(facts: Facts) -> Iterator[str]:
    judged = safety(facts)
    yield "\n".join(f"- {line}" for line in sentences(facts, languages(facts, ()), judged))
    done = steps(facts)
    if done:
        lines = [f"| {each.name} | {each.kept:,} | {each.of:,} |" for each in done]
        yield "\n".join(["| | kept | of |", "|---|---|---|", *lines])
    if judged.known:
        lines = [
            f"| {each.title} | {_interval(each.before)} | {_interval(each.after)} |"
            for each in judged.compared
        ]
        yield "\n".join(["| | before | after |", "|---|---|---|", *lines])
    yield _where(facts.run)


def _interval(each: Figure) -> str:
    if each.value is None or each.low is None:
        return figure(each.value)
    return f"{figure(each.value)} [{figure(each.low)}, {figure(each.high)}]"


def _where(run: Run) -> str:
    if not run.path(REPORT).is_file():
        return "There is no report yet."
    address = link(run)
    if address:
        return f"[Report of run {run.recipe.name}]({address})"
    return (
        f"The report is `{run.path(REPORT).resolve()}` on {socket.gethostname()}. Set {BASE_URL} on the workers to "
        "the address under which the folder of runs is served, and this becomes a link."
    )
