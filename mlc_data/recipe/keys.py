"""Meaning, type, default and allowed values of a recipe's keys, read from the recipe's classes."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from mlc_data.errors import UsageError
from mlc_data.recipe.recipe import Recipe

_LIMITS = {
    "minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<",
    "minLength": "length >=", "minItems": "entries >=", "maxItems": "entries <=",
}  # fmt: skip
_MISSING = object()


@dataclass(frozen=True)
class RecipeKey:
    """One key of a recipe.

    Attributes:
        key: dotted.
        meaning: what it does, with its unit.
        type: kind of value, such as ``number`` or ``text``.
        allowed: values or bounds; empty where any value of the type is allowed.
        default: as YAML would have it; None where the key must be given.
        required: True if it has no default.
        keys: names of the keys below it; empty for a value.
    """

    key: str
    meaning: str
    type: str
    allowed: str
    default: str | None
    required: bool
    keys: tuple[str, ...] = field(default=())


def recipe_key(dotted: str) -> RecipeKey:
    """Return what is known about a key, such as ``align.loss.weight``; an empty text is the recipe itself.

    Raises:
        UsageError: there is no such key; the nearest one is named.
    """
    schema = _schema()
    node: Mapping[str, Any] = schema
    required, default = True, _MISSING
    walked: list[str] = []
    general = ""
    for part in filter(None, dotted.split(".")):
        branches = tuple(_branches(schema, node))
        below = {
            name: (each, name in branch.get("required", ()))
            for branch in branches
            for name, each in branch.get("properties", {}).items()
        }
        if part in below:
            node, required = below[part]
        elif (free := _free_keys(branches)) is not None:
            # An entry of a mapping by name, such as a threshold by language, means what the mapping means.
            general = general or _meaning(node, branches)
            node, required = free, False
            default = _of_every_entry(default, part)
            walked.append(part)
            continue
        else:
            raise UsageError(_unknown(dotted, ".".join(walked), list(below)))
        walked.append(part)
        default = node.get("default", _inner(default, part))
    branches = tuple(_branches(schema, node))
    keys = dict.fromkeys(name for branch in branches for name in branch.get("properties", {}))
    return RecipeKey(
        key=dotted,
        meaning=_meaning(node, branches) or general,
        type=" or ".join(dict.fromkeys(filter(None, map(_type, branches)))),
        allowed="; ".join(dict.fromkeys(filter(None, map(_allowed, branches)))),
        default=None if default is _MISSING else json.dumps(default, ensure_ascii=False),
        required=required and default is _MISSING,
        keys=tuple(keys),
    )


@cache
def _schema() -> Mapping[str, Any]:
    return Recipe.model_json_schema()


def all_keys(prefix: str = "") -> Iterator[str]:
    """Yield every key of a recipe below ``prefix``, sections before what is in them."""
    for name in recipe_key(prefix).keys:
        key = f"{prefix}.{name}" if prefix else name
        yield key
        yield from all_keys(key)


def _branches(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the alternatives of a node, with references resolved."""
    if "$ref" in node:
        yield from _branches(schema, schema["$defs"][node["$ref"].rpartition("/")[2]])
        return
    alternatives = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    for each in alternatives:
        yield from _branches(schema, each)
    if not alternatives:
        yield node


def _meaning(node: Mapping[str, Any], branches: tuple[Mapping[str, Any], ...]) -> str:
    texts = [node.get("description"), *(branch.get("description") for branch in branches)]
    return " ".join(next(filter(None, texts), "").split())


def _free_keys(branches: tuple[Mapping[str, Any], ...]) -> Mapping[str, Any] | None:
    """Return the schema of the values of a mapping by any name; None if no branch is one."""
    for branch in branches:
        values = branch.get("additionalProperties")
        if values is True:
            return {}
        if isinstance(values, dict):
            return values
    return None


def _inner(default: Any, part: str) -> Any:
    return default.get(part, _MISSING) if isinstance(default, dict) else _MISSING


def _of_every_entry(default: Any, part: str) -> Any:
    """Return the default of one entry of a mapping by name; a bare threshold stands for all of them."""
    own = _inner(default, part)
    if own is _MISSING and isinstance(default, int | float):
        return default
    return _inner(default, "default") if own is _MISSING else own


def _type(branch: Mapping[str, Any]) -> str:
    if "const" in branch or "enum" in branch:
        return "one of"
    names = {
        "number": "number", "integer": "whole number", "string": "text", "boolean": "true or false",
        "array": "list", "object": "section", "null": "null",
    }  # fmt: skip
    kind = names.get(str(branch.get("type", "")), "")
    return "mapping by name" if kind == "section" and "properties" not in branch else kind


def _allowed(branch: Mapping[str, Any]) -> str:
    if "const" in branch:
        return str(branch["const"])
    if "enum" in branch:
        return ", ".join(map(str, branch["enum"]))
    return ", ".join(f"{sign} {branch[name]}" for name, sign in _LIMITS.items() if name in branch)


def _unknown(dotted: str, section: str, known: list[str]) -> str:
    where = f"in {section}" if section else "at the top"
    wrong = dotted.removeprefix(f"{section}.").partition(".")[0]
    same = [key for key in all_keys() if key.rpartition(".")[2] == dotted.rpartition(".")[2]]
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    if same:
        hint = f"did you mean {' or '.join(same[:3])}?"
    elif near:
        hint = f"did you mean {f'{section}.' if section else ''}{near[0]}?"
    else:
        hint = f"known there: {', '.join(known) or 'no keys'}"
    return f"a recipe has no key {dotted!r} {where}; {hint}"
