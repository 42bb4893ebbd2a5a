"""``publication.json``: what a published folder or repository holds, and the hash that it goes by."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mlc_data.core.hashing import hash_value
from mlc_data.errors import MlcDataError

FILE = "publication.json"
"""Its name, beside the data."""

FORMAT_VERSION = 1


class PartRecord(BaseModel):
    """Something that the work is made from, with its licence."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: str
    """`prompts`, `translator`, `second_translator`, `base`, `preferences`."""
    what: str
    """File, data set or model."""
    licence: str
    """SPDX identifier."""
    declared: bool = False
    """Whether whoever published it named the licence."""


class Publication(BaseModel):
    """What was published, without anything that differs between two publications of the same."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    format_version: int = FORMAT_VERSION
    kind: str
    """`dataset` or `model`."""
    name: str
    """Of the recipe."""
    content_hash: str
    """Of everything below and of the card: who finds it at the Hub need not push again."""
    content: dict[str, str]
    """Content hash of each table, or SHA-256 of each file of a checkpoint."""
    rows: dict[str, dict[str, int]] = {}
    """Rows by configuration and split."""
    licence: str
    """Under which it is published."""
    parts: list[PartRecord]
    """What decided the licence."""
    rights: str | None = None
    """The reason that whoever published gave for a licence that the parts do not allow."""
    recipe_hash: str
    """Of the recipe, as the manifest has it."""
    files: list[str]
    """Every file that was published, this one too; a later publication removes what it lacks."""

    @classmethod
    def make(cls, card: str, **values: Any) -> Publication:
        """The record with its hash.

        Args:
            card: README.md; what it says is part of the content.
            values: every other field.
        """
        record = cls(content_hash="", **values)
        told = record.model_dump(mode="json", exclude={"content_hash"})
        record.content_hash = hash_value({**told, "card": card})
        return record


def read_publication(text: bytes, where: str) -> Publication:
    """The record in a file's bytes.

    Raises:
        MlcDataError: it is no record of a format that this version reads.
    """
    try:
        return Publication.model_validate_json(text)
    except ValidationError as error:
        raise MlcDataError(
            f"{where} is not a record of format {FORMAT_VERSION} ({error.error_count()} faults): it "
            "was made by another version, or edited. Publish to another place, or remove it there"
        ) from error
