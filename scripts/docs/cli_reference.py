"""Reference of the command line, from the Typer application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from cells import cell

from mlc_data.cli.main import app

INTRODUCTION = """\
# Command line

Every command with its arguments and options, from the program itself. `mlc-data COMMAND --help` prints the same.
[Exit codes](../operations.md#exit-codes) are those of the whole program.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Yield the full name of every command, without `mlc-data`, and the command."""

    def below(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if getattr(command, "commands", None):
                yield from below(command, f"{prefix}{name} ")
            elif not command.hidden:
                yield f"{prefix}{name}", command

    yield from below(typer.main.get_command(app), "")


def page() -> str:
    """Return the page in Markdown, a section for each command."""
    return "\n".join(
        [INTRODUCTION, *(part for name, command in commands() for part in _section(name, command))]
    )


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    usage = " ".join(_metavar(argument) for argument in arguments)
    yield f"\n## mlc-data {name}\n"
    yield f"{cell(command.help or '')}\n"
    yield f"`mlc-data {name} {usage}{' [OPTIONS]' if options else ''}`\n".replace("  ", " ")
    if arguments or options:
        yield "| | default | |\n|---|---|---|"
    for argument in arguments:
        yield f"| `{_metavar(argument)}` | {_default(argument)} | {_help(argument)} |"
    for option in options:
        names = ", ".join(f"`{text}`" for text in (*option.opts, *option.secondary_opts))
        metavar = "" if option.is_bool_flag or option.is_flag else f" `{_metavar(option)}`"
        yield f"| {names}{metavar} | {_default(option)} | {_help(option)} |"
    if command.epilog:
        yield f"\n{_examples(command.epilog)}"


def _metavar(parameter: Any) -> str:
    if parameter.metavar:
        return str(parameter.metavar)
    return str(parameter.name).upper()


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    if callable(default) or default in (None, False, (), []) or default == "":
        return ""
    return f"`{default}`"


def _help(parameter: Any) -> str:
    return cell(getattr(parameter, "help", None) or "")


def _examples(epilog: str) -> str:
    label, _, rest = epilog.partition(":")
    examples = [part.strip() for part in rest.split("|") if part.strip()]
    if not rest or not all(part.startswith("mlc-data") for part in examples):
        return cell(epilog)
    return f"{label}:\n\n" + "\n".join(f"- `{part}`" for part in examples)
