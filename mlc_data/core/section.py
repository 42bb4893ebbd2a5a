"""Base class of every section of a recipe."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, RootModel, create_model, model_validator

from mlc_data.core.described import Described


class Section(Described, BaseModel):
    """Immutable settings that refuse unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


S = TypeVar("S", bound=Section)


@cache
def section_of_plugin(section: type[S], key: str, name: str) -> type[S]:
    """Return a section with one more key, whose only value is the name of a plug-in's class."""
    field: Any = (Literal[name], name)
    return create_model(
        section.__name__,
        __base__=section,
        __module__=section.__module__,
        __doc__=section.__doc__,
        **{key: field},
    )
