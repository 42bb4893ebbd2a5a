"""`mlc-data lineage`: what a checkpoint was made from, down to one row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from mlc_data.cli.explain import line, show
from mlc_data.core.console import out, print_json
from mlc_data.errors import UsageError
from mlc_data.lineage.explain import Explanation, explain
from mlc_data.lineage.find import HELP
from mlc_data.lineage.openlineage import export_events, write_events
from mlc_data.lineage.verify import BROKEN, LineageReport, inspect
from mlc_data.pipeline.lineage.record import Lineage

EXAMPLES = "Example:  mlc-data lineage runs/quickstart --row 12 --language swh_Latn"


def lineage(
    folder: Annotated[
        Path,
        typer.Argument(
            help="A checkpoint's folder, wherever it is, or a run's.", metavar="CHECKPOINT_OR_RUN"
        ),
    ],
    row: Annotated[
        str | None,
        typer.Option(help=f"One row, as `mlc-data explain --all` shows it. {HELP}"),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="With --row: only this target language (FLORES-200 code).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Everything as JSON on standard output.")
    ] = False,
    openlineage: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the run's OpenLineage events here too (extra: openlineage).",
        ),
    ] = None,
) -> None:
    """Show what a checkpoint was made from: data, recipe, sources, models, versions; and one row of it.

    Missing and changed parts are named, and the exit code is then 1.
    """
    if language and not row:
        raise UsageError("--language goes with --row: it names one variant of that row")
    report = inspect(folder)
    if report.run is None and (row or openlineage):
        option = "--row" if row else "--openlineage"
        raise UsageError(
            f"{option} reads the tables and the manifest of a run, and {folder} is a checkpoint alone: "
            f"name the run's folder{_data_set_hint(report)}"
        )
    explanation = explain(report.run, row, language) if report.run and row else None
    if report.run:
        write_events(report.run)
        if openlineage:
            export_events(report.run, openlineage)
    if as_json:
        print_json(_as_json(report, explanation))
    else:
        _show(report)
        if explanation:
            show(explanation)
    if any(finding.kind in BROKEN for finding in report.findings):
        raise typer.Exit(1)


def _data_set_hint(report: LineageReport) -> str:
    data = report.published
    return f"; its data set is {data.repo}, revision {data.revision}" if data else ""


def _as_json(report: LineageReport, explanation: Explanation | None) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "lineage": report.lineage.model_dump(mode="json"),
        "published": report.published.model_dump(mode="json") if report.published else None,
        "findings": [asdict(finding) for finding in report.findings],
    }
    if explanation:
        fields["row"] = asdict(explanation)
    return fields


def _show(report: LineageReport) -> None:
    for name, value in _rows(report):
        line(name, value)
    if not report.findings:
        out.print("nothing is missing, and nothing was changed since", highlight=False)
        return
    out.rule("missing, changed or not known", align="left")
    for finding in report.findings:
        line(finding.part, finding.told)


def _rows(report: LineageReport) -> Iterator[tuple[str, str]]:
    lineage = report.lineage
    if trained := lineage.training:
        yield (
            "checkpoint",
            f"{trained.method}, layer {trained.layer}, {trained.steps} steps, "
            f"{trained.pairs} pairs, {trained.variant_sets} variant sets, seed {lineage.seed}",
        )
        for path, digest in lineage.files.items():
            if path.endswith(".safetensors"):
                yield "  weights", f"{path}, SHA-256 {digest}"
    else:
        yield "checkpoint", "none yet"
    yield "data set", lineage.content_hash.get("sets", "no variant sets yet")
    if report.published:
        yield "  published", f"{report.published.repo}, revision {report.published.revision}"
    for publication in report.elsewhere:
        yield "  other sets", publication
    for name, digest in lineage.content_hash.items():
        if name != "sets":
            yield f"  {name}", digest
    yield "recipe", f"{lineage.name}, {lineage.recipe_hash}"
    for source in lineage.sources:
        identity = [
            f"SHA-256 {source.sha256}" if source.sha256 else "",
            f"revision {source.revision}" if source.revision else "",
            f"fingerprint {source.fingerprint}" if source.fingerprint else "",
            f"license {source.licence}",
        ]
        yield source.name, ", ".join([source.place, *filter(None, identity)])
    for model in lineage.models:
        known = f"{model.id}, revision {model.revision}, license {model.licence}"
        yield model.role.replace("_", " "), known if model.id else "not in the manifest"
    yield from _versions(lineage)


def _versions(lineage: Lineage) -> Iterator[tuple[str, str]]:
    """Yield versions of libraries; consecutive stages with the same ones share a line."""
    for versions, stages in groupby(lineage.stages, key=lambda stage: stage.versions):
        names = ", ".join(stage.name for stage in stages)
        known = [
            f"{name} {version}" for name, version in versions.items() if version != "not installed"
        ]
        yield "versions", f"{', '.join(known) or 'not recorded'} ({names})"
