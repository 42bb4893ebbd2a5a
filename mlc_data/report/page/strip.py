"""The way from source rows to variant sets, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from mlc_data.report.page.context import Facts


@dataclass(frozen=True)
class Step:
    """Share left after a part of the pipeline: ``kept`` of ``of``."""

    name: str
    kept: int
    of: int

    @property
    def share(self) -> float:
        """Share (0 to 1) that is kept."""
        return self.kept / self.of if self.of else 0.0


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps that have been done, in order."""
    counts, found = facts.manifest.counts, []
    if prompts := counts.prompts:
        found.append(Step("prompts", prompts.kept, prompts.read))
    if variants := counts.variants:
        found.append(Step("variants kept", variants.kept, variants.requested))
    if sets := counts.sets:
        found.append(Step("variant sets", sets.kept, sets.kept + sum(sets.dropped.values())))
    return tuple(found)
