"""Base class of every section of a recipe."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, RootModel, model_validator


class Section(BaseModel):
    """Immutable settings that refuse unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _merge_mappings_into_their_defaults(cls, data: Any) -> Any:
        """Keep the default's entries that a mapping (a threshold by language) does not name."""
        if not isinstance(data, dict):
            return data
        merged = dict(data)
        for name, field in cls.model_fields.items():
            if isinstance(field.default, RootModel) and isinstance(data.get(name), dict):
                merged[name] = {**field.default.root, **data[name]}
        return merged
