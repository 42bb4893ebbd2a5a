"""Changes in Markdown, for the card of a published revision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlc_data.core.hashing import canonical_json
from mlc_data.core.redaction import without_folders
from mlc_data.languages.flores import get_language
from mlc_data.refresh.record import Diff, PromptDiff, VariantDiff

COLUMNS: Mapping[str, str] = {
    "added": "added",
    "removed": "removed",
    "changed": "changed",
    "newly_kept": "newly kept",
    "no_longer_kept": "no longer kept",
    "kept_before": "kept before",
    "kept": "kept now",
}
"""Counts of `VariantDiff` in tables, and their titles."""


def in_markdown(diff: Diff) -> str:
    """Return paragraphs, a table by language, and lists of settings and models, without local paths."""
    return "\n\n".join(_paragraphs(diff)) + "\n"


def describe_prompts(prompts: PromptDiff) -> str:
    """Return ``10 prompts added, 5 removed, 5 changed``."""
    text = f"{prompts.added} prompts added, {prompts.removed} removed, {prompts.changed} changed"
    edited = f", {prompts.edited} with another category or other responses"
    return text + (edited if prompts.edited else "")


def _paragraphs(diff: Diff) -> Iterator[str]:
    if diff.before is None:
        yield "There is no earlier build to compare with."
        return
    yield f"Compared with the build before: {describe_prompts(diff.prompts)}."
    for verb, codes in (("added", diff.languages_added), ("removed", diff.languages_removed)):
        if codes:
            named = ", ".join(f"{get_language(code).name} ({code})" for code in codes)
            yield f"Languages {verb}: {named}."
    sets = diff.sets
    yield f"Variant sets: {sets.added} added, {sets.removed} removed, {sets.changed} changed, {sets.after} now."
    yield _table(diff)
    if diff.models:
        yield "\n".join(
            f"- {model.name.replace('_', ' ')}: {_model(model.before)} is now {_model(model.after)}"
            for model in diff.models
        )
    # The section `refresh` says nothing about the data.
    settings = [item for item in diff.settings or () if not item.key.startswith("refresh.")]
    if settings:
        yield "\n".join(
            f"- `{item.key}`: {_value(item.before)} is now {_value(item.after)}"
            for item in settings
        )


def _table(diff: Diff) -> str:
    rows: list[tuple[str, VariantDiff]] = [*diff.by_language.items(), ("all", diff.variants)]
    lines = [" | ".join(["variants", *COLUMNS.values()]), "|".join(["---"] * (len(COLUMNS) + 1))]
    for name, counts in rows:
        lines.append(" | ".join([name, *(str(getattr(counts, key)) for key in COLUMNS)]))
    return "\n".join(f"| {line} |" for line in lines)


def _model(record: Any) -> str:
    if record is None:
        return "none"
    return f"`{without_folders(record.id)}` at `{without_folders(record.revision)}`"


def _value(value: Any) -> str:
    return f"`{canonical_json(without_folders(value))}`"
