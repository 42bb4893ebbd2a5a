"""Classes of users and of other packages that a recipe names.

A name is ``module:Class``, or an entry point that an installed package declares in one of the
groups below. Modules are searched on ``sys.path`` and in the working directory.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import entry_points
from inspect import isclass, isfunction
from pathlib import Path
from re import fullmatch
from typing import Any

from mlc_data.errors import UsageError

CHECKS = "mlc_data.checks"
JUDGES = "mlc_data.judges"
TRANSLATORS = "mlc_data.translators"
IDENTIFIERS = "mlc_data.identifiers"
ENCODERS = "mlc_data.encoders"


def is_plugin(name: str, group: str) -> bool:
    """Return whether a name is ``module:Class`` or an entry point of the group."""
    return bool(fullmatch(r"[\w.]+:\w+", name)) or name in plugin_names(group)


def plugin_names(group: str) -> list[str]:
    """Return the names of the group's entry points."""
    return sorted(entry_points(group=group).names)


def load_plugin(name: str, group: str, key: str, kind: type) -> Any:
    """Import the class that a recipe names.

    Args:
        name: ``module:Class``, or an entry point's name.
        group: group of entry points.
        key: the recipe's key, named in errors.
        kind: base class that the class must have, or protocol whose methods it must have.

    Raises:
        UsageError: there is no such module, class or entry point, importing it fails, or the class
            is not of that kind.
    """
    module, _, attribute = name.partition(":")
    if not attribute:
        matches = list(entry_points(group=group, name=name))
        if not matches:
            known = ", ".join(plugin_names(group)) or "none"
            raise UsageError(
                f"{key}: no installed package offers {name!r} (entry points {group}: {known}); "
                "write module:Class for a class of your own"
            )
        module, attribute = matches[0].module, matches[0].attr
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        loaded = getattr(import_module(module), attribute)
    except Exception as error:
        raise UsageError(
            f"{key}: {name} cannot be imported: {type(error).__name__}: {error} (modules are "
            f"searched on sys.path and in {Path.cwd()})"
        ) from error
    missing = _missing(loaded, kind)
    if missing:
        raise UsageError(f"{key}: {name} is not a {kind.__name__}: {missing}")
    return loaded


def create_plugin(name: str, group: str, key: str, kind: type, *arguments: Any) -> Any:
    """Return an instance of the class that a recipe names; arguments as for `load_plugin`."""
    return load_plugin(name, group, key, kind)(*arguments)


def _missing(loaded: Any, kind: type) -> str:
    """Return why an object is not a class of a kind; empty if it is."""
    if not isclass(loaded):
        return "it is not a class"
    if not getattr(kind, "_is_protocol", False):
        return "" if issubclass(loaded, kind) else f"it does not derive from {kind.__qualname__}"
    methods = [name for name, value in vars(kind).items() if isfunction(value) and name[0] != "_"]
    missing = [name for name in methods if not callable(getattr(loaded, name, None))]
    return f"it has no method {', '.join(missing)}" if missing else ""
