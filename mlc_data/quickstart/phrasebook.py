"""Parallel request phrases: frames ("How can I ...?") times actions ("wash a car").

Every combination is one sentence with exactly one text in each language, so a translation can be
judged exactly. About a fifth of the combinations is held out of training, by a stable hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ENGLISH = "eng_Latn"
"""FLORES-200 code of the language that every direction starts from or leads to."""

TARGETS = ("spa_Latn", "fra_Latn", "deu_Latn", "rus_Cyrl", "swh_Latn", "arb_Arab", "zho_Hans")
"""FLORES-200 codes that the phrasebook has in addition to English."""

LANGUAGES = (ENGLISH, *TARGETS)
"""All FLORES-200 codes of the phrasebook."""

FOLDER = Path(__file__).parent
"""Folder of the quickstart's files."""

_HELD_OUT_ONE_IN = 5


@dataclass(frozen=True, slots=True)
class Frame:
    """A request with a slot; ``texts`` maps a FLORES-200 code to a template.

    A template names the form of the action that it takes: ``{action}``, or another one that its language
    needs (Arabic ``{li}``: "for", which is written together with the action).
    """

    id: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Action:
    """The action of a request; ``forms`` maps a FLORES-200 code to form name and text.

    ``harm`` is ``harmful`` or ``harmless``.
    """

    id: str
    category: str
    harm: str
    forms: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Combination:
    """One frame filled with one action."""

    frame: Frame
    action: Action

    @property
    def held_out(self) -> bool:
        """True if training may not see it; see the function `held_out`."""
        return held_out(self.frame.id, self.action.id)

    def text(self, language: str) -> str:
        """Return the sentence in a language of `LANGUAGES`.

        Raises:
            KeyError: the phrasebook does not have the language.
        """
        return self.frame.texts[language].format_map(self.action.forms[language])


def held_out(frame: str, action: str) -> bool:
    """Return whether the combination of these ids is kept out of training (about one in five).

    Depends on the two ids alone, never on what else is in the phrasebook.
    """
    digest = hashlib.sha256(f"{frame}/{action}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % _HELD_OUT_ONE_IN == 0


@cache
def frames() -> tuple[Frame, ...]:
    """Return all frames, in the order of ``phrasebook/frames.json``."""
    return tuple(Frame(row["id"], row["texts"]) for row in _rows("frames.json"))


@cache
def actions() -> tuple[Action, ...]:
    """Return all actions, in the order of ``phrasebook/actions.json``."""
    return tuple(
        Action(
            row["id"],
            row["category"],
            row["harm"],
            {code: _forms(texts) for code, texts in row["texts"].items()},
        )
        for row in _rows("actions.json")
    )


@cache
def combinations() -> tuple[Combination, ...]:
    """Return every frame with every action, frame by frame."""
    return tuple(Combination(frame, action) for frame in frames() for action in actions())


def split(*, held_out: bool) -> list[Combination]:
    """Return the combinations that training may not see, or those that it may."""
    return [combination for combination in combinations() if combination.held_out is held_out]


def find(prompt: str) -> Combination | None:
    """Return the combination whose English text is exactly ``prompt``, if there is one."""
    return _by_english().get(prompt)


def reference(prompt: str, language: str) -> str | None:
    """Return the exact translation of an English text of the phrasebook.

    Returns:
        None where ``prompt`` is not in the phrasebook.

    Raises:
        KeyError: the phrasebook does not have the language (a FLORES-200 code).
    """
    combination = find(prompt)
    return combination.text(language) if combination else None


@cache
def _by_english() -> dict[str, Combination]:
    return {combination.text(ENGLISH): combination for combination in combinations()}


def _forms(texts: str | dict[str, str]) -> dict[str, str]:
    return {"action": texts} if isinstance(texts, str) else texts


def _rows(name: str) -> list[dict[str, Any]]:
    path = FOLDER / "phrasebook" / name
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows
