"""`mlc-data lineage`: what a checkpoint was made from, down to one row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from mlc_data.core.console import out
from mlc_data.errors import UsageError
from mlc_data.lineage.findings import BROKEN
from mlc_data.lineage.openlineage import write_events
from mlc_data.lineage.record import Lineage, StageLineage
from mlc_data.lineage.row import RowLineage, Translation, VariantLineage, row_lineage
from mlc_data.lineage.verify import Answer, ask


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example:  mlc-data lineage runs/quickstart --row 12 --language swh_Latn")(
        lineage
    )


def lineage(
    folder: Annotated[
        Path,
        typer.Argument(
            help="A checkpoint's folder, wherever it lies, or a run's.", metavar="CHECKPOINT_OR_RUN"
        ),
    ],
    row: Annotated[
        str | None,
        typer.Option(
            help="One row: a prompt's id or its first digits, or the source's row, as 12."
        ),
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
            help="Write the run's OpenLineage events here; they are in the run's "
            "lineage.openlineage.jsonl in any case.",
        ),
    ] = None,
) -> None:
    """Tell what a checkpoint was made from: data, recipe, sources, models, versions; and one row of it.

    Parts that are missing or were changed since are named, and the exit code is then 1.
    """
    if language and not row:
        raise UsageError("--language goes with --row: it names one variant of that row")
    answer = ask(folder)
    if answer.run is None and (row or openlineage):
        option = "--row" if row else "--openlineage"
        raise UsageError(
            f"{option} reads the tables and the manifest of a run, and {folder} is a checkpoint alone: "
            f"name the run's folder{_or_data(answer)}"
        )
    told = row_lineage(answer.run, row, language) if answer.run and row else None
    if answer.run:
        write_events(answer.run)
        if openlineage:
            write_events(answer.run, openlineage)
    if as_json:
        typer.echo(json.dumps(_as_json(answer, told), ensure_ascii=False, indent=2, default=dict))
    else:
        _show(answer)
        if told:
            _show_row(told)
    if any(one.kind in BROKEN for one in answer.findings):
        raise typer.Exit(1)


def _or_data(answer: Answer) -> str:
    data = answer.published
    return f"; its data set is {data.repo}, revision {data.revision}" if data else ""


def _as_json(answer: Answer, row: RowLineage | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "lineage": answer.lineage.model_dump(mode="json"),
        "published": answer.published.model_dump(mode="json") if answer.published else None,
        "findings": [asdict(one) for one in answer.findings],
    }
    if row:
        made["row"] = asdict(row)
    return made


def _show(answer: Answer) -> None:
    for name, value in _rows(answer):
        _line(name, value)
    if not answer.findings:
        out.print("nothing is missing, and nothing was changed since", highlight=False)
        return
    out.rule("missing, changed or not known", align="left")
    for one in answer.findings:
        _line(one.part, one.told)


def _rows(answer: Answer) -> Iterator[tuple[str, str]]:
    lineage = answer.lineage
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
    if answer.published:
        yield "  published", f"{answer.published.repo}, revision {answer.published.revision}"
    for one in answer.elsewhere:
        yield "  other sets", one
    for name, digest in lineage.content_hash.items():
        if name != "sets":
            yield f"  {name}", digest
    yield "recipe", f"{lineage.name}, {lineage.recipe_hash}"
    for source in lineage.sources:
        identity = [
            f"SHA-256 {source.sha256}" if source.sha256 else "",
            f"revision {source.revision}" if source.revision else "",
            f"fingerprint {source.fingerprint}" if source.fingerprint else "",
            f"licence {source.licence}",
        ]
        yield source.name, ", ".join([source.place, *filter(None, identity)])
    for model in lineage.models:
        told = f"{model.id}, revision {model.revision}, licence {model.licence}"
        yield model.role.replace("_", " "), told if model.id else "not in the manifest"
    yield from _versions(lineage)


def _versions(lineage: Lineage) -> Iterator[tuple[str, str]]:
    """Stages that the same versions did are told together."""

    def versions(stage: StageLineage) -> dict[str, str]:
        return stage.versions

    for found, stages in groupby(lineage.stages, key=versions):
        names = ", ".join(stage.name for stage in stages)
        there = [f"{name} {one}" for name, one in found.items() if one != "not installed"]
        yield "versions", f"{', '.join(there) or 'not recorded'} ({names})"


def _show_row(row: RowLineage) -> None:
    out.rule(f"row {row.row} of {row.source.place}", align="left")
    _line("prompt", row.prompt)
    _line("source", f"{row.source.place}, {row.source.sha256 or row.source.fingerprint}")
    if row.rejection:
        _line("rejected", row.rejection)
        return
    _line("id", row.prompt_id)
    _line("category", row.category)
    _line("variant set", f"in the {row.split} split" if row.split else "none")
    for variant in row.variants:
        out.rule(f"{variant.language}: {variant.status}", align="left")
        _variant(variant)


def _variant(variant: VariantLineage) -> None:
    _line("reasons", ", ".join(variant.reasons))
    for one in (variant.kept,) if variant.kept else variant.attempts:
        _translation(one)
    left = len(variant.attempts) - 1 if variant.kept else 0
    if left:
        _line("other attempts", f"{left}; --json has them, and so has mlc-data explain")


def _translation(one: Translation) -> None:
    _line("variant", one.text or f"none: {one.failure}")
    _line("rung", one.rung)
    model = one.model
    _line("model", f"{model.id}, revision {model.revision}, licence {model.licence}")
    _line("decoding", ", ".join(f"{name} {value}" for name, value in one.decoding.items()))
    _line("sentences", f"{one.sentences}, {one.cached} of them from the cache")
    scores = []
    for score in one.scores:
        bound = ""
        if score.bound is not None:
            verdict = "passes" if score.passes else "fails"
            bound = f" ({'<=' if score.upper else '>='} {score.bound:.3f}: {verdict})"
        scores.append(f"{score.name} {score.value:.3f}{bound}")
    _line("scores", "; ".join(scores))


def _line(name: str, value: object) -> None:
    if value not in (None, ""):
        out.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)
