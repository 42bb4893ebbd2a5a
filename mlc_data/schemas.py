"""JSON Schemas (2020-12) of every public file format, made from the code.

``python -m mlc_data.schemas --write schemas`` writes them, ``--check`` compares.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.core import records
from mlc_data.core.manifest import Manifest
from mlc_data.pipeline.lineage.record import Lineage
from mlc_data.publish.record import Publication
from mlc_data.recipe.recipe import Recipe
from mlc_data.refresh.record import PROMPT_CHANGES, VARIANT_CHANGES, Diff

log = logging.getLogger(__name__)

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALARS: dict[type[pl.DataType], str] = {
    pl.String: "string",
    pl.Int64: "integer",
    pl.Float64: "number",
    pl.Boolean: "boolean",
}


def build() -> dict[str, dict[str, Any]]:
    """Return every schema by its file's stem."""
    return {
        "prompt": table(records.PROMPTS, {"prompt"}, "A row of a file of prompts"),
        "preference": table(
            records.PREFERENCES,
            {"prompt", "chosen", "rejected"},
            "A row of a file of English preference pairs",
        ),
        "variant": {
            **table(records.VARIANTS, set(records.VARIANTS), "A row of variants.parquet"),
            # Scores: one column for each measure of each check.
            "additionalProperties": {"type": ["number", "null"]},
        },
        "variant_set": table(
            records.SETS,
            {"prompt_id", "prompt", "language", "variants", "missing"},
            "A row of sets/*.parquet",
        ),
        "lineage": {"$schema": DIALECT, **Lineage.model_json_schema()},
        "manifest": {"$schema": DIALECT, **Manifest.model_json_schema()},
        "publication": {"$schema": DIALECT, **Publication.model_json_schema()},
        "refresh": {"$schema": DIALECT, **Diff.model_json_schema()},
        "refresh_prompt": table(PROMPT_CHANGES, {"change"}, "A row of refresh/prompts.parquet"),
        "refresh_variant": table(
            VARIANT_CHANGES, {"change", "language"}, "A row of refresh/diff.parquet"
        ),
        "recipe": recipe_schema(),
    }


def recipe_schema(recipe: Recipe | None = None) -> dict[str, Any]:
    """Return the JSON Schema of recipes; with a recipe, the sections of its own checks are in it."""
    schema = {"$schema": DIALECT, **Recipe.model_json_schema()}
    sections: dict[str, Any] = {}
    for name, settings in (recipe.checks.custom if recipe else {}).items():
        sections[name] = type(settings).model_json_schema(ref_template="#/$defs/{model}")
        schema["$defs"] |= sections[name].pop("$defs", {})
    if sections:
        schema["$defs"]["Checks"]["properties"]["custom"]["properties"] = sections
    return schema


def table(
    schema: Mapping[str, pl.DataType], required: Collection[str], title: str
) -> dict[str, Any]:
    """Return the JSON Schema of a table's rows; columns that are not ``required`` may be null."""
    properties = {name: _kind(kind, nullable=name not in required) for name, kind in schema.items()}
    return {
        "$schema": DIALECT,
        "title": title,
        "type": "object",
        "required": [name for name in schema if name in required],
        "properties": properties,
    }


def _kind(kind: Any, *, nullable: bool) -> dict[str, Any]:
    if isinstance(kind, pl.List):
        schema: dict[str, Any] = {"type": "array", "items": _kind(kind.inner, nullable=False)}
    elif isinstance(kind, pl.Struct):
        fields = {field.name: _kind(field.dtype, nullable=False) for field in kind.fields}
        schema = {"type": "object", "required": list(fields), "properties": fields}
    else:
        schema = {"type": _SCALARS[type(kind)]}
    return {**schema, "type": [schema["type"], "null"]} if nullable else schema


def write(folder: Path) -> None:
    """Write every schema to ``<folder>/<name>.schema.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in build().items():
        path = folder / f"{name}.schema.json"
        path.write_text(_text(schema), encoding="utf-8")


def differing(folder: Path) -> list[str]:
    """Return the names of files in ``folder`` that are missing, superfluous or out of date."""
    wanted = {f"{name}.schema.json": _text(schema) for name, schema in build().items()}
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in wanted | present if wanted.get(name) != present.get(name))


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write or check the schemas; exits with 1 if a file differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", type=Path, metavar="DIR", help="write the schemas here")
    choice.add_argument("--check", type=Path, metavar="DIR", help="compare with those here")
    chosen = parser.parse_args()
    if chosen.write:
        write(chosen.write)
    elif wrong := differing(chosen.check):
        sys.exit(f"out of date: {', '.join(wrong)}. Run: make schemas")


if __name__ == "__main__":
    main()
