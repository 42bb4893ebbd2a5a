"""Section of the recipe for one external scorer."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from mlc_data.checks.base import CheckSection
from mlc_data.checks.external.command import INPUT, OUTPUT
from mlc_data.languages.by_language import ByLanguage
from mlc_data.languages.flores import get_language


def _split(value: Any) -> Any:
    """Accept a command as one text, split as a shell splits words; no shell ever runs it."""
    return shlex.split(value) if isinstance(value, str) else value


class ExternalSection(CheckSection):
    """A command that scores variants, in an environment of its own.

    It reads a Parquet file (``row``, ``prompt``, ``language``, ``variant``, ``back_translation``) and
    writes one (``row``, ``score``). A row that is missing there, or has no score, is not judged.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the scorer: its scores and its reason are `external_<name>`."""
    command: Annotated[tuple[str, ...], BeforeValidator(_split), Field(min_length=1)]
    """List of arguments, or one text that is split as in a shell but never run by one. `{input}` and
    `{output}` stand for the paths of its files; without them both paths are appended. Stored with the run:
    keys belong in environment variables."""
    version: int | str | None = None
    """Any value, changed by hand when the same row gets another score: with the command, its script or its
    model. Stored scores are used as long as command, version and languages are the same."""
    languages: tuple[str, ...] = ()
    """Languages (FLORES-200 codes) that are scored; empty for all."""
    min: ByLanguage | None = None
    """Least score; a number, or a mapping by language with `default`."""
    max: ByLanguage | None = None
    """Greatest score."""
    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds that one run of the command may take; null for no limit."""
    rows_at_once: int = Field(default=20_000, ge=1)
    """Most variants that one run of the command scores."""

    @field_validator("languages")
    @classmethod
    def _check_languages(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        for code in languages:
            get_language(code)
        return languages

    @model_validator(mode="after")
    def _check_paths(self) -> Self:
        named = [each for each in (INPUT, OUTPUT) if any(each in part for part in self.command)]
        if len(named) == 1:
            raise ValueError(f"the command has {named[0]} but not both {INPUT} and {OUTPUT}")
        return self
