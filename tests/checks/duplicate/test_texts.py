"""Texts by row, without reading the others."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mlc_data.checks import Duplicate
from mlc_data.checks.duplicate.texts import COLUMNS, Texts

Rows = Callable[..., pl.DataFrame]


def table_of(rows: Rows, number: int) -> pl.DataFrame:
    return rows(
        *((f"Prompt {n}", f"Variante {n} ñ", "spa_Latn", f"Back {n}" if n % 3 else None)
          for n in range(number))
    )  # fmt: skip


@pytest.mark.parametrize("size", [1, 4, 100])
def test_rows_are_those_of_the_table(rows: Rows, tmp_path: Path, size: int) -> None:
    table = table_of(rows, 11)
    parts = [table.clear(), *table.iter_slices(size), table.clear()]
    texts = Texts.write(parts, tmp_path / "new" / "texts")
    wanted = np.array([0, 3, 4, 10])
    found = texts.rows(wanted)
    assert found["row"].to_list() == wanted.tolist()
    assert found.select(COLUMNS).equals(table.select(COLUMNS)[wanted])
    assert texts.rows(np.array([], np.int64)).height == 0


def test_a_row_that_is_not_there_is_an_error(rows: Rows, tmp_path: Path) -> None:
    texts = Texts.write([table_of(rows, 3)], tmp_path)
    with pytest.raises(IndexError, match="holds 3 rows, not row 3"):
        texts.rows(np.array([1, 3]))


def test_no_translations_no_texts(tmp_path: Path) -> None:
    assert Texts.write([], tmp_path).rows(np.array([], np.int64)).height == 0


def test_a_loaded_check_compares_new_texts_without_reading_the_translations(
    rows: Rows, tmp_path: Path
) -> None:
    answer = "Samahani, siwezi kukusaidia na jambo hili leo."
    table = rows(
        ("How do I repair an old bicycle?", answer, "swh_Latn", "A bicycle"),
        ("Which mushrooms are poisonous?", "Uyoga gani una sumu?", "swh_Latn", "Mushrooms"),
    )
    new = rows(("Write a poem about the sea.", answer, "swh_Latn", "Sorry"))
    ready = Duplicate().prepared(lambda: table.iter_slices(1))
    ready.save(tmp_path / "saved", others=True)  # type: ignore[attr-defined]

    def nothing_is_read() -> Iterator[pl.DataFrame]:
        raise AssertionError("the translations are read")

    loaded = Duplicate().loaded(tmp_path / "saved", nothing_is_read)
    assert loaded.score(table).equals(ready.score(table))
    found = loaded.score(new)["duplicate_similarity"].to_list()
    assert found == ready.score(new)["duplicate_similarity"].to_list()
    assert found[0] > 0.5


def test_a_line_end_or_a_quotation_mark_in_a_text_is_part_of_it(rows: Rows, tmp_path: Path) -> None:
    table = rows(
        ('Say\n"no"', "1e5\r\n\u2028{}", "spa_Latn", "null"), ("Go", "null", "spa_Latn", None)
    )
    texts = Texts.write([table], tmp_path)
    assert texts.rows(np.array([0, 1])).select(COLUMNS).equals(table.select(COLUMNS))
