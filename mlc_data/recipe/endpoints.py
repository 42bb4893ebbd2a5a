"""Translation engines behind OpenAI-compatible chat-completions endpoints."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from mlc_data.recipe.base import Section

PREFIX = "endpoint:"
"""Begins the name of an endpoint where a recipe names an engine: ``endpoint:llm``."""


def check_no_secret(url: str, key_variable: str | None) -> None:
    """Check that a section holds no key.

    Called for the section as a whole: a wrong value may be a key, and must not be repeated in a message.

    Raises:
        ValueError: it may hold one.
    """
    if key_variable is not None and not re.fullmatch("[A-Z_][A-Z0-9_]*", key_variable):
        raise ValueError(
            "`key_variable` is the name of an environment variable (capitals, digits and _), not the key"
        )
    if re.search(r"[?#]|//[^/]*@", url):
        raise ValueError("`url` holds a name, a password, a query or a fragment; leave it out")


class ChatEngine(Section):
    """A language model behind an OpenAI-compatible endpoint that translates, one sentence a request.

    Prompts are sent to it.
    """

    url: str
    """Base address of the API, such as `http://127.0.0.1:8000/v1`."""
    model: str
    """The model's name there."""
    revision: str | None = None
    """State of the model (a date, a commit): an endpoint does not report when its model changes."""
    licence: str = "unknown"
    """Licence of its translations (SPDX identifier)."""
    languages: tuple[str, ...] | None = None
    """Languages that it translates into and from; null: all of FLORES-200."""
    format: Literal["plain", "translategemma", "hy-mt"] = "plain"
    """Form of the question: `plain` for any chat model, or the wording that TranslateGemma or Hunyuan-MT was
    trained on."""
    template: str | None = None
    """Jinja template of the question in place of `format`, with `text`, `source`, `target` (English names of
    the languages), `source_code`, `target_code` (BCP 47)."""
    key_variable: str | None = None
    """Environment variable that holds the key; never the key itself. null sends none."""
    at_once: int = Field(default=32, ge=1)
    """Largest number of requests at a time."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds to wait for a connection, and for each piece of an answer."""
    tries: int = Field(default=5, ge=1)
    """Times that a request is sent before its sentence counts as failed, or goes to the next engine."""
    longest_wait: float = Field(default=300.0, ge=0)
    """Longest wait in seconds that the endpoint may ask for (Retry-After) before the request fails."""
    price_in: float = Field(default=0.0, ge=0)
    """Price of a million tokens of questions, in any currency."""
    price_out: float = Field(default=0.0, ge=0)
    """Price of a million tokens of answers."""

    @model_validator(mode="after")
    def _no_secret_in_the_recipe(self) -> Self:
        check_no_secret(self.url, self.key_variable)
        return self
