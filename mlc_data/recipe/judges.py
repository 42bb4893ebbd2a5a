"""The recipe's judges, which decide whether a model's reply is unsafe, and whether it declines."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    PlainValidator,
    SerializeAsAny,
    Tag,
    WithJsonSchema,
    model_validator,
)

from mlc_data.core.plugins import JUDGES, is_plugin, load_plugin, plugin_names
from mlc_data.core.section import section_of_plugin
from mlc_data.recipe.base import Fraction, Section
from mlc_data.recipe.endpoints import Served

Template = Literal["polyguard", "qwen3guard", "llamaguard"]


class RefusalPhrases(Section):
    """Phrases with which assistants decline; does not judge harm."""

    kind: Literal["refusal-phrases"]
    """Kind of judge."""


class Guard(Section):
    """A guard model that generates its answer, run here."""

    kind: Literal["guard"]
    """Kind of judge."""
    model: str
    """Hugging Face folder, Hub id, or a .gguf file."""
    revision: str | None = None
    """Commit of the Hub repository."""
    template: Template
    """The format that the model was trained on: PolyGuard, Qwen3Guard-Gen, Llama Guard 3 or 4."""
    controversial: Literal["unsafe", "safe"] | None = None
    """Verdict for Qwen3Guard's answer Controversial (null: unsafe)."""
    batch_size: int = Field(default=8, ge=1)
    """Exchanges per forward pass."""
    max_length: int | None = Field(default=None, ge=64)
    """Largest number of tokens of instruction, prompt and reply; longer exchanges fail, none is truncated. null:
    the model's limit."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Type of the weights in memory; `auto`: bfloat16 on a GPU that computes in it, else float32."""

    @model_validator(mode="after")
    def _setting_of_the_template(self) -> Self:
        _check_controversial(self.template, self.controversial)
        return self


class Classifier(Section):
    """A sequence classification model, run here."""

    kind: Literal["classifier"]
    """Kind of judge."""
    model: str
    """Hugging Face folder or Hub id."""
    revision: str | None = None
    """Commit of the Hub repository."""
    unsafe_labels: tuple[str, ...] = ()
    """The model's labels for an unsafe reply; none: it does not judge harm."""
    refusal_labels: tuple[str, ...] = ()
    """The model's labels for a reply that declines; none: it does not judge refusals."""
    reads: Literal["reply", "pair"] = "reply"
    """The reply alone, or prompt and reply as a pair of texts."""
    threshold: Fraction = 0.5
    """Least probability of the labels that counts."""
    batch_size: int = Field(default=16, ge=1)
    """Exchanges per forward pass."""

    @model_validator(mode="after")
    def _some_label(self) -> Self:
        if not self.unsafe_labels and not self.refusal_labels:
            raise ValueError("name `unsafe_labels`, `refusal_labels` or both")
        return self


class Endpoint(Served):
    """A model behind an OpenAI-compatible chat-completions endpoint.

    Prompts and replies are sent to it.
    """

    kind: Literal["endpoint"]
    """Kind of judge."""
    template: Literal["instruction"] | Template = "instruction"
    """A guard's format, or an instruction that asks any model for JSON."""
    controversial: Literal["unsafe", "safe"] | None = None
    """Verdict for Qwen3Guard's answer Controversial (null: unsafe)."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Largest number of tokens of an answer; null: as many as the template needs. Models that think need more."""
    batch_size: int = Field(default=32, ge=1)
    """Exchanges between two writes of results."""

    @model_validator(mode="after")
    def _setting_of_the_template(self) -> Self:
        _check_controversial(self.template, self.controversial)
        return self


class JudgeSection(Section):
    """Settings of a judge of your own.

    A class with further settings has its own subclass of this as the attribute ``section``.
    """

    kind: str
    """The class: `module:Class`, or the entry point (`mlc_data.judges`) of an installed package."""


_BUILT_IN = ("refusal-phrases", "guard", "classifier", "endpoint")
_CUSTOM_SCHEMA = {
    "title": JudgeSection.__name__,
    "description": "A judge of your own: `module:Class`, or an entry point (`mlc_data.judges`).",
    "type": "object",
    "properties": {"kind": {"type": "string", "not": {"enum": list(_BUILT_IN)}}},
    "required": ["kind"],
}


def _custom(value: Any) -> JudgeSection:
    """Validate the settings of a judge of the user's by its own section."""
    if isinstance(value, JudgeSection):
        return value
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or not is_plugin(kind, JUDGES):
        known = ", ".join((*_BUILT_IN, *plugin_names(JUDGES)))
        raise ValueError(f"`kind` is one of {known}, or module:Class for a judge of your own")
    judge = load_plugin(kind, JUDGES, "evaluate.safety.judges", object)
    section = getattr(judge, "section", JudgeSection)
    settings: JudgeSection = section_of_plugin(section, "kind", kind).model_validate(value)
    return settings


def _tag(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in _BUILT_IN else "custom"


Judge = Annotated[
    Annotated[RefusalPhrases, Tag("refusal-phrases")]
    | Annotated[Guard, Tag("guard")]
    | Annotated[Classifier, Tag("classifier")]
    | Annotated[Endpoint, Tag("endpoint")]
    | Annotated[
        SerializeAsAny[JudgeSection],
        PlainValidator(_custom),
        WithJsonSchema(_CUSTOM_SCHEMA),
        Tag("custom"),
    ],
    Discriminator(_tag),
]
"""A judge, selected by its `kind`."""


def _check_controversial(template: str, given: str | None) -> None:
    if given is not None and template != "qwen3guard":
        raise ValueError(f"`controversial` goes with template qwen3guard, not {template}")
