"""Prompts that are not in the source language, found without mistaking capitals and quotations for it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from mlc_data.checks.language_id import readable
from mlc_data.language_id.base import LanguageIdentifier, labels_of
from mlc_data.languages.flores import get_language
from mlc_data.recipe.sources import Sources

log = logging.getLogger(__name__)

_QUOTED = re.compile(
    r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|»[^«]*«|「[^」]*」|『[^』]*』|‘[^’]*’|(?<!\w)'[^'\n]*'(?!\w)"
    r"|\([^()]*\)|```.*?```|`[^`]*`",
    re.DOTALL,
)
_PART = re.compile(r"(?<=[.!?:;。！？：])\s+|[:：]|\n+|[–—]|\s-\s")
_MARKS = " \t\r\n.:;,!?…"
_WORDS = re.compile(r"[^\W\d_]+")
_FEWEST_WORDS = 3
"""Words of a part by which a prompt with quotations is judged."""
_SURE = 0.5
"""Probability of the source language from which on a part of a prompt speaks for the whole."""


@dataclass(frozen=True)
class _Look:
    """Probabilities of the source language and of the likeliest other one, with its label."""

    own: float
    other: float
    label: str

    def is_foreign(self, settings: Sources) -> bool:
        return self.own < settings.min_english and self.other >= settings.max_other


def why_foreign(
    texts: Sequence[str], settings: Sources, language: str, identifier: LanguageIdentifier | None
) -> Iterator[str | None]:
    """Yield for each text the reason why it is not in the source language; None without such evidence.

    Texts are prepared as the check `language_id` prepares them. One that looks foreign is looked at again in
    small letters, then without what it quotes, then by how it begins and ends: "Translate this into English:"
    is English, whatever follows.
    """
    expected = labels_of(get_language(language), identifier) if identifier else frozenset()
    if identifier is None or not expected:
        yield from (None for _ in texts)
        return
    prepared = readable(pl.Series(texts, dtype=pl.String)).to_list()
    for text, found in zip(texts, identifier.identify(prepared), strict=True):
        look = _look(found, expected)
        if not look.is_foreign(settings) or _is_english_within(
            text, identifier, expected, settings
        ):
            yield None
        else:
            yield f"{look.label} {look.other:.2f}, {language} {look.own:.2f}"


def warn_unless_recognised(language: str, identifier: LanguageIdentifier | None) -> None:
    """Log a warning where `why_foreign` has no evidence for want of an identifier."""
    if identifier is None or not labels_of(get_language(language), identifier):
        log.warning(
            "sources: no identifier can recognise %s, so no prompt is rejected for its language",
            language,
        )


def _look(found: Mapping[str, float], expected: frozenset[str]) -> _Look:
    own = max((found.get(label, 0.0) for label in expected), default=0.0)
    other, label = max(
        ((p, label) for label, p in found.items() if label not in expected), default=(0.0, "")
    )
    return _Look(own, other, label)


def _is_english_within(
    text: str, identifier: LanguageIdentifier, expected: frozenset[str], settings: Sources
) -> bool:
    frame = _QUOTED.sub(" \n", text)
    parts = [part for part in _PART.split(frame) if len(_WORDS.findall(part)) >= _FEWEST_WORDS]
    unquoted = (
        [" ".join(frame.split())]
        if frame != text and len(_WORDS.findall(frame)) >= _FEWEST_WORDS
        else []
    )
    ends = [part.strip(_MARKS) for part in (*unquoted, *parts[:1], *parts[-1:])]
    candidates = dict.fromkeys((text.lower(), *ends, *(end.lower() for end in ends)))
    prepared = readable(pl.Series(list(candidates), dtype=pl.String)).to_list()
    whole, *others = (_look(found, expected) for found in identifier.identify(prepared))
    return whole.own >= settings.min_english or any(
        look.own >= max(_SURE, settings.min_english) for look in others
    )
