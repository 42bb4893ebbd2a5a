"""`mlc-data publish`: a run's data set and checkpoint, to the Hub or to a folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from mlc_data.cli.options import JsonOption, QuietOption
from mlc_data.core import console
from mlc_data.core.console import out
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.publish.license import require_known

if TYPE_CHECKING:
    from mlc_data.publish.publication import Plan
    from mlc_data.publish.record import Publication

EXAMPLES = (
    "Examples:  mlc-data publish runs/mine --repo org/name  |  "
    "mlc-data publish runs/mine --repo org/name --dry-run  |  "
    "mlc-data publish runs/mine --repo org/name --checkpoint --declare prompts=CC-BY-4.0  |  "
    "mlc-data publish runs/mine --to exported"
)


def publish(
    run: Annotated[Path, typer.Argument(help="A run's folder.", metavar="RUN")],
    *,
    repo: Annotated[
        str | None,
        typer.Option(metavar="ORG/NAME", help="The repository; created if it does not exist."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the data set here instead.")
    ] = None,
    checkpoint: Annotated[
        bool,
        typer.Option("--checkpoint", help="Push the checkpoint too, as the model ORG/NAME."),
    ] = False,
    private: Annotated[
        bool | None,
        typer.Option("--private/--public", help="Visibility; a new repository is private."),
    ] = None,
    gated: Annotated[
        bool | None,
        typer.Option(
            "--gated/--no-gated",
            help="Owners approve readers one by one; a new repository is gated.",
        ),
    ] = None,
    license: Annotated[
        str | None,
        typer.Option(
            "--license",
            "--licence",
            metavar="SPDX",
            help="A license; by default the strictest of all parts.",
        ),
    ] = None,
    declare: Annotated[
        list[str],
        typer.Option(
            metavar="PART=SPDX",
            help="The license of a part that does not name its own: prompts, translator, "
            "second_translator, preferences, base. Repeatable.",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    rights: Annotated[
        str | None,
        typer.Option(
            "--i-have-the-rights",
            metavar="REASON",
            help="Publish although the parts' licenses do not allow it; the card shows the reason.",
        ),
    ] = None,
    report: Annotated[
        bool,
        typer.Option(
            "--report/--no-report",
            help="Publish the report with the data set: it shows rejected variants and replies, too.",
        ),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be published, and stop.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Publish variant sets: private and gated, under the strictest license of their parts.

    The token is the one of `hf auth login` or HF_TOKEN. Unchanged contents are not pushed again.
    """
    if (repo is None) == (to is None):
        raise UsageError("name where to publish: --repo organisation/name, or --to FOLDER")
    if to is not None and (checkpoint or private is not None or gated is not None):
        raise UsageError(
            "--to writes the data set into a folder; --checkpoint, --private, --public, --gated and --no-gated go "
            f"with --repo. The checkpoint is a folder of its own already: {run / 'checkpoint'}"
        )
    console.set_up(quiet=quiet)
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from mlc_data.publish.dataset import LicenseRequest
    from mlc_data.publish.publication import PublishOptions, to_folder, to_hub
    from mlc_data.report.page import bring_up_to_date

    if license is not None:
        require_known(license, "--license")
    request = LicenseRequest(license, rights, _declared(declare))
    opened = Run.open(run)
    if report and not dry_run:
        bring_up_to_date(opened)
    if to is not None:
        written = to_folder(opened, to, request, report=report, dry=dry_run)
        if as_json:
            console.print_json(
                {"folder": str(to), "dry_run": dry_run, **written.model_dump(mode="json")}
            )
            return
        _summary(written)
        outcome = "dry run: nothing was written" if dry_run else f"written to {to}"
        out.print(outcome, highlight=False, soft_wrap=True)
        return
    if quiet or not console.err.is_terminal:
        disable_progress_bars()
    options = PublishOptions(str(repo), private, gated, request, checkpoint, dry_run, report=report)
    plans: list[Any] = []
    done = []
    for pushed in to_hub(opened, options, show=plans.append if as_json else _plan):
        done.append(asdict(pushed))
        if as_json:
            continue
        outcome = "published" if pushed.changed else "unchanged, nothing was pushed"
        out.print(
            f"{pushed.kind} {pushed.url}: {outcome}, revision {pushed.revision}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    if as_json:
        published = [plan.publication.model_dump(mode="json") for plan in plans]
        console.print_json({"dry_run": dry_run, "publications": published, "pushed": done})
    elif dry_run:
        out.print("dry run: nothing was pushed", highlight=False)


def _declared(given: list[str]) -> dict[str, str]:
    declared = {}
    for text in given:
        part, sign, license = text.partition("=")
        if not sign or not part.strip() or not license.strip():
            raise UsageError(
                f"--declare takes part=license, such as prompts=CC-BY-4.0, not {text!r}"
            )
        require_known(license, f"--declare {part.strip()}")
        declared[part.strip()] = license.strip()
    return declared


def _plan(plan: Plan) -> None:
    _summary(plan.publication)
    target = plan.target
    if target is None:
        return
    private = {True: "private", False: "public", None: "private if it is new, else as it is"}
    gated = {True: "gated", False: "not gated", None: "gated if it is new, else as it is"}
    table = Table.grid(padding=(0, 2))
    table.add_row("to", target.repo + (" (data set and model)" if plan.checkpoint else ""))
    table.add_row("visible", f"{private[target.private]}; {gated[target.gated]}")
    table.add_row("size", f"{len(plan.publication.files)} files, {plan.bytes / 1e6:,.1f} MB")
    out.print(table)


def _summary(publication: Publication) -> None:
    table = Table("", "train", "test", title=f"Data set {publication.name}", title_justify="left")
    for config, splits in publication.rows.items():
        table.add_row(config, str(splits.get("train", 0)), str(splits.get("test", 0)))
    out.print(table)
    parts = Table.grid(padding=(0, 2))
    parts.add_row("license", publication.licence)
    for part in publication.parts:
        parts.add_row(f"  {part.name.replace('_', ' ')}", f"{part.what}: {part.licence}")
    if publication.rights:
        parts.add_row("rights", publication.rights)
    parts.add_row("content hash", publication.content_hash)
    out.print(parts)
