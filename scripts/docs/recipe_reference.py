"""Reference of recipe keys, from the recipe's JSON schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cells import cell

from mlc_data.schemas import recipe_schema

INTRODUCTION = """\
# Recipe keys

Every key of a recipe, from the models that read it. Units and ranges are in the column *values*, and in the text where a
name alone does not say them. `mlc-data recipes show RECIPE` prints a recipe with all its defaults,
`mlc-data recipes schema` this page as a JSON schema for editors. Unknown keys are refused.
"""
LONGEST_DEFAULT = 60
"""Characters of a default value beyond which it is shortened."""


def page() -> str:
    """Return the page in Markdown: one table for each section, in the order of a recipe."""
    schema = recipe_schema()
    return "\n".join([INTRODUCTION, *_sections(schema)])


def keys(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the dotted name of every key of the schema of recipes."""
    for title, section in _walk(schema):
        for name in section.get("properties", {}):
            yield f"{title}.{name}" if title else name


def _sections(schema: Mapping[str, Any]) -> Iterator[str]:
    for title, section in _walk(schema):
        yield f"\n## {title or 'Top level'}\n" if "." not in title else f"\n### {title}\n"
        if description := section.get("description"):
            yield f"{cell(description)}\n"
        yield "| key | values | default | meaning |\n|---|---|---|---|"
        required = section.get("required", [])
        for name, value in section.get("properties", {}).items():
            default = "required" if name in required else _default(value)
            meaning = cell(value.get("description") or _about(value, schema))
            yield f"| `{name}` | {_values(value)} | {default} | {meaning} |"


def _about(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return what the section says of itself that is a key's value."""
    found = (schema["$defs"][reference] for reference in _references(value))
    return " ".join(section.get("description", "").partition("\n\n")[0] for section in found)


def _walk(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the dotted name and the schema of each section, parents first; a section that contains itself ends there."""

    def below(
        title: str, section: Mapping[str, Any], seen: tuple[str, ...]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        yield title, section
        for name, value in section.get("properties", {}).items():
            for reference in _references(value):
                found = schema["$defs"][reference]
                if reference not in seen and found.get("properties"):
                    inner = f"{title}.{name}" if title else name
                    several = len(list(_references(value))) > 1
                    kind = found["properties"].get("kind", {}).get("const")
                    yield from below(
                        f"{inner} ({kind})" if several and kind else inner,
                        found,
                        (*seen, reference),
                    )

    yield from below("", schema, ())


def _references(value: Mapping[str, Any]) -> Iterator[str]:
    if reference := value.get("$ref"):
        yield reference.rsplit("/", 1)[-1]
    items = [value["items"]] if value.get("items") else []
    for option in (*value.get("anyOf", ()), *value.get("oneOf", ()), *items):
        yield from _references(option)


def _values(value: Mapping[str, Any]) -> str:
    """Return type and range in words."""
    if options := value.get("anyOf") or value.get("oneOf"):
        return " or ".join(dict.fromkeys(_values(option) for option in options))
    if "enum" in value:
        return ", ".join(f"`{option}`" for option in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if reference := value.get("$ref"):
        name = reference.rsplit("/", 1)[-1]
        return "number, or a mapping by language" if name == "ByLanguage" else "section"
    kind = value.get("type", "any")
    if kind == "array":
        return f"list of {_values(value.get('items') or {})}"
    words = {"string": "text", "object": "mapping", "boolean": "true, false"}.get(kind, kind)
    return f"{words}{_range(value)}"


def _range(value: Mapping[str, Any]) -> str:
    bounds = [
        f"{sign} {value[key]}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in value
    ]
    return f" {', '.join(bounds)}" if bounds else ""


def _default(value: Mapping[str, Any]) -> str:
    if "default" not in value:
        return ""
    default = value["default"]
    if isinstance(default, dict) and "default" in default and len(default) > 1:
        return f"`{default['default']}`; {len(default) - 1} languages have their own"
    if isinstance(default, dict) and default and next(_references(value), None):
        return "as below"
    text = json.dumps(default, ensure_ascii=False)
    if len(text) > LONGEST_DEFAULT:
        text = f"{text[: LONGEST_DEFAULT - 3]}..."
    return f"`{text}`"
