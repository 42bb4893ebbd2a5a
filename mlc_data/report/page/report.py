"""The report of a run as one file: all sections from the run's tables, without network."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mlc_data.core.files import write_text
from mlc_data.pipeline.layout import REPORT
from mlc_data.pipeline.report_state import current_report, state_of
from mlc_data.pipeline.run import Run
from mlc_data.report.page import drawings
from mlc_data.report.page.changes import Changes, changes
from mlc_data.report.page.context import Facts, PageOptions, Tongue
from mlc_data.report.page.counts import Heat, Languages, heat, languages
from mlc_data.report.page.limits import page_limits
from mlc_data.report.page.provenance import Provenance, provenance
from mlc_data.report.page.render import data_of, page
from mlc_data.report.page.replies import Replies, replies
from mlc_data.report.page.reviewing import Reviewing, reviewing
from mlc_data.report.page.rows import Rows, rows
from mlc_data.report.page.safety import Safety, safety
from mlc_data.report.page.sentences import sentences
from mlc_data.report.page.states import States, states
from mlc_data.report.page.strip import Step, steps
from mlc_data.report.page.thresholds import Thresholds, thresholds
from mlc_data.report.page.training import Training, training

log = logging.getLogger(__name__)

SECTIONS = (
    ("overview", "Overview"),
    ("languages", "Languages"),
    ("reasons", "Reasons"),
    ("thresholds", "Thresholds"),
    ("rows", "Rows"),
    ("review", "Review"),
    ("training", "Training"),
    ("states", "Representations"),
    ("replies", "Replies"),
    ("changes", "Refresh"),
    ("provenance", "Provenance"),
)
"""Ids and titles of the sections, in order."""


@dataclass(frozen=True)
class Report:
    """Every section of a run's report."""

    facts: Facts
    steps: tuple[Step, ...]
    sentences: tuple[str, ...]
    safety: Safety
    languages: Languages
    heat: Heat
    thresholds: Thresholds
    rows: Rows
    review: Reviewing
    training: Training
    states: States
    replies: Replies
    changes: Changes
    provenance: Provenance

    def data(self) -> dict[str, Any]:
        """Return what the page's script works with."""
        codes = {self.facts.source.code: self.facts.source}
        codes |= {each.code: each for each in self.facts.targets}
        codes |= {code: Tongue.of(code) for code in self.replies.languages}
        by_language = self.facts.manifest.counts.by_language or {}
        return {
            "run": self.facts.folder,
            "name": self.facts.run.recipe.name,
            "source": self.facts.source.code,
            "languages": {
                code: {"name": each.name, "tag": each.tag, "dir": each.direction}
                for code, each in codes.items()
            },
            "kept": {code: counts.kept for code, counts in by_language.items()},
            "requested": {code: counts.requested for code, counts in by_language.items()},
            "harmless": sorted(self.facts.harmless),
            "limits": self.thresholds.data(),
            "scores": self.rows.scores,
            "prompts": self.rows.prompts,
            "rows": self.rows.variants,
            "sample": self.review.sample,
            "review": self.review.rows,
            "replies": self.replies.pairs,
        }


def report(run: Run, options: PageOptions | None = None) -> Report:
    """Return the report's sections from the run's files; the review's sample is kept with the run."""
    facts = Facts(run, options or PageOptions())
    limits = page_limits(facts) if facts.decided else ()
    counted, judged = languages(facts, limits), safety(facts)
    return Report(
        facts=facts,
        steps=steps(facts),
        sentences=sentences(facts, counted, judged),
        safety=judged,
        languages=counted,
        heat=heat(counted),
        thresholds=thresholds(facts, limits),
        rows=rows(facts, limits),
        review=reviewing(facts),
        training=training(facts),
        states=states(facts),
        replies=replies(facts),
        changes=changes(facts),
        provenance=provenance(facts),
    )


def write_report(run: Run, options: PageOptions | None = None, path: Path | None = None) -> Path:
    """Write a run's report; return its path.

    Args:
        run: any run, finished or not: a section without data says which command makes them.
        options: sizes; by default those of `PageOptions`.
        path: the file; by default ``report.html`` in the run's folder.
    """
    target = path or run.path(REPORT)
    with run.locked():
        made = report(run, options)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, html(made))
    log.info("report: %s (%.1f MB)", target, target.stat().st_size / 1e6)
    return target


def bring_up_to_date(run: Run) -> None:
    """Write a run's report unless it shows the run's present state already, or its folder cannot be written."""
    if current_report(run) is not None:
        return
    if os.access(run.folder, os.W_OK):
        write_report(run)
    else:
        log.warning("report: %s cannot be written, so there is no new report", run.folder)


def html(made: Report) -> str:
    """Return the page."""
    drawn: Mapping[str, Markup] = drawings.draw(made.safety, made.training, made.states)
    return page(
        "page.html.j2",
        report=made,
        run=made.facts.run,
        folder=made.facts.folder,
        sections=SECTIONS,
        charts=drawn,
        state=state_of(made.facts.run),
        data=data_of(made.data()),
    )
