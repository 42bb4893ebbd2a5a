"""The recipe's section `refresh`: what `mlc-data refresh` does once the variant sets are built again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlc_data.recipe.base import Section


class ChangedAbove(Section):
    """Train again where enough has changed."""

    changed_above: float = Field(ge=0, lt=1)
    """Share of the variant sets (0 to 1) that are new, gone or different since the checkpoint was trained,
    above which it is trained again."""


class RefreshPublish(Section):
    """Where a refreshed data set is published, as `mlc-data publish` does it."""

    repo: str
    """`organisation/name` on the Hugging Face Hub."""
    checkpoint: bool = False
    """Push the checkpoint too, where it was trained on the sets that are published."""
    private: bool | None = None
    """Who may see it; null: a new repository is private, an existing public one is refused."""
    gated: bool | None = None
    """Whether readers are let in one by one; null: those of a new repository are."""
    licence: str | None = None
    """SPDX identifier; null takes the strictest of what the data are made from."""


class Refresh(Section):
    """What follows when sources, models or settings have changed. No part of what a run is: the recipe's
    hash and the stages do not see it."""

    retrain: Literal["never", "always"] | ChangedAbove = "never"
    """`never`, `always` (whenever anything that training reads has changed), or `{changed_above: 0.1}`."""
    publish: str | RefreshPublish | None = None
    """Publish what has changed here: `organisation/name`, or a section with more; null publishes nothing."""

    @property
    def target(self) -> RefreshPublish | None:
        """`publish` as a section."""
        return RefreshPublish(repo=self.publish) if isinstance(self.publish, str) else self.publish
