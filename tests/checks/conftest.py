"""Rows for checks, and texts that are hard to handle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from mlc_data.checks import Check
from mlc_data.core.records import TRANSLATIONS

Rows = Callable[..., pl.DataFrame]


def row(
    source: str,
    text: str | None,
    language: str = "swh_Latn",
    back: str | None = None,
    *,
    segments: Sequence[tuple[str, str, str | None]] | None = None,
    unknown: Sequence[float] = (0.0,),
) -> dict[str, Any]:
    """One translation; without ``segments`` it has one sentence."""
    parts = segments if segments is not None else [(source, text or "", back)]
    return {
        "prompt_id": f"{abs(hash((source, text, language))):016x}"[:16],
        "language": language,
        "source": source,
        "text": text,
        "back_translation": back,
        "failure": None if text is not None else "output_limit",
        "segments": [
            {
                "source": one,
                "text": other,
                "log_prob": -0.1,
                "unknown_share": unknown[min(number, len(unknown) - 1)],
                "cached": False,
                "back": returned,
            }
            for number, (one, other, returned) in enumerate(parts)
        ],
    }


@pytest.fixture
def rows() -> Rows:
    """Make a table of translations from the arguments of `row`, as tuples or mappings."""

    def make(*wanted: tuple[Any, ...] | dict[str, Any]) -> pl.DataFrame:
        made = [row(**one) if isinstance(one, dict) else row(*one) for one in wanted]
        return pl.DataFrame(made, schema=TRANSLATIONS)

    return make


@pytest.fixture
def judged() -> Callable[[Check, pl.DataFrame], pl.DataFrame]:
    """Scores, and whether each row passes, as the column ``passes``."""

    def judge(check: Check, table: pl.DataFrame) -> pl.DataFrame:
        scores = check.score(table)
        return table.select("language").hstack(scores).with_columns(passes=check.passes())

    return judge
