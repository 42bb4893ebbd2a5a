"""The worst sentence decides."""

from collections.abc import Callable

import polars as pl

from mlc_data.checks import Unknown

Rows = Callable[..., pl.DataFrame]


def test_worst_sentence(
    rows: Rows, judged: Callable[[Unknown, pl.DataFrame], pl.DataFrame]
) -> None:
    two = [("a", "b", None), ("c", "d", None)]
    table = rows(
        {"source": "a c", "text": "b d", "segments": two, "unknown": (0.0, 0.5)},
        {"source": "a c", "text": "b d", "segments": two, "unknown": (0.0, 0.05)},
        {"source": "12", "text": "12", "segments": []},
    )
    found = judged(Unknown(), table)
    assert found["unknown_share"].to_list() == [0.5, 0.05, 0.0]
    assert found["passes"].to_list() == [False, True, True]
