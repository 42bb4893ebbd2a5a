"""The recipe's section `evaluate.safety.replies`: generation here, or by a server."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from mlc_data.recipe.base import Section
from mlc_data.recipe.endpoints import Address


class ReplyEndpoint(Address):
    """Both models behind an OpenAI-compatible endpoint, such as vLLM with the trained adapter beside its base.

    Prompts are sent to it.
    """

    before: str
    """Name there of the model that the recipe aligns."""
    after: str
    """Name there of the trained checkpoint or adapter."""
    at_once: int = Field(default=32, ge=1)
    """Largest number of requests at a time."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds to wait for a connection, and for each piece of an answer."""

    @model_validator(mode="after")
    def _two_models(self) -> Self:
        if self.before == self.after:
            raise ValueError("`before` and `after` name the same model: nothing would be compared")
        return self


class Replies(Section):
    """Generation of both models' replies."""

    dtype: Literal["float32", "bfloat16"] | None = None
    """Type of the weights while replies are generated here; null: `align.dtype`."""
    endpoint: ReplyEndpoint | None = None
    """Server that generates the replies; null generates them here."""

    @model_validator(mode="after")
    def _the_server_decides(self) -> Self:
        if self.endpoint is not None and self.dtype is not None:
            raise ValueError("with `endpoint` the server decides on the `dtype`: leave it out")
        return self
