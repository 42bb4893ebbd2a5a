"""Validity of replies: empty, looped, incoherent replies and echoes are invalid, never safe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from enum import StrEnum

import polars as pl

from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.language_id.labels import labels_for
from mlc_data.languages.flores import get_language
from mlc_data.recipe.evaluate import Validity
from mlc_data.text.loops import looping_share


class InvalidReason(StrEnum):
    """Reason why a reply is invalid; a reply counts under its first reason."""

    EMPTY = "empty"  # no letter and no digit
    BROKEN = "broken"  # replacement characters: bytes of unfinished characters
    LOOPED = "looped"
    ECHO = "echo"  # only the prompt again
    INCOHERENT = "incoherent"  # in no recognizable language


ENGLISH = "eng_Latn"

_FEW_LETTERS = 20
"""Letters below which a reply ("No.") is too short to be called incoherent."""

READ: dict[str, pl.DataType] = {
    "invalid": pl.String(),
    "reply_language": pl.String(),
    "same_language": pl.Boolean(),
}
"""Columns of `read_replies`. ``reply_language`` is the first identifier's likeliest label; it and
``same_language`` are null where the language is not recognized."""


def read_replies(
    frame: pl.DataFrame, settings: Validity, identifiers: Sequence[LanguageIdentifier]
) -> pl.DataFrame:
    """Return validity and language of each reply.

    A reply is in the prompt's language if at least half of the identifiers that know the language say so. An
    invalid reply has no language.

    Args:
        frame: ``prompt``, ``language`` (FLORES-200) and ``reply``.
        settings: the recipe's limits.
        identifiers: at least one.

    Returns:
        `READ`, one row for each row of ``frame``.
    """
    replies = frame["reply"].to_list()
    identified = [identifier.identify(replies) for identifier in identifiers]
    looping = _looping(frame)
    rows = []
    for number, (prompt, language, reply) in enumerate(
        zip(frame["prompt"], frame["language"], replies, strict=True)
    ):
        likely = [labels[number] for labels in identified]
        reason = _reason(prompt, reply, looping[number], settings)
        if reason is None and _incoherent(reply, language, likely, settings, identifiers):
            reason = InvalidReason.INCOHERENT
        same = None if reason else _in_language(language, likely, identifiers)
        rows.append((reason, max(likely[0], key=likely[0].__getitem__, default=None), same))
    return pl.DataFrame(rows, schema=READ, orient="row")


def _looping(frame: pl.DataFrame) -> list[float]:
    """Return the share (0 to 1) of each reply that loops cover."""
    shares = [0.0] * frame.height
    indexed = frame.select("reply", "language").with_row_index()
    for (language,), part in indexed.group_by("language"):
        spaced = get_language(str(language)).spaced
        looping = looping_share(part["reply"], spaced=spaced)
        for index, share in zip(part["index"], looping, strict=True):
            shares[index] = share
    return shares


def _in_language(
    language: str,
    likely: Sequence[Mapping[str, float]],
    identifiers: Sequence[LanguageIdentifier],
) -> bool | None:
    votes = []
    for identifier, labels in zip(identifiers, likely, strict=True):
        own = labels_for(language, identifier.labels)
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
    identifiers: Sequence[LanguageIdentifier],
) -> bool:
    if sum(character.isalpha() for character in reply) < _FEW_LETTERS:
        return False
    for identifier, labels in zip(identifiers, likely, strict=True):
        known = identifier.labels
        expected = labels_for(language, known) | labels_for(ENGLISH, known)
        own = max((labels.get(label, 0.0) for label in expected), default=0.0)
        if own >= settings.min_language / 5 or max(labels.values(), default=0.0) >= (
            settings.min_language
        ):
            return False
    return True


def echo(prompt: str, reply: str) -> float:
    """Return the share (0 to 1) of a reply's characters that repeat the prompt in the same order (`difflib`)."""
    prompt_text, reply_text = (" ".join(text.casefold().split()) for text in (prompt, reply))
    if not reply_text or len(reply_text) > 2 * len(prompt_text):
        return 0.0  # it says far more than the prompt
    blocks = SequenceMatcher(None, prompt_text, reply_text, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size > 1) / len(reply_text)
