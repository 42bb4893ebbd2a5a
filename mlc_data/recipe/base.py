"""Parts that the sections of a recipe are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mlc_data.core.section import Section
from mlc_data.languages.by_language import ByLanguage, by_language

__all__ = ["ByLanguage", "Fraction", "Section", "by_language"]

Fraction = Annotated[float, Field(ge=0, le=1)]
