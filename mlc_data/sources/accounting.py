"""Rows of a source, counted: each is kept, or rejected under the first reason that holds."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
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
_AT_ONCE = 2_000
_UNREAD = (PromptReason.MALFORMED, PromptReason.NOT_UNICODE)
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


class Reading(Generic[Kept]):
    """One reading of a source, batch by batch: of rejected rows it keeps counts and a few examples."""

    def __init__(
        self,
        source: OpenSource,
        settings: Source,
        make: Callable[[int, Mapping[str, Any]], Kept],
        key: str = "sources.prompts",
    ) -> None:
        """Prepare to read every row of a source.

        Args:
            source: where the rows come from.
            settings: the recipe's section.
            make: makes a result of a row's number and record, or raises `Unusable`.
            key: of the recipe's section, named in errors.
        """
        self._source, self._settings, self._make, self._key = source, settings, make, key
        self._names = set(source.columns)
        self._counts: Counter[PromptReason] = Counter()
        self._named: list[RejectedPrompt] = []
        self._unread: RejectedPrompt | None = None
        self._values: set[str] = set()
        self.read = 0

    def batches(self, size: int) -> Iterator[tuple[list[Kept], list[RejectedPrompt]]]:
        """Yield what was made of so many rows at a time, and the rows that were rejected, in order.

        Raises:
            SourceError: it has no rows, lacks a column, or most rows hold no record at all; raised at the end.
        """
        kept: list[Kept] = []
        rejected: list[RejectedPrompt] = []
        for raw in self._source.rows():
            self.read += 1
            self._names |= set(raw.record or ())
            try:
                _require_selected(raw, self._settings.where)
                kept.append(_make(raw, self._make))
            except Unusable as unusable:
                rejected.append(_rejected(raw, unusable, self._settings.columns.prompt))
                self._note(rejected[-1])
            if len(kept) + len(rejected) == size:
                yield kept, rejected
                kept, rejected = [], []
        if kept or rejected:
            yield kept, rejected
        self._refuse_wrong_file()
        self._report()

    def _note(self, row: RejectedPrompt) -> None:
        self._counts[row.reason] += 1
        if row.reason in _UNREAD and self._unread is None:
            self._unread = row
        if row.reason != PromptReason.NOT_SELECTED:
            if len(self._named) < NAMED_LINES:
                self._named.append(row)
        elif len(self._values) <= NAMED_LINES:
            self._values.add(row.detail.partition(": ")[2])

    def _report(self) -> None:
        for row in self._named:
            log.warning("%s: %s: rejected (%s)", self._source.name, row.detail, row.reason)
        if self._settings.where:
            log.info(
                "%s: %d of %d rows are selected by %s.where", self._source.name,
                self.read - self._counts[PromptReason.NOT_SELECTED], self.read, self._key,
            )  # fmt: skip

    def _refuse_wrong_file(self) -> None:
        """Raise an error if the source is a wrong file rather than one with some broken rows."""
        source, settings, names, key = self._source, self._settings, self._names, self._key
        if not self.read:
            raise SourceError(f"{source.name} holds no rows")
        self._refuse_unread()
        columns = settings.columns
        for name in settings.where or {}:
            if names and name not in names and name.split(".")[0] not in names:
                raise SourceError(
                    f"{source.name} has no column {name!r} to select rows by ({key}.where); it has: "
                    f"{', '.join(sorted(names))}"
                )
        if self._counts[PromptReason.NOT_SELECTED] == self.read:
            found = sorted(self._values)
            raise SourceError(
                f"{source.name}: {key}.where selects none of {self.read} rows; they have "
                f"{'; '.join(found[:NAMED_LINES])}{' ...' if len(found) > NAMED_LINES else ''}"
            )
        # Without a column of prompts, they may stand in conversations.
        elsewhere = self._counts.total() < self.read or not names.isdisjoint(CONVERSATIONS)
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

    def _refuse_unread(self) -> None:
        number = sum(self._counts[reason] for reason in _UNREAD)
        strict = self._settings.malformed == "error"
        if self._unread is None or not (strict or number > self.read / 2):
            return
        share = "" if strict else f" ({number} of {self.read} rows are like it)"
        hint = (
            f". If the file is not in UTF-8, name its encoding with {self._key}.encoding"
            if self._unread.reason == PromptReason.NOT_UNICODE
            else ""
        )
        raise SourceError(f"{self._source.name}, {self._unread.detail}{share}{hint}")


def read_rows(
    source: OpenSource,
    settings: Source,
    make: Callable[[int, Mapping[str, Any]], Kept],
    key: str = "sources.prompts",
) -> Read[Kept]:
    """Read every row of a source at once, see `Reading`.

    Raises:
        SourceError: see `Reading.batches`.
    """
    reading = Reading(source, settings, make, key)
    result: Read[Kept] = Read(0, [], [])
    for kept, rejected in reading.batches(_AT_ONCE):
        result.kept.extend(kept)
        result.rejected.extend(rejected)
    return replace(result, read=reading.read)


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


def _listed(names: set[str]) -> str:
    """Return the names of columns for a message."""
    known = [shown(name)[1:-1] for name in sorted(map(str, names))]
    more = f" and {len(known) - _COLUMNS} more" if len(known) > _COLUMNS else ""
    return ", ".join(known[:_COLUMNS]) + more
