"""Whether a command of the documentation exists, with the options and arguments that it is given."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from doc_blocks import ROOT, CommandLine

from mlc_data.cli.main import app
from mlc_data.errors import MlcDataError
from mlc_data.recipe.loading import load_recipe, shipped_recipes

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
BASE_RECIPE = "demo-1gpu"
"""Recipe that `--set` is tried on where the page's own is a file or a run of the reader."""
FREE = {
    "cd",
    "cp",
    "docker",
    "export",
    "git",
    "hf",
    "pre-commit",
    "prefect",
    "ray",
    "dask",
    "source",
    "head",
    "scontrol",
    "vllm",
    "tensorboard",
    "#!/bin/bash",
}
"""Programs of others: their command lines are not checked."""


def fault(line: CommandLine) -> str | None:
    """Return what is wrong with a command line, or None."""
    program, *arguments = line.arguments
    if program in FREE:
        return None
    check = CHECKED.get(program)
    return check(arguments) if check else f"no check for {program!r}: add it to doc_commands.py"


def _launched(arguments: list[str]) -> str | None:
    if "mlc_data" not in arguments:
        return "starts something else than mlc_data"
    return _mlc_data(arguments[arguments.index("mlc_data") + 1 :])


def _mlc_data(arguments: list[str]) -> str | None:
    group: Any = typer.main.get_command(app)
    try:
        context = group.make_context("mlc-data", list(arguments))
        _, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        while getattr(command, "commands", None):
            context = command.make_context(command.name, rest, parent=context)
            _, command, rest = command.resolve_command(
                context, [*context._protected_args, *context.args]
            )
        own = command.context_class(command, info_name=command.name, parent=context)
        values, left, _ = command.make_parser(own).parse_args(args=list(rest))
    except USAGE_ERROR as error:
        return str(error.format_message())
    except MlcDataError as error:
        return str(error)
    except typer.Exit:
        return None  # --version, --help
    missing = [
        parameter.name
        for parameter in command.params
        if parameter.required and values.get(parameter.name) in (None, ())
    ]
    if left or missing:
        return f"superfluous {left}" if left else f"missing {missing}"
    return _overrides(command, values)


def _overrides(command: Any, values: dict[str, Any]) -> str | None:
    """Try what `--set` says on a recipe."""
    given = [text for text in values.get("set_") or () if "=" in text]
    if not given or command.name in ("cache", "trigger"):
        return None
    named = str(values.get("recipe") or values.get("run") or "")
    try:
        load_recipe(named if named in shipped_recipes() else BASE_RECIPE, given)
    except MlcDataError as error:
        return str(error)
    return None


def _make(arguments: list[str]) -> str | None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    variables = set(re.findall(r"\$\(([A-Z_]+)\)", text))
    for argument in arguments:
        name, sign, _ = argument.partition("=")
        if name not in (variables if sign else targets):
            return f"the Makefile has no {name}"
    return None


def _pip(arguments: list[str]) -> str | None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    for argument in arguments:
        if match := re.match(r"(?:mlc-data|\.)\[([\w,]+)\]", argument):
            unknown = set(match[1].split(",")) - set(extras)
            if unknown:
                return f"no extra {unknown}"
    return None


def _python(arguments: list[str]) -> str | None:
    if arguments[:1] == ["-m"]:
        module = arguments[1]
        if module.partition(".")[0] not in ("flows", "mlc_data"):
            return None
        path = ROOT / Path(*module.split("."))
        found = path.with_suffix(".py").exists() or path.exists()
        return None if found else f"no module {module}"
    script = next((one for one in arguments if one.endswith(".py")), None)
    if script is None or (ROOT / script).exists():
        return None
    return f"no file {script}"


def _ci(_: list[str]) -> str | None:
    return None if (ROOT / ".ci" / "run").exists() else "there is no such file"


CHECKED: dict[str, Callable[[list[str]], str | None]] = {
    "mlc-data": _mlc_data,
    "torchrun": _launched,
    "accelerate": _launched,
    "make": _make,
    "pip": _pip,
    "python": _python,
    "python3": _python,
    ".ci/run": _ci,
}
"""What looks at the arguments of a program."""
