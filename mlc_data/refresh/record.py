"""The files of ``refresh/``: counts of changes in ``diff.json``, and tables of changed prompts and variants."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from mlc_data.core.described import Described
from mlc_data.core.manifest import ContentHash, ModelRecord

FORMAT_VERSION = 1


class Change(StrEnum):
    """Change of a prompt or a variant."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    EDITED = "edited"  # prompts only: the same text with another category or other responses


PROMPT_CHANGES: dict[str, pl.DataType] = dict.fromkeys(
    ("change", "prompt_id", "prompt", "prompt_id_before", "prompt_before"), pl.String()
)
"""``refresh/prompts.parquet``: one row for each prompt that has changed (`Change`).

A changed prompt has another text and so, unless only case and white space differ, another id.
"""

VARIANT_CHANGES: dict[str, pl.DataType] = dict.fromkeys(
    (
        "change", "language", "prompt_id", "prompt_id_before", "status_before", "status",
        "reason_before", "reason", "text_before", "text",
    ),
    pl.String(),
)  # fmt: skip
"""``refresh/diff.parquet``: one row for each requested variant whose prompt, text or status has changed.

``status`` is `records.Status`. The columns ``*_before`` are null for an added variant, all others for a
removed one. The verdict has flipped where one status is ``kept`` and the other is neither that nor null.
"""

SET_HASHES: dict[str, pl.DataType] = {"prompt_id": pl.String(), "hash": pl.String()}
"""``refresh/trained.parquet``: a hash of each variant set that the checkpoint was trained on."""


class _Record(Described, BaseModel):
    model_config = ConfigDict(extra="forbid")


class State(_Record):
    """State of a run, before or after."""

    recipe_hash: str
    """Hash of its recipe."""
    content_hash: ContentHash
    """Hashes of its tables."""


class PromptDiff(_Record):
    """Prompts; `before` - `removed` + `added` = `after`."""

    before: int
    after: int
    added: int
    removed: int
    changed: int
    """Another text in place of the old one: neither added nor removed."""
    edited: int
    """The same text with another category or other responses."""
    told_by: Literal["id", "place"]
    """Method that matched changed prompts: the source's ids, or the position among the prompts that stayed."""


class VariantDiff(_Record):
    """Variants: `added`, `removed`, `changed` and `unchanged` count requested ones, all others kept ones.

    `kept_before` + `added_kept` - `removed_kept` + `newly_kept` - `no_longer_kept` = `kept`.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    """Another prompt, text or status."""
    unchanged: int = 0
    kept_before: int = 0
    kept: int = 0
    added_kept: int = 0
    removed_kept: int = 0
    newly_kept: int = 0
    """Flipped verdicts: not kept before, kept now."""
    no_longer_kept: int = 0
    """Flipped verdicts: kept before, not kept now."""


class SetDiff(_Record):
    """Variant sets; `before` - `removed` + `added` = `after`."""

    before: int
    after: int
    added: int
    removed: int
    changed: int


class ModelChange(_Record):
    """A model that was replaced."""

    name: str
    """`translator`, `second_translator`, `language_identifier`."""
    before: ModelRecord | None
    after: ModelRecord


class SettingChange(_Record):
    """A key of the recipe with another value."""

    key: str
    """Dotted key."""
    before: Any
    """Value before; also null if there was no such key."""
    after: Any


class Training(_Record):
    """Decision whether to train the checkpoint again."""

    rule: Any
    """`refresh.retrain`."""
    share: float
    """Share (0 to 1) of sets that are new, gone or different since the checkpoint was trained, among all sets
    of either time; 1 where nothing was ever trained."""
    due: bool


class Diff(_Record):
    """``diff.json``. Two refreshes of one state into another give the same, interrupted or not."""

    format_version: int = FORMAT_VERSION
    name: str
    """Name of the recipe."""
    before: State | None
    """Null where there was no finished build: then everything is new."""
    after: State
    prompts: PromptDiff
    languages_added: list[str]
    languages_removed: list[str]
    models: list[ModelChange]
    settings: list[SettingChange] | None
    """Null where the recipe of the state before is not known."""
    versions: dict[str, tuple[str | None, str | None]]
    """Packages with another version: before, after."""
    variants: VariantDiff
    """Totals over all languages."""
    by_language: dict[str, VariantDiff]
    """Counts for every present or former target language, by FLORES-200 code."""
    sets: SetDiff
    training: Training

    @property
    def empty(self) -> bool:
        """Return whether prompts, variants and sets are unchanged."""
        parts = (self.prompts, self.variants, self.sets)
        changes = sum(part.added + part.removed + part.changed for part in parts)
        changes += self.prompts.edited
        return not changes and not self.languages_added and not self.languages_removed
