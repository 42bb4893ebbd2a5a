"""Descriptions of attributes in JSON Schemas."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from mlc_data.core.described import Described


class Base(Described, BaseModel):
    inherited: int = 1
    """Of the base class."""
    plain: int = 2


class Settings(Base):
    own: str = ""
    """Of the class itself."""
    imported: str | None = Field(default=None, alias="import")
    """Under its alias."""
    said: int = Field(default=0, description="Said explicitly.")
    """Not this."""


def properties() -> dict[str, Any]:
    found: dict[str, Any] = Settings.model_json_schema()["properties"]
    return found


def test_a_docstring_describes_its_attribute() -> None:
    assert properties()["own"]["description"] == "Of the class itself."


def test_an_inherited_attribute_keeps_its_description() -> None:
    assert properties()["inherited"]["description"] == "Of the base class."


def test_an_alias_is_described() -> None:
    assert properties()["import"]["description"] == "Under its alias."


def test_an_explicit_description_is_kept() -> None:
    assert properties()["said"]["description"] == "Said explicitly."


def test_without_a_docstring_there_is_no_description() -> None:
    assert "description" not in properties()["plain"]
