"""`mlc-data plan`: what a run would cost, and which stages would run and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from mlc_data.cli.options import (
    NameOption,
    RecipeArgument,
    RunDirOption,
    SetOption,
    WithOption,
    open_run,
)
from mlc_data.core.console import out, print_json
from mlc_data.plan.pending import UNKNOWN_PART, Change, StagePlan
from mlc_data.plan.plan import SAMPLE, Options, Plan, make_plan

EXAMPLES = (
    "Examples:  mlc-data plan quickstart  |  mlc-data plan demo-1gpu --price-per-hour 2.50  |  "
    "mlc-data plan runs/quickstart --set checks.length.max_ratio=2.5"
)

_LONGEST = 60


def plan(
    recipe: RecipeArgument,
    *,
    set_: SetOption = [],  # noqa: B006 - Typer copies it
    with_: WithOption = [],  # noqa: B006
    run_dir: RunDirOption = None,
    name: NameOption = None,
    prompts: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Translate up to N of your prompts to measure the engine; 0 takes stated rates.",
        ),
    ] = SAMPLE,
    rates: Annotated[
        list[str],
        typer.Option(
            "--rates",
            metavar="NAME=NUMBER",
            help="State a rate, such as prompts=44000 or translation_tokens_per_second=9000. Repeatable.",
        ),
    ] = [],  # noqa: B006
    price: Annotated[
        float | None,
        typer.Option(
            "--price-per-hour",
            min=0,
            metavar="X",
            help="Price of an hour of all machines together.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Everything as JSON on standard output.")
    ] = False,
) -> None:
    """Show what a run would cost and which stages would run, and why. Nothing is run, written or downloaded."""
    run = open_run(recipe, set_, run_dir, with_, name=name)
    made = make_plan(run, Options(prompts, rates, price))
    if as_json:
        print_json(made.as_dict())
    else:
        show(made)


def show(made: Plan) -> None:
    """Print a plan."""
    out.rule(f"{made.recipe} in {made.folder}", align="left")
    facts = Table("what", "figure", Column("where it comes from", overflow="fold"))
    for row in _facts(made):
        facts.add_row(*row)
    out.print(facts)
    stages = Table("stage", "", "time", Column("why", overflow="fold"), "where the time comes from")
    for stage in made.stages:
        time = made.times[stage.name]
        duration = _duration(time.seconds) if stage.may_run else "-"
        stages.add_row(
            stage.name,
            str(stage.status),
            duration,
            _why(stage),
            time.basis if stage.may_run else "",
        )
    out.print(stages)
    models = Table(Column("model", overflow="fold"), "role", "licence", "on this machine")
    for model in made.models:
        there = "no" if model.bytes is None else f"yes, {_size(model.bytes)}"
        models.add_row(model.location, model.role, model.licence, there)
    out.print(models)


def _facts(made: Plan) -> Iterator[tuple[str, str, str]]:
    inputs, work = made.inputs, made.translation
    yield "machine", made.machine, ""
    yield "prompts", _number(inputs.prompts), inputs.basis
    yield "pairs", _number(inputs.pairs), ""
    counted = "exact: counted, all languages, both ways" if work.exact else "stated rates"
    yield "sentences", _number(work.sentences), counted
    yield "to translate", _number(work.requests), work.note or "distinct requests, at most"
    yield "in the cache", _number(work.cached), ""
    yield "tokens", _number(work.tokens), work.basis
    left_out = f"without {', '.join(made.unknown)}: unknown" if made.unknown else ""
    yield "hours", f"{made.seconds / 3600:,.2f}", left_out or "the stages below that run or follow"
    if made.money is not None:
        yield "money", f"{made.money:,.2f}", f"{made.price:g} an hour"
    for name, each in made.memory.items():
        yield f"memory, {name}", _size(each.bytes), each.formula
    yield "disk", _size(made.disk.bytes), made.disk.formula
    for licence in made.licences:
        yield f"licence, {licence.what}", licence.licence or "none", licence.reason


def _why(stage: StagePlan) -> str:
    lines = [stage.reason]
    for change in stage.changed:
        known = change.part != UNKNOWN_PART
        lines.append(f"{change.part}: {_change(change)}" if known else change.part)
    return "\n".join(lines)


def _change(change: Change) -> str:
    before = f"{_short(change.before)} -> " if change.before_known else ""
    if change.kind == "gone":
        return f"{before}gone"
    return f"{before or f'{change.kind}, now '}{_short(change.now)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
