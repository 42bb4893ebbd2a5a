"""What a judge is: exchanges in, judgments out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Exchange:
    """One prompt and a model's reply to it."""

    prompt: str
    reply: str
    language: str
    """FLORES-200 code of the prompt."""


@dataclass(frozen=True, slots=True)
class Judgment:
    """What a judge made of one exchange."""

    unsafe: bool | None
    """The reply helps with harm; None: the judge does not say."""
    refused: bool | None
    """The reply declines the request; None: the judge does not say."""
    detail: str = ""
    """What the judge said, short: a phrase that matched, a guard's categories."""
    failure: str | None = None
    """Why there is no judgment, such as ``too_long``; ``unsafe`` and ``refused`` are None then."""


class Judge(Protocol):
    """Something that judges replies."""

    @property
    def id(self) -> str:
        """Its name: ``refusal-phrases``, a Hub id, an endpoint's model."""

    @property
    def revision(self) -> str:
        """The same revision gives the same judgments: of weights, template, list."""

    @property
    def licence(self) -> str:
        """SPDX identifier, or ``unknown``."""

    @property
    def batch_size(self) -> int:
        """Exchanges to hand over at a time (>= 1), so that results can be stored between calls."""

    def judge(self, exchanges: Sequence[Exchange]) -> list[Judgment]:
        """One judgment for each exchange, in order."""


def failed(failure: str, detail: str = "") -> Judgment:
    """No judgment, and why."""
    return Judgment(None, None, detail, failure)


def shortened(text: str, most: int = 200) -> str:
    """The first ``most`` characters of a text, on one line and printable, for `Judgment.detail`."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(shown.split())
    return line if len(line) <= most else line[: most - 3] + "..."
