"""What every part of a recipe is made of: sections that refuse unknown keys, and thresholds."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    RootModel,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """What every part of a recipe has in common: immutable, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _languages_not_named_keep_their_threshold(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        merged = dict(data)
        for name, field in cls.model_fields.items():
            if isinstance(field.default, ByLanguage) and isinstance(data.get(name), dict):
                merged[name] = {**field.default.root, **data[name]}
        return merged


class ByLanguage(RootModel[dict[str, float]]):
    """A threshold by language: FLORES-200 codes to numbers, and ``default`` for the rest.

    A bare number holds for every language. In a mapping, languages that are not named keep the
    threshold that they have by default.
    """

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _bare_number(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"default": float(value)}
        return value

    @model_validator(mode="after")
    def _has_default(self) -> Self:
        if "default" not in self.root:
            raise ValueError("a threshold by language needs a `default`")
        from mlc_data.languages.flores import get_language

        for code in self.root.keys() - {"default"}:
            get_language(code)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        mapping = handler.resolve_ref_schema(handler(core_schema))
        number = {"type": "number"}
        described = {"title": mapping["title"], "description": mapping["description"]}
        return {**described, "anyOf": [number, {"type": "object", "additionalProperties": number}]}

    @model_serializer
    def _as_written(self) -> float | dict[str, float]:
        # A mapping would be read back with the default's languages added to it.
        return self.root if len(self.root) > 1 else self.root["default"]

    def get(self, language: str) -> float:
        """The threshold that holds for a FLORES-200 code."""
        return self.root.get(language, self.root["default"])


def by_language(default: float, **languages: float) -> ByLanguage:
    """Shorthand for defaults below."""
    return ByLanguage({"default": default, **languages})
