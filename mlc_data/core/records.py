"""Typed records, the enumerated reasons, and the polars schema of every table between stages.

A table is written only by the stage that owns it and always with exactly this schema, so a reader
of any Parquet file in a run's folder finds its columns explained here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

IDENTITY = "identity"
"""Key in the manifest's notes of the stage `sources`: each source as its reader identifies it."""


class PromptReason(StrEnum):
    """Reason why a row of a source did not become a prompt. A row counts under its first reason."""

    MALFORMED = "malformed"  # the line is not JSON, or has more fields than the header
    NOT_AN_OBJECT = "not_an_object"  # a JSON line that is not an object
    MISSING = "missing"  # the prompt column is absent from the row, or null
    NOT_A_STRING = "not_a_string"
    EMPTY = "empty"  # nothing but white space and invisible characters
    NUL_BYTES = "nul_bytes"
    NOT_UNICODE = "not_unicode"  # lone surrogates: the text cannot be encoded
    SEVERAL_TURNS = "several_turns"  # a response of more than one turn (pairs only)
    NO_WORDS = "no_words"  # emoji, addresses, placeholders or code alone: alike in every language
    TOO_LONG = "too_long"  # longer than `sources.max_characters`
    NOT_ENGLISH = "not_english"
    DUPLICATE = "duplicate"  # of an earlier row, after normalisation
    CONTAMINATED = "contaminated"  # a copy of a prompt of `sources.decontaminate`
    SAME_RESPONSES = "same_responses"  # chosen and rejected are the same text (pairs only)
    UNPAIRED = "unpaired"  # a good or bad completion without its counterpart (pairs only)
    NOT_SELECTED = "not_selected"  # `where` asks for other values


class FailureReason(StrEnum):
    """Reason why the engine gave no usable text for a variant."""

    SEGMENT_TOO_LONG = "segment_too_long"  # a sentence over the model's limit is never cut
    OUTPUT_LIMIT = "output_limit"  # decoding reached its limit before the end of the sentence
    EMPTY_OUTPUT = "empty_output"
    ENGINE_ERROR = "engine_error"  # the engine raised an error on this sentence, and on few others
    ENDPOINT_ERROR = "endpoint_error"  # no answer after all retries; another run may have more luck
    DECLINED = "declined"  # the language model declined to translate
    ANSWERED = "answered"  # it answered the prompt, or did not translate it
    COMMENTARY = "commentary"  # it added notes, or the original
    NO_VARIANT = "no_variant"  # the imported file has none; see also `ImportReason`


class ImportReason(StrEnum):
    """Reasons for which a row of a file of translations gives no variant, besides those of `PromptReason`."""

    BLANK_PROMPT = "blank_prompt"
    BLANK_LANGUAGE = "blank_language"
    BLANK_VARIANT = "blank_variant"
    SOURCE_LANGUAGE = "source_language"  # the language of the prompts, so it is no translation
    NOT_A_TARGET = "not_a_target"  # not among `languages.targets`
    UNKNOWN_PROMPT = "unknown_prompt"  # no prompt of the run has its text or id
    AMBIGUOUS_ID = "ambiguous_id"  # several prompts of the run have its id
    OTHER_PROMPT = "other_prompt"  # the prompt that its id names has another text
    REPEATED = "repeated"  # an earlier row has a variant of the same prompt in the same language


class SetReason(StrEnum):
    """Reason why a prompt has no variant set."""

    INCOMPLETE = "incomplete"  # fewer kept variants than the completeness policy asks for
    NO_VARIANTS = "no_variants"  # none kept: the loss needs at least two languages


class Status(StrEnum):
    """Outcome of a requested variant."""

    KEPT = "kept"
    REJECTED = "rejected"
    FAILED = "failed"


class Split(StrEnum):
    """The part of the variant sets that a row belongs to; `test` is never trained on."""

    TRAIN = "train"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a conversation: ``role`` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """An English source text: the last turn of the user, with what was said before in ``context``.

    ``prompt_id`` is the hash of its normalised text, and of the context if there is one; ``row`` counts the
    source's rows from 1; ``source_id`` is the row's name in the source, where `sources.prompts.columns.id` names a column.
    """

    prompt_id: str
    prompt: str
    category: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    row: int = 0
    source_id: str | None = None
    context: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedPrompt:
    """A source row that could not be used, with everything needed to find and fix it."""

    row: int
    reason: PromptReason
    detail: str
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """A prompt with a chosen and a rejected English response."""

    prompt_id: str
    prompt: str
    chosen: str
    rejected: str
    category: str | None = None
    context: tuple[Turn, ...] = ()


CONTEXT = pl.List(pl.Struct({"role": pl.String(), "content": pl.String()}))
"""Turns before a prompt, the system prompt first; empty for most prompts."""

ADDED = ("context", "variant_contexts")
"""Columns that tables of earlier versions lack, and that count as empty there."""

PROMPTS: dict[str, pl.DataType] = {
    "prompt_id": pl.String(),
    "prompt": pl.String(),
    "category": pl.String(),
    "chosen": pl.String(),
    "rejected": pl.String(),
    "row": pl.Int64(),
    "source_id": pl.String(),
    "context": CONTEXT,
}
"""``prompts.parquet``: one row per kept prompt, in source order. ``row`` counts from 1; ``source_id`` is
the row's id in the source, null if the recipe names no column of ids; ``context`` are the turns before."""

REJECTED_PROMPTS: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "reason": pl.String(),
    "detail": pl.String(),
    "prompt": pl.String(),
}
"""``rejected/prompts.parquet``: one row per source row that could not be used (`PromptReason`)."""

PREFERENCES: dict[str, pl.DataType] = {
    "prompt_id": pl.String(),
    "prompt": pl.String(),
    "chosen": pl.String(),
    "rejected": pl.String(),
    "category": pl.String(),
    "context": CONTEXT,
}
"""``preferences.parquet``: the English pairs that alignment learns from."""

TRANSLATED_PAIRS: dict[str, pl.DataType] = {**PREFERENCES, "language": pl.String()}
"""``translated_preferences.parquet``: the pairs in the target languages, where `translate.fields` asks for them."""

SEGMENT = pl.Struct(
    {
        "source": pl.String(),
        "text": pl.String(),
        "log_prob": pl.Float64(),
        "unknown_share": pl.Float64(),
        "cached": pl.Boolean(),
        "back": pl.String(),
    }
)

TRANSLATIONS: dict[str, pl.DataType] = {
    "prompt_id": pl.String(),
    "language": pl.String(),
    "source": pl.String(),
    "text": pl.String(),
    "back_translation": pl.String(),
    "failure": pl.String(),
    "segments": pl.List(SEGMENT),
}
"""``translations/*.parquet``: one row per requested variant (prompt x target language).

``text`` is null where ``failure`` (`FailureReason`) is set; so is ``back_translation`` where
translating back was skipped or failed. ``segments`` lists each sentence with its hypothesis, the
mean log-probability per token (<= 0; null after a greedy search), the share of its source pieces that
the model's vocabulary does not know (0 to 1), whether it came from the cache, and the sentence
translated back.
"""

IMPORTED: dict[str, pl.DataType] = {
    name: TRANSLATIONS[name]
    for name in ("prompt_id", "language", "text", "back_translation", "failure")
}
"""Variants of an imported file that belong to a prompt; ``failure`` is an `ImportReason` or a `PromptReason`."""

REJECTED_TRANSLATIONS: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "language": pl.String(),
    "reason": pl.String(),
    "detail": pl.String(),
    "prompt": pl.String(),
    "text": pl.String(),
}
"""``rejected/translations.parquet``: rows of an imported file that give no variant (`ImportReason`,
`PromptReason`); ``row`` counts the file's rows from 1."""

KEYS: dict[str, pl.DataType] = {"prompt_id": pl.String(), "language": pl.String()}
"""``scores/scores.parquet`` holds these two columns and one Float64 column per score."""

VARIANTS: dict[str, pl.DataType] = {
    "prompt_id": pl.String(),
    "language": pl.String(),
    "source": pl.String(),
    "text": pl.String(),
    "back_translation": pl.String(),
    "rung": pl.String(),
}
"""The first columns of ``variants/variants.parquet`` (kept variants); every score follows."""

VARIANT = pl.Struct({"language": pl.String(), "text": pl.String()})

SETS: dict[str, pl.DataType] = {
    "prompt_id": pl.String(),
    "prompt": pl.String(),
    "language": pl.String(),
    "category": pl.String(),
    "chosen": pl.String(),
    "rejected": pl.String(),
    "variants": pl.List(VARIANT),
    "missing": pl.List(pl.String()),
    "context": CONTEXT,
    "variant_contexts": pl.List(pl.Struct({"language": pl.String(), "context": CONTEXT})),
}
"""``sets/{train,test}-*.parquet``: one row per variant set.

``prompt`` is the source text in ``language``; ``variants`` are its kept translations in the order
of `languages.targets`; ``missing`` names the targets that have none. ``context`` are the turns before
the prompt, and ``variant_contexts`` the same for each variant, in its language where it is translated;
both are empty for prompts of a single turn.
"""


def content_of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as content hashes see it: without what is empty and was not there in earlier versions."""
    return {name: value for name, value in row.items() if value or name not in ADDED}


def empty(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return a table with the schema's columns and no rows."""
    return pl.DataFrame(schema=schema)
