"""Stated rates: figures that stand in where nothing has been measured. Each can be set by the user."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pydantic import Field, ValidationError

from mlc_data.errors import UsageError
from mlc_data.recipe.base import Section


class Rates(Section):
    """Stated rates. Those of a machine are for two CPU cores, or for one GPU of 80 GB; see `stated`."""

    prompts: int | None = Field(default=None, ge=0)
    """Prompts of a source that is not on this machine."""
    pairs: int | None = Field(default=None, ge=0)
    """Preference pairs of a source that is not on this machine."""
    rows_per_second: float = Field(default=2_000, gt=0)
    """Rows of a source that are fetched, read and checked in a second."""
    sentences_per_prompt: float = Field(default=1.5, gt=0)
    """Sentences of a prompt."""
    tokens_per_sentence: float = Field(default=20, gt=0)
    """Tokens of an English sentence."""
    tokens_per_response: float = Field(default=120, gt=0)
    """Tokens of a response in a pair."""
    characters_per_token: float = Field(default=4, gt=0)
    """Characters of English text per token of a language model."""
    fertility: float = Field(default=1.6, gt=0)
    """Tokens of a variant in another language, relative to its English prompt."""
    template_tokens: float = Field(default=30, ge=0)
    """Tokens that a chat template adds to a prompt."""
    translation_tokens_per_second: float = Field(default=600, gt=0)
    """Source and target tokens that the engine translates in a second."""
    checks_per_second: float = Field(default=300, gt=0)
    """Variants that are scored in a second."""
    rejected: float = Field(default=0.25, ge=0, le=1)
    """Share of the variants that the checks reject at first."""
    rescue_factor: float = Field(default=3, ge=0)
    """Time of one rescue strategy for a variant, relative to that of its translation."""
    tflops: float = Field(default=0.1, gt=0)
    """Trillions of floating point operations that training does in a second, on one device."""
    bandwidth: float = Field(default=10, gt=0)
    """Gigabytes of weights that generation reads in a second."""
    start_up: float = Field(default=8, ge=0)
    """Seconds in which a stage that uses a language model imports its libraries and loads it."""


def stated(gpu: bool) -> Rates:
    """Return the stated rates of two CPU cores, or of one GPU of 80 GB. Those of the GPU are unmeasured."""
    if not gpu:
        return Rates()
    return Rates(
        translation_tokens_per_second=15_000,
        checks_per_second=2_000,
        tflops=150,
        bandwidth=1_500,
        start_up=60,
    )


def with_settings(rates: Rates, settings: Sequence[str]) -> Rates:
    """Return the rates with those that the user sets as ``name=number``.

    Raises:
        UsageError: there is no such rate, or the value is not a number in its range.
    """
    values: dict[str, str] = {}
    for setting in settings:
        name, mark, value = setting.partition("=")
        if not mark:
            raise UsageError(f"--rates {setting}: write NAME=NUMBER")
        if name not in Rates.model_fields:
            near = difflib.get_close_matches(name, Rates.model_fields, n=1)
            hint = (
                f"did you mean {near[0]}?" if near else f"there are {', '.join(Rates.model_fields)}"
            )
            raise UsageError(f"--rates {name}: there is no such rate; {hint}")
        values[name] = value
    try:
        return Rates.model_validate({**rates.model_dump(), **values})
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--rates {first['loc'][0]}={first['input']}: {first['msg']}") from error
