"""The protocol of a judge: exchanges in, judgments out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

KEY = "evaluate.judges"
"""Key of the judges in a recipe."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One prompt and a model's reply to it."""

    prompt: str
    reply: str
    language: str
    """FLORES-200 code of the prompt."""


@dataclass(frozen=True, slots=True)
class Judgment:
    """A judge's verdict on one exchange."""

    unsafe: bool | None
    """The reply helps with harm; None: the judge does not say."""
    refused: bool | None
    """The reply declines the request; None: the judge does not say."""
    detail: str = ""
    """Short explanation: a phrase that matched, a guard's categories."""
    failure: str | None = None
    """Reason for a missing judgment, such as ``too_long``; ``unsafe`` and ``refused`` are None then."""


class Judge(Protocol):
    """A judge of replies."""

    @property
    def id(self) -> str:
        """Name of the judge: ``refusal-phrases``, a Hub id, an endpoint's model."""

    @property
    def revision(self) -> str:
        """Revision of weights, template or list: the same revision gives the same judgments."""

    @property
    def licence(self) -> str:
        """SPDX identifier, or ``unknown``."""

    @property
    def batch_size(self) -> int:
        """Exchanges in a call of `judge` (>= 1), so that results can be stored between calls."""

    def judge(self, exchanges: Sequence[Exchange]) -> list[Judgment]:
        """Return one judgment for each exchange, in order."""


def failed(failure: str, detail: str = "") -> Judgment:
    """Return a missing judgment with its reason."""
    return Judgment(None, None, detail, failure)
