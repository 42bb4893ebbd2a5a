"""Reference of file formats, from the schemas of tables and records, and the gallery of shipped recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from cells import cell

from mlc_data import schemas
from mlc_data.recipe.loading import shipped_recipes

INTRODUCTION = """\
# File formats

Every public table and record, from the schemas that write it. The JSON Schemas are in
[`schemas/`](https://github.com/mlc-data/mlc-data/tree/main/schemas), and in the package under `mlc_data/json_schemas`. Tables are Parquet
files; a test compares written files with this.
"""
GALLERY = """\
# Recipe gallery

Every shipped recipe with its needs, from the header of its file. Take one with `mlc-data recipes copy NAME mine.yaml`.
Figures with a star are estimates that **no run on a GPU has confirmed**; `mlc-data plan NAME` computes them for your prompts and
machine ([plan](plan.md)). The quickstart's cost was measured on two CPU cores: [the quickstart](tutorials/quickstart.md#what-it-shows).
"""


def page() -> str:
    """Return the page of formats in Markdown, a section for each file."""
    parts = [INTRODUCTION]
    for name, schema in schemas.build().items():
        if name == "recipe":
            continue
        title = schema.get("description") or schema.get("title", "")
        parts += [f"\n## {name}\n", f"{cell(str(title))}\n", *_columns(schema, schema)]
    return "\n".join(parts)


def gallery() -> str:
    """Return the gallery in Markdown: the comment at the top of each recipe, and its languages and models."""
    parts = [GALLERY]
    for name, file in shipped_recipes().items():
        text = file.read_text(encoding="utf-8")
        recipe = yaml.safe_load(text)
        about, needs = _header(text)
        languages = ", ".join(f"`{code}`" for code in recipe["languages"]["targets"])
        parts += [f"\n## {name}\n", f"{about}\n"]
        if needs:
            parts += ["| needs | |\n|---|---|", *(f"| {key} | {value} |" for key, value in needs)]
        parts += [
            f"\n- Languages: {languages}",
            f"- Translator: `{recipe['translate'].get('model')}`",
            f"- Model: `{recipe['align']['model']}`, method `{recipe['align'].get('method', 'dpo')}`",
        ]
    return "\n".join(parts) + "\n"


def _columns(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[str]:
    yield "| field | type | |\n|---|---|---|"
    required = schema.get("required", [])
    for name, value in schema.get("properties", {}).items():
        meaning = cell(value.get("description", ""))
        optional = "" if name in required else "optional. "
        yield f"| `{name}` | {_type(value, root)} | {optional}{meaning} |"


def _type(value: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    if options := value.get("anyOf"):
        return " or ".join(dict.fromkeys(_type(option, root) for option in options))
    if reference := value.get("$ref"):
        found = root["$defs"][reference.rsplit("/", 1)[-1]]
        if fields := found.get("properties"):
            return f"{{{', '.join(f'`{name}`' for name in fields)}}}"
        return _type(found, root)
    kind = value.get("type", "any")
    kinds = [name for name in ([kind] if isinstance(kind, str) else kind) if name != "null"]
    if kinds == ["array"]:
        return f"list of {_type(value.get('items') or {}, root)}"
    if kinds == ["object"] and value.get("properties"):
        return f"{{{', '.join(f'`{name}`' for name in value['properties'])}}}"
    return " or ".join(kinds) or "null"


def _header(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the description and the needs, by name, of the comment at the top of a recipe."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").rstrip())
    about, needs, section = list[str](), list[tuple[str, str]](), ""
    for line in lines:
        words = line.split()
        if line.startswith(" Needs"):
            section = "needs"
        elif line.startswith((" Fetch", " Run", " Override", " Figures")):
            section = "rest"
        elif not section:
            about.append(line.strip())
        elif section == "needs" and words and line.startswith("   "):
            needs.append((words[0], " ".join(words[1:])))
    return " ".join(part for part in about if part), needs
