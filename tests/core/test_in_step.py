"""Two tables in the same order, read side by side."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

from mlc_data.core.in_step import InStep

ROWS = pl.DataFrame({"prompt_id": ["a", "a", "c", "c", "c", "f"], "text": list("uvwxyz")})


def parts(size: int) -> Iterator[pl.DataFrame]:
    yield from (ROWS.clear(), *ROWS.iter_slices(size), ROWS.clear())


@pytest.mark.parametrize("size", [1, 2, 4, 9])
def test_each_prompt_gets_its_rows_wherever_the_parts_end(size: int) -> None:
    table = InStep(parts(size), ROWS.clear())
    found = [
        table.of(pl.Series(prompts))["text"].to_list()
        for prompts in (["a", "b"], ["c"], ["d", "e"], ["f"])
    ]
    assert found == [["u", "v"], ["w", "x", "y"], [], ["z"]]
    assert all(part.is_empty() for part in table.rest())


def test_no_more_is_read_than_the_first_row_of_a_later_prompt() -> None:
    read = []

    def counted() -> Iterator[pl.DataFrame]:
        for part in parts(1):
            read.append(part.height)
            yield part

    InStep(counted(), ROWS.clear()).of(pl.Series(["a"]))
    assert sum(read) == 3


def test_rows_out_of_order_are_left() -> None:
    table = InStep(parts(1), ROWS.clear())
    assert table.of(pl.Series(["c"])).is_empty()
    assert pl.concat(table.rest())["text"].to_list() == list("uvwxyz")
