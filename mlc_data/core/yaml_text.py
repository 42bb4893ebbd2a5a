"""YAML of users and of strangers, read within limits: the only way in which this package reads YAML."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from typing import Any

import yaml

from mlc_data.core.messages import shortened_middle, shown

CHARACTERS, VALUES, DEPTH = 1 << 20, 50_000, 40
"""Most characters of a text, values with everything that aliases repeat, and levels of nesting. The largest recipe
that ships has 3,000 characters and 100 values."""
_REASON = 400
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0b[01_]+)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)


class YamlError(ValueError):
    """A text is not YAML, or beyond the limits; its message says where."""


class _Loader(yaml.SafeLoader):
    """Loader that refuses a key that stands twice in the same mapping: one value would be lost."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name and name in seen and key.tag != "tag:yaml.org,2002:merge":
                raise YamlError(
                    f"the key {shown(key.value)} stands twice (line {key.start_mark.line + 1})"
                )
            seen.add(name)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


# A time of day is no number of seconds (1:30 is 90 in YAML 1.1), and 017 is not 15.
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, _DECIMAL if tag.endswith(":int") else _FLOAT if tag.endswith(":float") else pattern)
        for tag, pattern in resolvers
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(text: str) -> Any:
    """Return the value of a YAML document: what JSON knows, with strings as keys, and dates.

    Raises:
        YamlError: it is not YAML, has tags, nests too deeply, refers to itself, repeats a key, is longer than the
            limits with its aliases written out, or holds what cannot be stored: numbers beyond 64 bits, infinite
            ones, dates that do not exist, half a surrogate pair, NUL.
    """
    if len(text) > CHARACTERS:
        raise YamlError(f"it has {len(text)} characters; {CHARACTERS} are read")
    try:
        _look(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                _size(node, {})
            value = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except YamlError:
        raise
    # Dates, numbers and nesting that Python does not have come as errors of Python's own.
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError, TypeError) as error:
        raise YamlError(shortened_middle(str(error), _REASON)) from error
    _refuse_odd(value, "")
    return value


def _look(text: str) -> None:
    """Refuse too many values and too deep nesting before anything is built."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH:
            raise YamlError(f"it nests deeper than {DEPTH} levels{_line(event.start_mark)}")
        if count > VALUES:
            raise YamlError(f"it has more than {VALUES} values")


def _line(mark: Any) -> str:
    return "" if mark is None else f" (line {mark.line + 1})"


def _size(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Return the number of values of a node with its aliases written out; ``known`` has those of other nodes."""
    if id(node) in known:
        size = known[id(node)]
        if size is None:
            raise YamlError(f"an alias refers to itself (line {node.start_mark.line + 1})")
        return size
    known[id(node)] = None
    parts = node.value if isinstance(node, yaml.CollectionNode) else ()
    size = 1
    for part in parts:
        size += sum(_size(one, known) for one in (part if isinstance(part, tuple) else (part,)))
    if size > VALUES:
        raise YamlError(f"its aliases stand for more than {VALUES} values")
    known[id(node)] = size
    return size


def _refuse_odd(value: Any, where: str) -> None:
    """Refuse values that could not be written, hashed or counted later."""
    place = f"{where}: " if where else ""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            name = key if isinstance(key, str) else shown(key)
            _refuse_text(name, place)
            _refuse_odd(inner, f"{where}.{shown(name)[1:-1]}" if where else shown(name)[1:-1])
    elif isinstance(value, list | tuple | set):
        for number, inner in enumerate(value):
            _refuse_odd(inner, f"{where}.{number}" if where else str(number))
    elif isinstance(value, str):
        _refuse_text(value, place)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise YamlError(f"{place}{shown(value)} is beyond 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise YamlError(f"{place}{value} is not a finite number")


def _refuse_text(text: str, place: str) -> None:
    if "\0" in text or any("\ud800" <= one <= "\udfff" for one in text):
        raise YamlError(f"{place}{shown(text)} holds a NUL or half a surrogate pair")
