"""Thresholds by language."""

from __future__ import annotations

from typing import Any, Self

from pydantic import (
    ConfigDict,
    GetJsonSchemaHandler,
    RootModel,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from mlc_data.languages.flores import get_language


class ByLanguage(RootModel[dict[str, float]]):
    """A threshold by language: FLORES-200 codes to numbers, and ``default`` for the rest.

    A bare number holds for every language. In a mapping, languages that are not named keep the
    threshold that they have by default.
    """

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _accept_a_number(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"default": float(value)}
        return value

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if "default" not in self.root:
            raise ValueError("a threshold by language needs a `default`")
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
    def _serialize(self) -> float | dict[str, float]:
        # A mapping would be read back with the default's languages added to it.
        return self.root if len(self.root) > 1 else self.root["default"]

    def get(self, language: str) -> float:
        """Return the threshold of a language (FLORES-200 code)."""
        return self.root.get(language, self.root["default"])


def by_language(default: float, **languages: float) -> ByLanguage:
    """Return a threshold from its default and exceptions by FLORES-200 code."""
    return ByLanguage({"default": default, **languages})
