"""Changes of the last refresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from mlc_data.core.hashing import canonical_json
from mlc_data.core.parquet import read_parquet
from mlc_data.core.redaction import without_folders
from mlc_data.refresh.card import COLUMNS, describe_prompts
from mlc_data.refresh.record import Diff
from mlc_data.refresh.snapshot import FOLDER
from mlc_data.report.page.context import Facts, Tongue

SHOWN = 60
"""Changed variants that are shown, at most."""


@dataclass(frozen=True)
class Changes:
    """The section.

    Attributes:
        summary: sentences.
        columns: titles of the counts.
        table: counts by language, then of all.
        settings: lines on settings and models that were changed.
        variants: changed variants: language, change, status and text before and now.
        total: number of changed variants.
        missing: why there is nothing, in one line.
    """

    summary: Sequence[str] = ()
    columns: Sequence[str] = ()
    table: Sequence[tuple[str, Sequence[int]]] = ()
    settings: Sequence[str] = ()
    variants: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    total: int = 0
    missing: str = ""


def changes(facts: Facts) -> Changes:
    """Return the last refresh's changes."""
    folder = facts.run.path(FOLDER)
    if not (folder / "diff.json").is_file():
        return Changes(missing=f"The run has not been refreshed: mlc-data refresh {facts.folder}")
    try:
        diff = Diff.model_validate_json((folder / "diff.json").read_text(encoding="utf-8"))
    except ValidationError:
        return Changes(
            missing=f"Another version wrote the last refresh: mlc-data refresh {facts.folder}"
        )
    table = read_parquet(folder / "diff.parquet")
    return Changes(
        summary=tuple(_summary(diff)),
        columns=tuple(COLUMNS.values()),
        table=tuple(
            (name, tuple(getattr(counts, key) for key in COLUMNS))
            for name, counts in (*diff.by_language.items(), ("all", diff.variants))
        ),
        settings=tuple(_settings(diff)),
        variants=tuple(_changed(row) for row in table.head(SHOWN).iter_rows(named=True)),
        total=table.height,
    )


def _summary(diff: Diff) -> list[str]:
    if diff.before is None:
        return ["Built anew: there is no earlier build to compare with."]
    sets = diff.sets
    return [
        f"Compared with the build before: {describe_prompts(diff.prompts)}.",
        f"Variant sets: {sets.added} added, {sets.removed} removed, {sets.changed} changed, {sets.after} now.",
        f"{100 * diff.training.share:.1f} % of the sets differ from those that the checkpoint was trained on.",
    ]


def _settings(diff: Diff) -> list[str]:
    lines = [
        f"{model.name.replace('_', ' ')}: {_model(model.before)} is now {_model(model.after)}"
        for model in diff.models
    ]
    for each in diff.settings or ():
        before, after = (
            canonical_json(without_folders(value)) for value in (each.before, each.after)
        )
        lines.append(f"{each.key}: {before} is now {after}")
    return lines


def _model(record: Any) -> str:
    if record is None:
        return "none"
    return f"{without_folders(record.id)} at {without_folders(record.revision)}"


def _changed(row: Mapping[str, Any]) -> dict[str, Any]:
    before = " ".join(filter(None, (row["status_before"], row["reason_before"])))
    after = " ".join(filter(None, (row["status"], row["reason"])))
    return {
        "tongue": Tongue.of(row["language"]),
        "change": row["change"],
        "before": before,
        "after": after,
        "text_before": row["text_before"],
        "text": row["text"],
    }
