"""Models behind OpenAI-compatible chat-completions endpoints: judges and translation engines."""

from __future__ import annotations

import re
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from mlc_data.recipe.base import LicenceName, Section

PREFIX = "endpoint:"
"""Begins the name of an endpoint where a recipe names an engine: ``endpoint:llm``."""


def _is_address(url: str) -> bool:
    """Return whether a text is the address of a server."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port beyond 65535, half an IPv6 address
        return False
    return known and url.isprintable() and " " not in url


class Address(Section):
    """An OpenAI-compatible chat-completions endpoint, and how requests to it are sent."""

    url: str
    """Base address of the API, such as `https://host/v1`."""
    revision: str | None = None
    """State of the model (a date, a commit): an endpoint does not report when its model changes."""
    key_variable: str | None = None
    """Environment variable that holds the key; never the key itself. null sends none."""
    at_once: int = Field(default=4, ge=1)
    """Largest number of requests at a time."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds to wait for a connection, and for each piece of an answer."""
    tries: int = Field(default=5, ge=1)
    """Times that a request is sent before it counts as failed."""
    longest_wait: float = Field(default=300.0, ge=0)
    """Longest wait in seconds that the endpoint may ask for (Retry-After) before the request fails."""

    @property
    def client(self) -> dict[str, Any]:
        """Arguments of `lm.chat.ChatClient` besides address and model."""
        return self.model_dump(
            include={"key_variable", "at_once", "timeout", "tries", "longest_wait"}
        )

    @model_validator(mode="after")
    def _no_secret_in_the_recipe(self) -> Self:
        # Checked for the section as a whole: a wrong value may be a key, and must not be repeated in a message.
        if self.key_variable is not None and not re.fullmatch(
            "[A-Z_][A-Z0-9_]*", self.key_variable
        ):
            raise ValueError(
                "`key_variable` is the name of an environment variable (capitals, digits and _), "
                "not the key"
            )
        if re.search(r"[?#]|//[^/]*@", self.url):
            raise ValueError("`url` holds a name, a password, a query or a fragment; leave it out")
        if not _is_address(self.url):
            raise ValueError("`url` has to begin with https:// or http:// and name a host")
        return self


class Served(Address):
    """A model behind an endpoint."""

    model: str
    """The model's name there."""
    licence: LicenceName = "unknown"
    """The model's licence (SPDX identifier)."""


class ChatEngine(Served):
    """A language model behind an OpenAI-compatible endpoint that translates, one sentence a request.

    Prompts are sent to it.
    """

    languages: tuple[str, ...] | None = None
    """Languages that it translates into and from; null: all of FLORES-200."""
    format: Literal["plain", "translategemma", "hy-mt"] = "plain"
    """Form of the question: `plain` for any chat model, or the wording that TranslateGemma or Hunyuan-MT was
    trained on."""
    template: str | None = None
    """Jinja template of the question in place of `format`, with `text`, `source`, `target` (English names of
    the languages), `source_code`, `target_code` (BCP 47)."""
    at_once: int = Field(default=32, ge=1)
    """Largest number of requests at a time."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds to wait for a connection, and for each piece of an answer."""
    price_in: float = Field(default=0.0, ge=0)
    """Price of a million tokens of questions, in any currency."""
    price_out: float = Field(default=0.0, ge=0)
    """Price of a million tokens of answers."""
