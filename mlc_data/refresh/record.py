"""``refresh/diff.json``: what a refresh found changed, in figures."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from mlc_data.core.manifest import ContentHash, ModelRecord

FORMAT_VERSION = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class State(_Record):
    """A build, before or after."""

    recipe_hash: str
    """Of the recipe that it was made by."""
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
    """How a changed prompt is told from one removed and one added: by the source's ids, or by its place
    among those that stayed."""


class VariantDiff(_Record):
    """Variants: `added`, `removed`, `changed` and `unchanged` count requested ones, all else kept ones.

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
    """Verdicts that flipped: there before and not kept, now kept."""
    no_longer_kept: int = 0
    """Verdicts that flipped the other way."""


class SetDiff(_Record):
    """Variant sets; `before` - `removed` + `added` = `after`."""

    before: int
    after: int
    added: int
    removed: int
    changed: int


class ModelChange(_Record):
    """A model that is not the one before."""

    name: str
    """`translator`, `second_translator`, `language_identifier`."""
    before: ModelRecord | None
    after: ModelRecord


class SettingChange(_Record):
    """A key of the recipe whose value is not the one before."""

    key: str
    """Dotted."""
    before: Any
    """Null too where there was no such key."""
    after: Any


class Training(_Record):
    """Whether the checkpoint is to be trained again."""

    rule: Any
    """`refresh.retrain`."""
    share: float
    """Of the sets now and those that the checkpoint was trained on together: those in one alone, or
    different (0 to 1; 1 where nothing was ever trained)."""
    due: bool


class Diff(_Record):
    """``diff.json``. Two refreshes of one state into another give the same, interrupted or not."""

    format_version: int = FORMAT_VERSION
    name: str
    """Of the recipe."""
    before: State | None
    """Null where no finished build was found: then all is new."""
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
    """Of all languages."""
    by_language: dict[str, VariantDiff]
    """Of every language that is or was a target, by FLORES-200 code."""
    sets: SetDiff
    training: Training

    @property
    def empty(self) -> bool:
        """Whether prompts, variants and sets are as they were."""
        parts = (self.prompts, self.variants, self.sets)
        told = sum(one.added + one.removed + one.changed for one in parts) + self.prompts.edited
        return not told and not self.languages_added and not self.languages_removed
