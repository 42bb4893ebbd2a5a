"""The recipe's section `refresh`: what `mlc-data refresh` does once the variant sets are built again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlc_data.recipe.base import LicenceName, Section


class ChangedAbove(Section):
    """Condition to train again: enough has changed."""

    changed_above: float = Field(ge=0, lt=1)
    """Share of the variant sets (0 to 1) that are new, gone or different since the checkpoint was trained,
    above which it is trained again."""


class RefreshPublish(Section):
    """Publication of a refreshed data set; see `mlc-data publish`."""

    repo: str
    """`organisation/name` on the Hugging Face Hub."""
    checkpoint: bool = False
    """Push the checkpoint too, where it was trained on the sets that are published."""
    private: bool | None = None
    """Visibility; null: a new repository is private, an existing public one is refused."""
    gated: bool | None = None
    """True if owners approve readers one by one; null: true for a new repository."""
    licence: LicenceName | None = None
    """SPDX identifier; null takes the strictest license of the parts."""


class Refresh(Section):
    """Reactions to changed sources, models or settings. Not part of a run's identity: the recipe's hash and
    the stages do not depend on it."""

    retrain: Literal["never", "always"] | ChangedAbove = "never"
    """`never`, `always` (whenever anything that training reads has changed), or `{changed_above: 0.1}`."""
    publish: str | RefreshPublish | None = None
    """Repository to publish to when something has changed: `organisation/name`, or a section with more settings;
    null publishes nothing."""

    @property
    def target(self) -> RefreshPublish | None:
        """`publish` as a section."""
        return RefreshPublish(repo=self.publish) if isinstance(self.publish, str) else self.publish
