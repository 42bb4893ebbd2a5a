"""The configuration of a run: one frozen pydantic model per stage.

A recipe is loaded from YAML by `mlc_data.recipe.loading`. Unknown keys are refused. A location (of a
file, a folder, a model) has one of these forms:

- a path, relative to the working directory;
- ``package://<import name>/<path>``: a file that an installed Python package carries;
- for models, ``organisation/name``: a repository on the Hugging Face Hub.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from mlc_data.core.hashing import hash_value
from mlc_data.core.plugins import TRANSLATORS, is_plugin, plugin_names
from mlc_data.recipe.align import Align
from mlc_data.recipe.base import Fraction, LicenceName, Section
from mlc_data.recipe.checks import Checks
from mlc_data.recipe.endpoints import PREFIX, ChatEngine
from mlc_data.recipe.evaluate import Evaluate
from mlc_data.recipe.imported import Import
from mlc_data.recipe.refresh import Refresh
from mlc_data.recipe.runner import Runner
from mlc_data.recipe.sources import Columns, Decontaminate, Source, Sources

__all__ = ["Columns", "Decontaminate", "Recipe", "Source", "Sources"]


Engines = str | Annotated[tuple[str, ...], Field(min_length=1)]
"""Location of a model, or ``endpoint:<name>``; or several, of which each takes what those before it failed on."""


def each_engine(named: Engines | None) -> tuple[str, ...]:
    """Return the engines that a setting names, in order."""
    return () if named is None else (named,) if isinstance(named, str) else named


class Languages(Section):
    """FLORES-200 codes."""

    source: str = "eng_Latn"
    """Language of the prompts."""
    targets: tuple[str, ...] = Field(min_length=1)
    """Languages to translate into."""

    @model_validator(mode="after")
    def _known_and_distinct(self) -> Self:
        from mlc_data.languages.flores import get_language

        for code in (self.source, *self.targets):
            get_language(code)
        repeated = {code for code in self.targets if self.targets.count(code) > 1}
        if repeated or self.source in self.targets:
            raise ValueError(f"targets repeat {sorted(repeated or {self.source})}")
        return self


def _threads(value: Any) -> Any:
    return 0 if value == "auto" else value


Threads = Annotated[int, BeforeValidator(_threads), Field(ge=0)]


FAMILIES = ("nllb", "m2m100", "madlad", "marian")
"""Families of models that CTranslate2 runs; see `mlc_data.translate.engines.families`."""


def _family(name: str) -> str:
    if name not in ("auto", *FAMILIES) and not is_plugin(name, TRANSLATORS):
        known = ", ".join(("auto", *FAMILIES, *plugin_names(TRANSLATORS)))
        raise ValueError(f"`family` is one of {known}, or module:Class for an engine of your own")
    return name


class Translate(Section):
    """The translation engine (CTranslate2) and how it decodes."""

    model: Engines | None = None
    """CTranslate2 folder, `package://` folder, or Hub id of a model of many languages; or `endpoint:<name>`. Of a
    list, each takes what those before it failed on."""
    family: Annotated[
        str,
        AfterValidator(_family),
        Field(json_schema_extra={"examples": ["auto", *FAMILIES, "my_module:MyTranslator"]}),
    ] = "auto"
    """Token layout of the model: `auto` (as its folder or vocabulary says), `nllb`, `m2m100`, `madlad`,
    `marian`; or an engine of your own: `module:Class`, or an installed package's entry point
    (`mlc_data.translators`)."""
    models: dict[str, Engines] | None = None
    """Instead of `model`: a model for each target language, as `swh_Latn: <folder or Hub id>`. A
    Hub id may end in `@<commit>`. Of a list, each takes what those before it failed on."""
    back_models: dict[str, Engines] | None = None
    """Models that translate back from each of these languages, for the round trip; only with `models`."""
    endpoints: dict[str, ChatEngine] = Field(default_factory=dict)
    """Language models behind OpenAI-compatible endpoints by a name of yours. `model: endpoint:<name>`, or
    `endpoint:<name>` among `models`, translates with one."""
    revision: str | None = None
    """Commit of the Hub repository; null takes the newest and records it."""
    licence: LicenceName | None = None
    """Licence of the weights, or of the translations in `import`; null takes what the model's folder says."""
    tokenizer: str | None = None
    """Folder or Hub id that has `sentencepiece.bpe.model`; null looks next to the model."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` is CUDA where CTranslate2 sees a device, else CPU."""
    device_index: tuple[int, ...] = (0,)
    """Indices of the GPUs, each with its own copy of the model."""
    compute_type: str = "auto"
    """CTranslate2 compute type; `auto` is int8 on CPU, and on GPU the first that it supports of
    int8_float16, int8_bfloat16, bfloat16, float16."""
    inter_threads: Threads = 0
    """Batches translated at once; 0 or `auto` chooses by the number of cores that the process may use."""
    intra_threads: Threads = 0
    """Threads per batch (CPU); 0 or `auto` shares the cores among the batches."""
    beam_size: int = Field(default=4, ge=1)
    """Hypotheses kept while decoding; 1 is greedy."""
    repetition_penalty: float = Field(default=1.0, ge=1.0)
    """Above 1, tokens already produced become less likely."""
    no_repeat_ngram_size: int = Field(default=0, ge=0)
    """No n-gram of this many tokens is produced twice; 0 is off."""
    max_output_tokens: int = Field(default=256, ge=1)
    """Length at which decoding stops; a hypothesis that reaches it is recorded as failed, never truncated."""
    batch_tokens: int = Field(default=4096, ge=1)
    """Tokens per batch, padding included; lower it if the device runs out of memory."""
    shard_prompts: int = Field(default=512, ge=1)
    """Prompts per Parquet file, and per shard in memory."""
    mask: Literal["retry", "always", "never"] = "retry"
    """Addresses, placeholders, code and emoji within a sentence: `retry` hides them from the model where
    it lost one, `always` from the start, `never` leaves them to the check `preserved`."""
    round_trip: bool = True
    """Translate every variant back into the source language, for the round-trip check."""
    cache: str | None = "auto"
    """Folder of the translation cache; `auto` is the user cache folder. Null keeps none; an
    interrupted run then translates from the start again."""
    roles: tuple[Literal["system", "user", "assistant"], ...] = ("user",)
    """Speakers whose turns before a prompt are translated; other turns stay in the source language."""
    fields: tuple[Literal["prompt", "chosen", "rejected"], ...] = ("prompt",)
    """Texts of the sources that are translated. With `chosen` and `rejected` the responses are translated and
    checked like prompts, and `translated_preferences.parquet` has the pairs in every language."""
    imported: Import | None = Field(default=None, alias="import")
    """A file of translations that takes the engine's place. Without `model` no engine is loaded; with
    one, it translates back what the file has no back-translation of."""

    @model_validator(mode="after")
    def _one_model_or_many(self) -> Self:
        from mlc_data.languages.flores import get_language

        if self.model is not None and self.models is not None:
            raise ValueError("name exactly one of `model` and `models`")
        if not self.has_engine and self.imported is None:
            raise ValueError("name exactly one of `model` and `models`, or a file in `import`")
        if self.models is None and self.back_models is not None:
            raise ValueError("`back_models` go with `models`; `model` translates both ways")
        if self.models is not None and (self.revision or self.tokenizer):
            raise ValueError(
                "with `models`, write the commit as `organisation/name@commit`, and keep each "
                "tokenizer next to its model: `revision` and `tokenizer` are for one `model`"
            )
        for name in self.engines:
            if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in self.endpoints:
                known = ", ".join(self.endpoints) or "none"
                raise ValueError(f"`{name}` is not among the `endpoints`; there are {known}")
        if self.models == {}:
            raise ValueError("`models` names no model")
        for code in (*(self.models or ()), *(self.back_models or ())):
            get_language(code)
        if "prompt" not in self.fields or "user" not in self.roles:
            raise ValueError(
                "`prompt` among the `fields` and `user` among the `roles` are always translated"
            )
        if self.responses and self.imported is not None:
            raise ValueError(
                "a file in `import` has translations of prompts alone: leave `fields` at [prompt]"
            )
        return self

    @property
    def responses(self) -> tuple[str, ...]:
        """Columns of responses that are translated."""
        return tuple(name for name in ("chosen", "rejected") if name in self.fields)

    @model_serializer(mode="wrap")
    def _without_empty_import(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A recipe without an import, or with the usual roles and fields, keeps the hash that it had before there
        # were any.
        data: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        if not self.endpoints:
            data.pop("endpoints", None)
        for name in ("roles", "fields"):
            if getattr(self, name) == fields[name].default:
                data.pop(name, None)
        imported = data.pop("imported", None)
        imported = data.pop("import", imported)
        return data if self.imported is None else {**data, "import": imported}

    @property
    def has_engine(self) -> bool:
        """True if there is a translation engine; an import needs none."""
        return self.model is not None or self.models is not None

    @property
    def locations(self) -> tuple[str, ...]:
        """Every model that is named, without repetition, in order; no endpoints, none for a custom engine."""
        if self.family not in ("auto", *FAMILIES):
            return ()
        return tuple(name for name in self.engines if not name.startswith(PREFIX))

    @property
    def engines(self) -> tuple[str, ...]:
        """Every model and endpoint that is named, without repetition, in order."""
        named = (self.model, *(self.models or {}).values(), *(self.back_models or {}).values())
        return tuple(dict.fromkeys(name for several in named for name in each_engine(several)))


class Search(Section):
    """Decoding settings of the rescue strategy `search`."""

    beam_size: int = Field(default=5, ge=1)
    """Hypotheses kept while decoding."""
    no_repeat_ngram_size: int = Field(default=3, ge=0)
    """No n-gram of this many tokens is produced twice; 0 is off."""
    repetition_penalty: float = Field(default=1.2, ge=1.0)
    """Above 1, tokens already produced become less likely."""


class Rescue(Section):
    """Strategies that retry a variant that failed or would be rejected."""

    rungs: tuple[Literal["split", "search", "nbest", "candidates", "model"], ...] = (
        "split",
        "search",
        "nbest",
    )
    """Rescue strategies, tried in this order until the variant passes every check: sentences split at clauses;
    another search; of several hypotheses the one with the best round trip; of several candidates the one with the best
    scores of all checks; a second model. Empty: none. Imported translations are not retried."""
    search: Search = Search()
    """Settings of the strategy `search`."""
    hypotheses: int = Field(default=6, ge=2)
    """Hypotheses of the strategies `nbest`, which are translated back and compared by chrF++, and `candidates`. A chat
    model samples them."""
    model: Translate | None = None
    """Second engine, for the strategy `model`, with settings of its own."""

    @model_validator(mode="after")
    def _model_for_its_rung(self) -> Self:
        if ("model" in self.rungs) != (self.model is not None):
            raise ValueError("`model` among the `rungs` and a `model` section go together")
        if self.model is not None and not self.model.has_engine:
            raise ValueError(
                "the rescue strategy `model` needs an engine: name `model` or `models`"
            )
        if len(set(self.rungs)) < len(self.rungs):
            raise ValueError("`rungs` names a strategy twice")
        return self


class AtLeast(Section):
    """Completeness by a number of target languages."""

    at_least: int = Field(ge=1)
    """Kept variants that a set needs."""


class Sets(Section):
    """Assembly and split of variant sets."""

    completeness: Literal["all", "mask"] | AtLeast = "mask"
    """`all`: every target; `{at_least: n}`: n targets; `mask`: any, the missing ones masked."""
    test_share: Fraction = 0.15
    """Share of the prompts held out for evaluation, chosen by their id."""
    shard_rows: int = Field(default=50_000, ge=1)
    """Rows per Parquet file."""


NON_IDENTITY_SECTIONS = ("refresh", "runner")
"""Sections that are not part of a run's identity: reactions to changes, and where the work is done."""


class Recipe(Section):
    """Everything that determines a run."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)
    """Name of the recipe and of the run's folder, `runs/<name>`."""
    description: str = ""
    """One line for `mlc-data recipes list`."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the extractor, the order of pairs and sets, and training."""
    sources: Sources
    languages: Languages
    translate: Translate
    rescue: Rescue = Rescue()
    checks: Checks = Checks()
    sets: Sets = Sets()
    align: Align
    evaluate: Evaluate = Evaluate()
    refresh: Refresh = Refresh()
    runner: Runner = Runner()

    @model_validator(mode="after")
    def _sets_can_be_complete(self) -> Self:
        policy, targets = self.sets.completeness, len(self.languages.targets)
        if isinstance(policy, AtLeast) and policy.at_least > targets:
            raise ValueError(
                f"sets.completeness asks for at least {policy.at_least} languages, but "
                f"languages.targets has {targets}"
            )
        return self

    @model_validator(mode="after")
    def _imports_are_not_rescued(self) -> Self:
        if self.translate.imported is not None and self.rescue.model is not None:
            raise ValueError(
                "translations of `translate.import` are not translated again: leave `model` out of "
                "rescue.rungs, and set rescue.model to null"
            )
        return self

    @property
    def hash(self) -> str:
        """SHA-256 of the recipe with defaults filled in, without `NON_IDENTITY_SECTIONS`."""
        return hash_value(self.model_dump(mode="json", exclude=set(NON_IDENTITY_SECTIONS)))
