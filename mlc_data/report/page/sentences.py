"""Sentences made from a run's figures, for the top of the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlc_data.report.page.context import Facts
from mlc_data.report.page.counts import Compared, Languages
from mlc_data.report.page.safety import Safety

WEAK = 0.9
"""A language is weak if its kept share is below this fraction of the best one's."""


def sentences(facts: Facts, languages: Languages, safety: Safety) -> tuple[str, ...]:
    """Return three sentences: on the data, on the weakest language, and on the model."""
    return (_data(facts, languages), _weakest(facts, languages), _model(facts, safety))


def _data(facts: Facts, languages: Languages) -> str:
    counts = facts.manifest.counts.variants
    if counts is None or not counts.requested:
        return "Nothing has been checked yet."
    kept = f"{counts.kept:,} of {counts.requested:,} translations are kept ({percent(counts.kept / counts.requested)})"
    if not counts.rejected:
        return f"{kept}; no check rejects any."
    reason, number = max(counts.rejected.items(), key=lambda each: each[1])
    return f"{kept}; the check that rejects most is “{reason.replace('_', ' ')}” ({number:,})."


def _weakest(facts: Facts, languages: Languages) -> str:
    rows = languages.rows
    if not rows:
        return f"Counts by language come with the verdicts: mlc-data check {facts.folder}."
    worst, best = min(rows, key=lambda row: row.share), max(rows, key=lambda row: row.share)
    sets = facts.manifest.counts.sets
    built = f" {sets.kept:,} prompts have a variant set." if sets else ""
    if worst.share >= WEAK * best.share:
        low, high = percent(worst.share), percent(best.share)
        if low == high:
            return f"All languages keep the same share, {low}.{built}"
        lowest = f"from {low} in {worst.tongue.name} to {high} in {best.tongue.name}"
        return f"All languages keep about as much, {lowest}.{built}"
    why = worst.parts[0].name.replace("_", " ") if worst.parts else "nothing"
    return (
        f"{worst.tongue.name} keeps least, {percent(worst.share)} against {percent(best.share)} in "
        f"{best.tongue.name}, mostly because of {why}.{built}"
    )


def _model(facts: Facts, safety: Safety) -> str:
    if "align" not in facts.manifest.stages:
        return f"No model has been aligned on these sets yet: mlc-data align {facts.folder}."
    if not safety.known:
        return f"No replies have been judged yet: mlc-data evaluate {facts.folder}."
    figures = {each.tongue: each.better for each in _verdicts(safety)}
    better = [name for name, verdict in figures.items() if verdict == "better"]
    worse = [name for name, verdict in figures.items() if verdict == "worse"]
    same = [name for name, verdict in figures.items() if not verdict]
    if not figures:
        return "The replies do not show whether the model distinguishes harmful from harmless prompts: it was asked only one kind."
    few = f" ({safety.asked} prompts were asked in each)" if safety.asked else ""
    by = "By the difference between harmful and harmless prompts refused"
    if len(same) == len(figures) > 1:
        return f"{by}, no language benefits: the intervals before and after overlap in all {len(same)}{few}."
    parts = []
    if better:
        parts.append(f"{_listed(better)} {'benefits' if len(better) == 1 else 'benefit'}")
    if same:
        verb = "does" if len(same) == 1 else "do"
        parts.append(f"{_listed(same)} {verb} not benefit: the intervals before and after overlap")
    if worse:
        parts.append(f"{_listed(worse)} {'loses' if len(worse) == 1 else 'lose'}")
    return f"{by}, {'; '.join(parts)}{few}."


class _Verdict:
    """A language, and whether its difference is clearly better or worse after alignment."""

    def __init__(self, tongue: str, better: str) -> None:
        self.tongue, self.better = tongue, better


def _verdicts(safety: Safety) -> Iterator[_Verdict]:
    for tongue, figures in safety.languages.items():
        verdict = clear(figures["difference"])
        if verdict is not None:
            yield _Verdict(tongue.name, verdict)


def clear(compared: Compared) -> str | None:
    """Return ``better`` or ``worse`` where the intervals before and after do not overlap, empty where they do, and
    None where one is undefined."""
    before, after = compared.before, compared.after
    if before.value is None or after.value is None:
        return None
    if None in (before.low, before.high, after.low, after.high):
        return ""
    above = float(after.low or 0) > float(before.high or 0)
    below = float(after.high or 0) < float(before.low or 0)
    up = compared.better != "less"
    if above:
        return "better" if up else "worse"
    if below:
        return "worse" if up else "better"
    return ""


def percent(share: float) -> str:
    """Return a share (0 to 1) as a percentage; never 0 % or 100 % for what is not quite that."""
    rounded = round(100 * share)
    if rounded == 0 and share > 0:
        return "under 1 %"
    if rounded == 100 and share < 1:
        return "over 99 %"
    return f"{rounded} %"


def _listed(names: Sequence[str]) -> str:
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} other languages"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
