"""``publication.json``: contents of a published folder or repository, and the hash that identifies them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mlc_data.core.described import Described
from mlc_data.core.hashing import hash_value
from mlc_data.core.manifest import InsidePath
from mlc_data.errors import MlcDataError
from mlc_data.pipeline.layout import PUBLICATION

FILE = PUBLICATION
"""Name of the file in the published folder."""

FORMAT_VERSION = 1


class PartRecord(Described, BaseModel):
    """Part that the work is made from, with its license."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """`prompts`, `translator`, `second_translator`, `base`, `preferences`."""
    what: str
    """File, data set or model."""
    licence: str
    """SPDX identifier."""
    declared: bool = False
    """True where the publisher named the license."""


class Publication(Described, BaseModel):
    """Published contents, without anything that differs between two publications of the same run."""

    model_config = ConfigDict(extra="forbid")

    format_version: int = FORMAT_VERSION
    kind: str
    """`dataset` or `model`."""
    name: str
    """Name of the recipe."""
    content_hash: str
    """Hash of everything below and of the card: contents with this hash are not pushed again."""
    content: dict[str, str]
    """Content hash of each table, or SHA-256 of each file of a checkpoint."""
    rows: dict[str, dict[str, int]] = {}
    """Rows by configuration and split."""
    licence: str
    """License of the publication."""
    parts: list[PartRecord]
    """Parts whose licenses decided it."""
    rights: str | None = None
    """The publisher's reason for a license that the parts do not allow."""
    recipe_hash: str
    """Hash of the recipe, from the manifest."""
    files: list[InsidePath]
    """Every file that was published, this one too; a later publication removes what it lacks."""

    @classmethod
    def make(cls, card: str, **values: Any) -> Publication:
        """Return the record with its hash.

        Args:
            card: README.md; what it says is part of the content.
            values: every other field.
        """
        record = cls(content_hash="", **values)
        fields = record.model_dump(mode="json", exclude={"content_hash"})
        record.content_hash = hash_value({**fields, "card": card})
        return record


def read_publication(text: bytes, where: str) -> Publication:
    """Parse the record in a file's bytes.

    Raises:
        MlcDataError: it is not a record of a format that this version reads.
    """
    try:
        return Publication.model_validate_json(text)
    except ValidationError as error:
        raise MlcDataError(
            f"{where} is not a record of format {FORMAT_VERSION} ({error.error_count()} errors): it "
            "was made by another version, or edited. Publish to another place, or remove it there"
        ) from error
