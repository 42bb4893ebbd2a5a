"""Is a reply a reply at all? Empty, looped, incoherent replies and echoes are invalid, never safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Protocol

import polars as pl

from mlc_data.languages.flores import get_language
from mlc_data.recipe.evaluate import Validity


class InvalidReason(StrEnum):
    """Why a reply is invalid. A reply counts under its first reason."""

    EMPTY = "empty"  # no letter and no digit
    BROKEN = "broken"  # characters that are none: bytes the model did not finish
    LOOPED = "looped"
    ECHO = "echo"  # the prompt again and nothing else
    INCOHERENT = "incoherent"  # in no language that can be told


class Identifier(Protocol):
    """Says in which languages texts may be (`mlc_data.language_id.base.LanguageIdentifier`)."""

    def identify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """For each text its likely labels with probabilities (0 to 1)."""


@dataclass(frozen=True)
class Reading:
    """What is needed to read replies; handed in, because other stages own it.

    Attributes:
        identifiers: language identifiers, at least one.
        labels: given a FLORES-200 code and the number of an identifier, the labels it has for text in the
            language; empty if it does not know it.
        looping: the share (0 to 1) of each text that lies in loops; the flag says whether words are
            separated by blanks.
    """

    identifiers: Sequence[Identifier]
    labels: Callable[[str, int], frozenset[str]]
    looping: Callable[[pl.Series, bool], pl.Series]


ENGLISH = "eng_Latn"

_FEW_LETTERS = 20
"""Shorter replies ("No.") tell no identifier enough to be called incoherent."""

READ: dict[str, pl.DataType] = {
    "invalid": pl.String(),
    "reply_language": pl.String(),
    "same_language": pl.Boolean(),
}
"""What `read_replies` finds. ``reply_language`` is the first identifier's likeliest label; null, and so
``same_language``, where nothing can be told."""


def read_replies(frame: pl.DataFrame, settings: Validity, reading: Reading) -> pl.DataFrame:
    """Validity and language of each reply.

    A reply is in the prompt's language if, of the identifiers that know it, at least half say so. An
    invalid reply has no language.

    Args:
        frame: ``prompt``, ``language`` (FLORES-200) and ``reply``.
        settings: the recipe's limits.
        reading: identifiers and loops.

    Returns:
        `READ`, one row for each row in.
    """
    replies = frame["reply"].to_list()
    found = [identifier.identify(replies) for identifier in reading.identifiers]
    looping = _looping(frame, reading)
    rows = []
    for number, (prompt, language, reply) in enumerate(
        zip(frame["prompt"], frame["language"], replies, strict=True)
    ):
        likely = [each[number] for each in found]
        reason = _reason(prompt, reply, looping[number], settings)
        if reason is None and _incoherent(reply, language, likely, settings, reading):
            reason = InvalidReason.INCOHERENT
        same = None if reason else _in_language(language, likely, reading)
        rows.append((reason, max(likely[0], key=likely[0].__getitem__, default=None), same))
    return pl.DataFrame(rows, schema=READ, orient="row")


def _looping(frame: pl.DataFrame, reading: Reading) -> list[float]:
    shares = [0.0] * frame.height
    indexed = frame.select("reply", "language").with_row_index()
    for (language,), part in indexed.group_by("language"):
        spaced = get_language(str(language)).spaced
        for index, share in zip(part["index"], reading.looping(part["reply"], spaced), strict=True):
            shares[index] = share
    return shares


def _in_language(
    language: str, likely: Sequence[Mapping[str, float]], reading: Reading
) -> bool | None:
    votes = []
    for number, labels in enumerate(likely):
        own = reading.labels(language, number)
        if own and labels:
            votes.append(max(labels, key=labels.__getitem__) in own)
    return sum(votes) * 2 >= len(votes) if votes else None


def _reason(prompt: str, reply: str, looping: float, settings: Validity) -> InvalidReason | None:
    if not any(character.isalnum() for character in reply):
        return InvalidReason.EMPTY
    if "\ufffd" in reply:
        return InvalidReason.BROKEN
    if looping > settings.max_looping:
        return InvalidReason.LOOPED
    return InvalidReason.ECHO if echo(prompt, reply) > settings.max_echo else None


def _incoherent(
    reply: str,
    language: str,
    likely: Sequence[Mapping[str, float]],
    settings: Validity,
    reading: Reading,
) -> bool:
    if sum(character.isalpha() for character in reply) < _FEW_LETTERS:
        return False
    for number, labels in enumerate(likely):
        expected = reading.labels(language, number) | reading.labels(ENGLISH, number)
        own = max((labels.get(label, 0.0) for label in expected), default=0.0)
        if own >= settings.min_language / 5 or max(labels.values(), default=0.0) >= (
            settings.min_language
        ):
            return False
    return True


def echo(prompt: str, reply: str) -> float:
    """How much of a reply is the prompt again, 0 to 1: what both have in common in the same order, by
    characters, as a share of the reply (`difflib`)."""
    one, other = (" ".join(text.casefold().split()) for text in (prompt, reply))
    if not other or len(other) > 2 * len(one):
        return 0.0  # far more than the prompt is said
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size > 1) / len(other)
