"""Origins: sources, models with their licenses, stages with seconds, versions, commands that make it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlc_data.core.redaction import without_folders
from mlc_data.pipeline.lineage.build import lineage_of
from mlc_data.pipeline.lineage.record import ModelLineage, SourceLineage
from mlc_data.publish.card import as_yaml
from mlc_data.report.page.context import Facts
from mlc_data.stages import STAGES


@dataclass(frozen=True)
class StageLine:
    """A finished stage: wall time and time of its end, UTC."""

    name: str
    seconds: float
    finished: str
    share: float


@dataclass(frozen=True)
class Provenance:
    """The section; ``commands`` make the run again from the recipe."""

    sources: Sequence[SourceLineage]
    models: Sequence[ModelLineage]
    stages: Sequence[StageLine]
    versions: Sequence[tuple[str, str]]
    hashes: Sequence[tuple[str, str]]
    recipe: str
    recipe_hash: str
    commands: Sequence[str]


def provenance(facts: Facts) -> Provenance:
    """Return the origins of a run, without folders of this machine."""
    manifest = facts.manifest
    lineage = lineage_of(facts.run.recipe, manifest)
    total = sum(record.seconds for record in manifest.stages.values()) or 1.0
    done = [stage.name for stage in STAGES if stage.name in manifest.stages]
    name = facts.run.recipe.name
    stages = [
        StageLine(each, record.seconds, record.finished, record.seconds / total)
        for each in done
        if (record := manifest.stages[each])
    ]
    trained = [f"mlc-data evaluate runs/{name}"] if "align" in manifest.stages else []
    return Provenance(
        sources=lineage.sources,
        models=lineage.models,
        stages=stages,
        versions=sorted(
            (each, version)
            for each, version in manifest.versions.items()
            if version != "not installed"
        ),
        hashes=[
            (each, value)
            for each, value in manifest.content_hash.model_dump(exclude_none=True).items()
        ],
        recipe=as_yaml(without_folders(facts.run.recipe.model_dump(mode="json"))),
        recipe_hash=manifest.recipe_hash,
        commands=[
            f"mlc-data run recipe.yaml --run-dir runs/{name}",
            *trained,
            f"mlc-data report runs/{name}",
        ],
    )
