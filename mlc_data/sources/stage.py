"""The first stage: English prompts and preference pairs, checked row by row.

Every row of a source becomes a prompt or is written to ``rejected/prompts.parquet`` under the
first reason that applies; pairs likewise, to ``rejected/preferences.parquet``.
"""

from __future__ import annotations

import logging
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Generic, TypeVar

import polars as pl

from mlc_data.core.hashing import canonical_json, hash_rows, normalise, prompt_id
from mlc_data.core.parquet import write_table
from mlc_data.core.paths import source_file
from mlc_data.core.records import (
    IDENTITY,
    PREFERENCES,
    PROMPTS,
    REJECTED_PROMPTS,
    Preference,
    Prompt,
    PromptReason,
    RejectedPrompt,
)
from mlc_data.core.wording import in_words
from mlc_data.errors import SourceError
from mlc_data.language_id.base import LanguageIdentifier, labels_of
from mlc_data.language_id.loading import load_identifier
from mlc_data.languages.flores import get_language
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import Stage, StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.recipe import Columns, Recipe, Source, Sources
from mlc_data.sources.decontaminate import EvaluationSet, find_copies, open_evaluations
from mlc_data.sources.readers import OpenSource, RawRow, open_source

log = logging.getLogger(__name__)

NAMED_LINES = 5
"""Number of rejected rows that the log names; all of them are in the run's folder."""

Record = TypeVar("Record", Prompt, Preference)


class _Unusable(Exception):
    """Raised for a row that must be rejected, with the reason and details."""

    def __init__(self, reason: PromptReason, detail: str = "") -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Read(Generic[Record]):
    """Rows of a source, kept and rejected: ``read`` = kept + rejected."""

    read: int
    kept: list[Record]
    rejected: list[RejectedPrompt]

    @property
    def counts(self) -> dict[str, Any]:
        """The manifest's figures."""
        reasons = Counter(str(row.reason) for row in self.rejected)
        return {
            "read": self.read,
            "kept": len(self.kept),
            "rejected": dict(sorted(reasons.items())),
        }


@dataclass(frozen=True)
class _Opened:
    """Everything that the stage reads, opened but not read yet."""

    prompts: OpenSource
    pairs: OpenSource | None
    identifier: LanguageIdentifier | None
    evaluations: tuple[EvaluationSet, ...]

    @classmethod
    def of(cls, recipe: Recipe) -> _Opened:
        sources = recipe.sources
        locations = recipe.checks.language_identifiers
        return cls(
            prompts=open_source(sources.prompts, "sources.prompts"),
            pairs=open_source(sources.preferences, "sources.preferences")
            if sources.preferences
            else None,
            identifier=load_identifier(locations[0]) if locations else None,
            evaluations=tuple(open_evaluations(sources, recipe.languages.source)),
        )

    @property
    def identity(self) -> dict[str, Any]:
        """Contents of the sources, for the key and the manifest."""
        return {
            "prompts": self.prompts.identity,
            "preferences": self.pairs.identity if self.pairs else None,
            "decontaminate": [each.identity for each in self.evaluations],
        }


class SourcesStage(Stage):
    """Read prompts and pairs into the run's folder.

    Raises:
        SourceError: a file or dataset cannot be read, or nothing in it can be used.
        ModelError: the language identifier is missing.
    """

    name = "sources"
    command = "sources"
    help = "Read prompts and pairs; rows that cannot be used are rejected with a reason."
    writes: ClassVar = {
        "prompts.parquet": "prompts",
        "preferences.parquet": "preference pairs",
        "rejected/prompts.parquet": "rejected prompts",
        "rejected/preferences.parquet": "rejected pairs",
    }
    content: ClassVar = {"prompts.parquet": "prompts", "preferences.parquet": "preferences"}
    counts = ("prompts", "preferences")

    def preflight(self, run: Run) -> None:
        """Check that the files exist.

        Raises:
            SourceError: a file is missing.
        """
        sources = run.recipe.sources
        for key in ("prompts", "preferences"):
            source = getattr(sources, key)
            if source and source.path:
                source_file(source.path, f"sources.{key}.path")
        open_evaluations(sources, run.recipe.languages.source)

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        opened = _Opened.of(run.recipe)
        return {
            # A declared license does not change what is read.
            "sources": run.recipe.sources.model_dump(
                mode="json", exclude={"prompts": {"licence"}, "preferences": {"licence"}}
            ),
            "language": run.recipe.languages.source,
            "identifier": opened.identifier.revision if opened.identifier else None,
            **opened.identity,
        }

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        opened, recipe = _Opened.of(run.recipe), run.recipe
        prompts, pairs = opened.prompts, opened.pairs
        language, evaluations = recipe.languages.source, opened.evaluations
        read = read_prompts(prompts, recipe.sources, language, opened.identifier, evaluations)
        if not read.kept:
            raise SourceError(
                f"{prompts.name}: no row can be used as a prompt: {in_words(read.counts['rejected'])}"
            )
        if pairs and (settings := recipe.sources.preferences):
            paired = read_preferences(
                pairs, settings, recipe.sources.max_characters, language, evaluations
            )
        else:
            paired = _pairs_among(read.kept)
        for name, frame, schema in (
            ("prompts.parquet", _frame(read.kept, PROMPTS), PROMPTS),
            ("preferences.parquet", _frame(paired.kept, PREFERENCES), PREFERENCES),
            ("rejected/prompts.parquet", _frame(read.rejected), REJECTED_PROMPTS),
            ("rejected/preferences.parquet", _frame(paired.rejected), REJECTED_PROMPTS),
        ):
            write_table(frame, staging.path(name), schema)
        log.info("sources: %d prompts kept of %d rows, %d pairs of %d", len(read.kept), read.read,
                 len(paired.kept), paired.read)  # fmt: skip
        _warn_of_unused_pairs(read.kept, pairs)
        return StageResult(
            counts={"prompts": read.counts, "preferences": paired.counts},
            content_hash={
                "prompts": hash_rows(_content(prompt) for prompt in read.kept),
                "preferences": hash_rows(asdict(pair) for pair in paired.kept),
            },
            notes={
                "prompts": prompts.name,
                "preferences": pairs.name if pairs else prompts.name,
                IDENTITY: opened.identity,
            },
        )


def require_pairs(recipe: Recipe) -> None:
    """Check that the sources have at least one preference pair, reading no further than the first.

    Raises:
        SourceError: there is none, or the source cannot be read.
    """
    sources = recipe.sources
    settings = sources.preferences or sources.prompts
    key = "sources.preferences" if sources.preferences else "sources.prompts"
    source = open_source(settings, key)
    for raw in source.rows():
        try:
            if raw.record is not None:
                _pair(_prompt(raw.record, settings.columns, sources.max_characters))
                return
        except _Unusable:
            continue
    columns = settings.columns
    raise SourceError(
        f"{source.name} has no row with a prompt and two different responses, so there is nothing to train on: "
        f"name the columns of the responses ({key}.columns.chosen is {columns.chosen!r}, "
        f"{key}.columns.rejected is {columns.rejected!r}), or a file of pairs in sources.preferences. "
        "`mlc-data sets` builds variant sets without pairs"
    )


def _warn_of_unused_pairs(prompts: Sequence[Prompt], pairs: OpenSource | None) -> None:
    unused = sum(1 for prompt in prompts if prompt.chosen and prompt.rejected)
    if pairs and unused:
        log.warning(
            "sources: %d rows of the prompts have a chosen and a rejected response, which are not used, since "
            "sources.preferences names %s; --set sources.preferences=null uses them", unused, pairs.name,
        )  # fmt: skip


def _content(prompt: Prompt) -> dict[str, Any]:
    """Return the content of a prompt, without its row and its id in the source."""
    content = {**asdict(prompt), "row": 0}
    del content["source_id"]
    return content


def read_prompts(
    source: OpenSource,
    settings: Sources,
    language: str,
    identifier: LanguageIdentifier | None,
    evaluations: Sequence[EvaluationSet] = (),
) -> Read[Prompt]:
    """Return every row of ``source`` as a prompt or a rejection, in order.

    Without an identifier no row is rejected for its language.
    """
    columns = settings.prompts.columns
    read = _read_rows(
        source,
        settings.prompts,
        lambda record: _prompt(record, columns, settings.max_characters),
    )
    texts = [prompt.prompt for prompt in read.kept]
    foreign = _foreign(texts, settings, language, identifier)
    copies = find_copies(texts, evaluations, language)
    kept: list[Prompt] = []
    rejected = list(read.rejected)
    first_row: dict[str, int] = {}
    for prompt, other, copy in zip(read.kept, foreign, copies, strict=True):
        if other:
            reason, detail = PromptReason.NOT_ENGLISH, other
        elif prompt.prompt_id in first_row:
            reason, detail = PromptReason.DUPLICATE, f"of row {first_row[prompt.prompt_id]}"
        elif copy:
            reason, detail = PromptReason.CONTAMINATED, copy
        else:
            first_row[prompt.prompt_id] = prompt.row
            kept.append(prompt)
            continue
        rejected.append(RejectedPrompt(prompt.row, reason, detail, prompt.prompt))
    rejected.sort(key=lambda row: row.row)
    return Read(read.read, kept, rejected)


def read_preferences(
    source: OpenSource,
    settings: Source,
    limit: int,
    language: str = "eng_Latn",
    evaluations: Sequence[EvaluationSet] = (),
) -> Read[Preference]:
    """Return every row of ``source`` as a preference pair or a rejection, in order."""
    seen: set[tuple[str, ...]] = set()

    def pair(record: Mapping[str, Any]) -> Preference:
        prompt = _prompt(record, settings.columns, limit)
        made = _pair(prompt)
        texts = (prompt.prompt_id, normalise(made.chosen), normalise(made.rejected))
        if texts in seen:
            raise _Unusable(PromptReason.DUPLICATE, "of an earlier pair")
        if copy := next(find_copies([made.prompt], evaluations, language)):
            raise _Unusable(PromptReason.CONTAMINATED, copy)
        seen.add(texts)
        return made

    return _read_rows(source, settings, pair)


def _read_rows(
    source: OpenSource, settings: Source, make: Callable[[Mapping[str, Any]], Record]
) -> Read[Record]:
    kept: list[Record] = []
    rejected: list[RejectedPrompt] = []
    keys: set[str] = set()
    read = 0
    for raw in source.rows():
        read += 1
        keys |= set(raw.record or ())
        try:
            kept.append(_make(raw, make))
        except _Unusable as unusable:
            detail = f"{raw.where}: {unusable.detail}".removesuffix(": ")
            text = (raw.record or {}).get(settings.columns.prompt)
            # Text that cannot be encoded cannot be written to a table: keep its escaped form.
            shown = ascii(text) if unusable.reason in _ESCAPED else text
            rejected.append(
                RejectedPrompt(
                    raw.row, unusable.reason, detail, shown if isinstance(shown, str) else None
                )
            )
    _refuse_wrong_file(source, settings, read, rejected, keys)
    for row in rejected[:NAMED_LINES]:
        log.warning("%s: %s: rejected (%s)", source.name, row.detail, row.reason)
    return Read(read, kept, rejected)


_ESCAPED = (PromptReason.NOT_UNICODE, PromptReason.NUL_BYTES)


def _make(raw: RawRow, make: Callable[[Mapping[str, Any]], Record]) -> Record:
    if raw.record is None:
        raise _Unusable(raw.reason or PromptReason.MALFORMED, raw.detail)
    made = make(raw.record)
    return type(made)(**{**asdict(made), "row": raw.row}) if isinstance(made, Prompt) else made


def _refuse_wrong_file(
    source: OpenSource,
    settings: Source,
    read: int,
    rejected: Sequence[RejectedPrompt],
    keys: set[str],
) -> None:
    """Raise an error if the source is a wrong file rather than one with some broken rows."""
    if not read:
        raise SourceError(f"{source.name} holds no rows")
    unread = [
        row for row in rejected if row.reason in (PromptReason.MALFORMED, PromptReason.NOT_UNICODE)
    ]
    if unread and (settings.malformed == "error" or len(unread) > read / 2):
        share = (
            "" if settings.malformed == "error" else f" ({len(unread)} of {read} rows are like it)"
        )
        raise SourceError(f"{source.name}, {unread[0].detail}{share}")
    for role in ("prompt", "id"):
        wanted = getattr(settings.columns, role)
        if keys and wanted is not None and wanted not in keys:
            raise SourceError(
                f"{source.name} has no column {wanted!r}; it has: {', '.join(sorted(keys))}. "
                f"Name the right one with sources.prompts.columns.{role} (or sources.preferences...)"
            )


def _prompt(record: Mapping[str, Any], columns: Columns, limit: int) -> Prompt:
    text = _text(record.get(columns.prompt), columns.prompt)
    if text is None:
        raise _Unusable(PromptReason.MISSING, f"{columns.prompt!r} is absent or null")
    if not text.strip():
        raise _Unusable(PromptReason.EMPTY, f"{columns.prompt!r} is empty")
    if len(text) > limit:
        raise _Unusable(PromptReason.TOO_LONG, f"{len(text)} characters, the limit is {limit}")
    chosen, rejected = _responses(record, columns)
    category = record.get(columns.category) if columns.category else None
    if category is not None and not isinstance(category, str):
        category = canonical_json(category) if isinstance(category, dict | list) else str(category)
    name = record.get(columns.id) if columns.id else None
    return Prompt(
        prompt_id(text),
        text,
        _text(category, "category"),
        chosen,
        rejected,
        source_id=_text(name if name is None else str(name), "id") or None,
    )


def _responses(record: Mapping[str, Any], columns: Columns) -> tuple[str | None, str | None]:
    names: tuple[str | None, ...] = (columns.chosen, columns.rejected)
    if columns.responses and columns.chosen_index:
        index = record.get(columns.chosen_index)
        if index not in (0, 1):
            detail = f"{columns.chosen_index!r} is {index!r}, not 0 or 1"
            raise _Unusable(PromptReason.MALFORMED, detail)
        names = columns.responses if index == 0 else columns.responses[::-1]
    chosen, rejected = (_text(record.get(name), name) if name else None for name in names)
    return chosen or None, rejected or None


def _text(value: Any, name: str) -> str | None:
    """Return a field's text in NFC; None if there is none."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _Unusable(
            PromptReason.NOT_A_STRING, f"{name!r} is not text but {type(value).__name__}"
        )
    if "\0" in value:
        raise _Unusable(PromptReason.NUL_BYTES, f"{name!r} holds a NUL at {value.index(chr(0))}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _Unusable(
            PromptReason.NOT_UNICODE, f"{name!r} holds a lone surrogate or broken UTF-8"
        )
    return unicodedata.normalize("NFC", value)


def _pair(prompt: Prompt) -> Preference:
    if not prompt.chosen or not prompt.rejected:
        absent = " and ".join(n for n in ("chosen", "rejected") if not getattr(prompt, n))
        raise _Unusable(PromptReason.MISSING, f"no {absent} response")
    if normalise(prompt.chosen) == normalise(prompt.rejected):
        raise _Unusable(PromptReason.SAME_RESPONSES, "chosen and rejected are the same text")
    return Preference(
        prompt.prompt_id, prompt.prompt, prompt.chosen, prompt.rejected, prompt.category
    )


def _pairs_among(prompts: Sequence[Prompt]) -> Read[Preference]:
    """Return the pairs that prompts carry; a prompt with neither response is not a pair and is not counted."""
    kept: list[Preference] = []
    rejected: list[RejectedPrompt] = []
    carriers = [prompt for prompt in prompts if prompt.chosen or prompt.rejected]
    for prompt in carriers:
        try:
            kept.append(_pair(prompt))
        except _Unusable as unusable:
            rejected.append(
                RejectedPrompt(prompt.row, unusable.reason, unusable.detail, prompt.prompt)
            )
    return Read(len(carriers), kept, rejected)


def _foreign(
    texts: Sequence[str], settings: Sources, language: str, identifier: LanguageIdentifier | None
) -> Iterator[str | None]:
    """Yield for each text the reason why it is not in the source language; None without such evidence."""
    expected = labels_of(get_language(language), identifier) if identifier else frozenset()
    if identifier is None or not expected:
        log.warning(
            "sources: no identifier can recognise %s, so no prompt is rejected for its language",
            language,
        )
        yield from (None for _ in texts)
        return
    for found in identifier.identify(texts):
        own = max((found.get(label, 0.0) for label in expected), default=0.0)
        other = max(
            ((p, label) for label, p in found.items() if label not in expected), default=(0.0, "")
        )
        against = own < settings.min_english and other[0] >= settings.max_other
        yield f"{other[1]} {other[0]:.2f}, {language} {own:.2f}" if against else None


def _frame(
    records: Sequence[Prompt | Preference | RejectedPrompt],
    schema: dict[str, pl.DataType] = REJECTED_PROMPTS,
) -> pl.DataFrame:
    return pl.DataFrame([asdict(record) for record in records], schema=schema)
