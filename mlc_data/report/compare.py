"""Two runs side by side: counts, languages, reasons, thresholds, refusals, held-out measures, settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mlc_data.core.files import write_text
from mlc_data.core.hashing import canonical_json
from mlc_data.core.redaction import without_folders
from mlc_data.languages.flores import get_language
from mlc_data.pipeline.run import Run
from mlc_data.report.page.context import Facts
from mlc_data.report.page.counts import Figure
from mlc_data.report.page.limits import page_limits
from mlc_data.report.page.render import figure, page
from mlc_data.report.page.safety import Safety, safety
from mlc_data.report.page.strip import steps
from mlc_data.report.page.training import MEASURES

NONE = "–"


class Show(StrEnum):
    """Lines of a part that are shown."""

    ALL = "all"
    DIFFERENT = "different"
    COMMON = "common"  # those that both runs have, and that differ


@dataclass(frozen=True)
class Line:
    """A figure or setting of both runs, as text; `NONE` where one of them has none."""

    name: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        """True if the two texts differ."""
        return self.first != self.second


@dataclass(frozen=True)
class Part:
    """Lines under a title."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Comparison:
    """Both runs: their names (with their folders where the names are equal) and all parts."""

    names: tuple[str, str]
    parts: Sequence[Part]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison for ``--json``."""
        return {
            "runs": list(self.names),
            "parts": {part.title: [asdict(line) for line in part.lines] for part in self.parts},
        }


Texts = Mapping[str, str]
"""Texts by the name of their line, in order."""


def compare(first: Run, second: Run) -> Comparison:
    """Return the comparison of two runs, as far as each has come."""
    both = Facts(first), Facts(second)
    judged = safety(both[0]), safety(both[1])
    parts = [
        Part(title, _lines(read(both[0]), read(both[1]), show)) for title, read, show in _PARTS
    ]
    places = {title: place for place, (title, *_) in enumerate(_PARTS)}
    parts.insert(
        places["thresholds"], Part("replies", _lines(_refusals(judged[0]), _refusals(judged[1])))
    )
    return Comparison(_names(first, second), parts)


def write_page(found: Comparison, path: Path) -> None:
    """Write the comparison as a page."""
    write_text(path, page("compare.html.j2", found=found, scripts=()))


def _names(first: Run, second: Run) -> tuple[str, str]:
    names = [run.recipe.name for run in (first, second)]
    if names[0] == names[1]:
        names = [run.folder.resolve().name for run in (first, second)]
    if names[0] == names[1]:
        names = [str(run.folder) for run in (first, second)]
    return names[0], names[1]


def _lines(first: Texts, second: Texts, show: Show = Show.ALL) -> list[Line]:
    names = list(dict.fromkeys([*first, *second]))
    if show == Show.COMMON:
        names = [name for name in names if name in first and name in second]
    lines = [Line(name, first.get(name, NONE), second.get(name, NONE)) for name in names]
    return [line for line in lines if line.differs or show == Show.ALL]


def _counts(facts: Facts) -> Texts:
    return {each.name: f"{each.kept:,} of {each.of:,}" for each in steps(facts)}


def _by_language(facts: Facts) -> Texts:
    counts = facts.manifest.counts.by_language or {}
    return {
        f"{get_language(code).name} ({code})": f"{own.kept:,} of {own.requested:,} ({own.kept / own.requested:.0%})"
        for code, own in counts.items()
        if own.requested
    }


def _reasons(facts: Facts) -> Texts:
    counts = facts.manifest.counts.variants
    if counts is None:
        return {}
    return {name: f"{number:,}" for name, number in {**counts.rejected, **counts.failed}.items()}


def _refusals(judged: Safety) -> Texts:
    texts = {}
    for compared in judged.compared:
        for when, value in (("before", compared.before), ("after", compared.after)):
            texts[f"{compared.title}, {when}"] = _interval(value)
    for tongue, figures in judged.languages.items():
        texts[f"difference in {tongue.name}, after"] = _interval(figures["difference"].after)
    return texts


def _interval(value: Figure) -> str:
    if value.value is None or value.low is None:
        return figure(value.value)
    return f"{figure(value.value)} [{figure(value.low)}, {figure(value.high)}]"


def _measures(facts: Facts) -> Texts:
    texts: dict[str, str] = {}
    for when in ("before", "after"):
        measured = facts.manifest.results.get(when) or {}
        texts |= {
            f"{title}, {when}": figure(measured[name], 4)
            for name, title, _ in MEASURES
            if name in measured
        }
    return texts


def _thresholds(facts: Facts) -> Texts:
    if not facts.decided:
        return {}
    return {
        f"{limit.key}.{code}": f"{'≤' if limit.upper else '≥'} {bound:.4g}"
        for limit in page_limits(facts)
        for code, bound in limit.bounds.items()
    }


def _settings(facts: Facts) -> Texts:
    recipe = without_folders(facts.run.recipe.model_dump(mode="json"))
    return dict(_flat(recipe, ""))


def _flat(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, canonical_json(value)


def _models(facts: Facts) -> Texts:
    return {
        role.replace("_", " "): f"{without_folders(model.id)} at {model.revision[:12]}"
        for role, model in facts.manifest.models.items()
    }


def _seconds(facts: Facts) -> Texts:
    return {name: f"{record.seconds:,.1f}" for name, record in facts.manifest.stages.items()}


_PARTS: tuple[tuple[str, Callable[[Facts], Texts], Show], ...] = (
    ("kept", _counts, Show.ALL),
    ("languages", _by_language, Show.ALL),
    ("reasons", _reasons, Show.ALL),
    ("held-out sets", _measures, Show.ALL),
    ("thresholds", _thresholds, Show.COMMON),
    ("settings", _settings, Show.DIFFERENT),
    ("models", _models, Show.DIFFERENT),
    ("seconds", _seconds, Show.ALL),
)
"""Titles, what is read from a run, and which lines are shown."""
