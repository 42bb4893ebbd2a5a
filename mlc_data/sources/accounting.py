"""Rows of a source, counted: each is kept, or rejected under the first reason that holds."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlc_data.core.messages import printable, shortened_middle, shown
from mlc_data.core.records import PromptReason, RejectedPrompt
from mlc_data.errors import SourceError
from mlc_data.recipe.sources import Source
from mlc_data.sources.rows import CONVERSATIONS, OpenSource, RawRow
from mlc_data.sources.selection import is_selected, value_of

log = logging.getLogger(__name__)

NAMED_LINES = 5
"""Rejected rows named in the log; all of them are in the run's folder."""

Kept = TypeVar("Kept")

_DETAIL = 250
"""Characters of the text that says what was found in a row."""
_COLUMNS = 30
"""Columns named in an error."""
_ESCAPED = (PromptReason.NOT_UNICODE, PromptReason.NUL_BYTES)


class Unusable(Exception):
    """A row, or a part of it, is to be rejected; carries the reason and what exactly was found."""

    def __init__(self, reason: PromptReason, detail: str = "") -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Read(Generic[Kept]):
    """Rows of a source, kept and rejected: ``read`` = kept + rejected."""

    read: int
    kept: list[Kept]
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


def read_rows(
    source: OpenSource,
    settings: Source,
    make: Callable[[int, Mapping[str, Any]], Kept],
    key: str = "sources.prompts",
) -> Read[Kept]:
    """Read every row of a source.

    Args:
        source: where the rows come from.
        settings: the recipe's section.
        make: makes a result of a row's number and record, or raises `Unusable`.
        key: of the recipe's section, named in errors.

    Raises:
        SourceError: it has no rows, lacks a column, or most rows hold no record at all.
    """
    kept: list[Kept] = []
    rejected: list[RejectedPrompt] = []
    names = set(source.columns)
    read = 0
    for raw in source.rows():
        read += 1
        names |= set(raw.record or ())
        try:
            _require_selected(raw, settings.where)
            kept.append(_make(raw, make))
        except Unusable as unusable:
            rejected.append(_rejected(raw, unusable, settings.columns.prompt))
    _refuse_wrong_file(Read(read, kept, rejected), source, settings, names, key)
    others = [row for row in rejected if row.reason != PromptReason.NOT_SELECTED]
    for row in others[:NAMED_LINES]:
        log.warning("%s: %s: rejected (%s)", source.name, row.detail, row.reason)
    if settings.where:
        selected = read - len(rejected) + len(others)
        log.info("%s: %d of %d rows are selected by %s.where", source.name, selected, read, key)
    return Read(read, kept, rejected)


def _require_selected(raw: RawRow, where: Mapping[str, Any] | None) -> None:
    if raw.record is not None and not is_selected(raw.record, where):
        found = ", ".join(f"{name}: {value_of(raw.record, name)!r}"[:80] for name in where or {})
        raise Unusable(PromptReason.NOT_SELECTED, found)


def _make(raw: RawRow, make: Callable[[int, Mapping[str, Any]], Kept]) -> Kept:
    if raw.record is None:
        raise Unusable(raw.reason or PromptReason.MALFORMED, raw.detail)
    return make(raw.row, raw.record)


def _rejected(raw: RawRow, unusable: Unusable, column: str) -> RejectedPrompt:
    found = f"{raw.where}: {unusable.detail}".removesuffix(": ")
    detail = shortened_middle(printable(found).replace("\n", " "), _DETAIL)
    text = (raw.record or {}).get(column)
    # Text that cannot be encoded cannot be written to a table: keep its escaped form.
    shown = ascii(text) if unusable.reason in _ESCAPED else text
    usable = isinstance(shown, str) and not _has_surrogates(shown)
    return RejectedPrompt(raw.row, unusable.reason, detail, shown if usable else None)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _refuse_wrong_file(
    result: Read[Any], source: OpenSource, settings: Source, names: set[str], key: str
) -> None:
    """Raise an error if the source is a wrong file rather than one with some broken rows."""
    if not result.read:
        raise SourceError(f"{source.name} holds no rows")
    _refuse_unread(result, source, settings, key)
    columns = settings.columns
    for name in settings.where or {}:
        if names and name not in names and name.split(".")[0] not in names:
            raise SourceError(
                f"{source.name} has no column {name!r} to select rows by ({key}.where); it has: "
                f"{', '.join(sorted(names))}"
            )
    left = [row for row in result.rejected if row.reason == PromptReason.NOT_SELECTED]
    if len(left) == result.read:
        found = sorted({row.detail.partition(": ")[2] for row in left})
        raise SourceError(
            f"{source.name}: {key}.where selects none of {result.read} rows; they have "
            f"{'; '.join(found[:NAMED_LINES])}{' ...' if len(found) > NAMED_LINES else ''}"
        )
    # Without a column of prompts, they may stand in conversations.
    elsewhere = bool(result.kept) or not names.isdisjoint(CONVERSATIONS)
    for role in ("prompt", "id"):
        wanted = getattr(columns, role)
        if not names or wanted is None or wanted in names or (role == "prompt" and elsewhere):
            continue
        same = [name for name in sorted(names) if name.casefold() == wanted.casefold()]
        likely = f"={same[0]}" if same else ""
        raise SourceError(
            f"{source.name} has no column {wanted!r}; it has: {_listed(names)}. "
            f"Name the right one with {key}.columns.{role}{likely}"
        )


def _listed(names: set[str]) -> str:
    """Return the names of columns for a message."""
    known = [shown(name)[1:-1] for name in sorted(map(str, names))]
    more = f" and {len(known) - _COLUMNS} more" if len(known) > _COLUMNS else ""
    return ", ".join(known[:_COLUMNS]) + more


def _refuse_unread(result: Read[Any], source: OpenSource, settings: Source, key: str) -> None:
    reasons = (PromptReason.MALFORMED, PromptReason.NOT_UNICODE)
    unread: Sequence[RejectedPrompt] = [row for row in result.rejected if row.reason in reasons]
    strict = settings.malformed == "error"
    if not unread or not (strict or len(unread) > result.read / 2):
        return
    share = "" if strict else f" ({len(unread)} of {result.read} rows are like it)"
    encoding = unread[0].reason == PromptReason.NOT_UNICODE
    hint = (
        f". If the file is not in UTF-8, name its encoding with {key}.encoding" if encoding else ""
    )
    raise SourceError(f"{source.name}, {unread[0].detail}{share}{hint}")
