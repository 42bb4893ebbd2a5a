"""Parts that the sections of a recipe are made of."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from mlc_data.core.section import Section
from mlc_data.languages.by_language import ByLanguage, by_language

__all__ = ["ByLanguage", "Fraction", "Grown", "LicenceName", "Section", "by_language"]

Fraction = Annotated[float, Field(ge=0, le=1)]

_LONGEST_LICENCE = 200


def _licence(name: str) -> str:
    if not name.isprintable() or len(name) > _LONGEST_LICENCE:
        raise ValueError("is no licence: one line of printable characters, such as CC-BY-4.0")
    return name


LicenceName = Annotated[str, AfterValidator(_licence)]
"""Name of a licence, which stands on cards and in front matter: one line."""


class Grown(Section):
    """A section with keys that earlier versions did not have.

    While they are at their defaults they are left out of what is written, so that a recipe without them keeps
    its hash.
    """

    added: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        unused = [name for name in self.added if getattr(self, name) == fields[name].default]
        return {name: value for name, value in data.items() if name not in unused}
