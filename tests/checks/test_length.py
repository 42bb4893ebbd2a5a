"""Length ratios, both lengths plus five."""

from collections.abc import Callable

import polars as pl
import pytest

from mlc_data.checks import Length

Rows = Callable[..., pl.DataFrame]


def test_ratio_counts_code_points_and_no_edges(rows: Rows) -> None:
    table = rows(
        ("12345", "1234567890"),  # (10 + 5) / (5 + 5)
        ("12345", "  12345 \n"),
        ("12345", ""),
        ("", ""),
        ("12345", "\U0001f600" * 5),
    )
    ratios = Length().score(table)["length_ratio"].to_list()
    assert ratios == pytest.approx([1.5, 1.0, 0.5, 1.0, 1.0])


def test_chinese_is_judged_as_chinese(
    rows: Rows, judged: Callable[[Length, pl.DataFrame], pl.DataFrame]
) -> None:
    source = "How do I bake sourdough bread at home in my own kitchen?"
    table = rows(
        (source, "我怎样在自家厨房里烤酸面包？", "zho_Hans"),
        (source, "我怎样在自家厨房里烤酸面包？", "deu_Latn"),
        (source, "我", "zho_Hans"),
        (source, source * 3, "zho_Hans"),
        (source, "Wie?", "deu_Latn"),
        (source, source * 4, "deu_Latn"),
    )
    assert judged(Length(), table)["passes"].to_list() == [True] + [False] * 5


@pytest.mark.parametrize(
    ("text", "language", "kept"),
    [
        ("¿Cómo hago pan en casa? ¿Cuánto cuesta la harina en el mercado?", "spa_Latn", 1.0),
        ("¿Cómo hago pan en casa?", "spa_Latn", 28 / 58 / 1.16),  # the second sentence is missing
        ("¿Cómo hago pan en casa y cuánto cuesta la harina en el mercado", "spa_Latn", 1.0),
        ("ฉันจะทำขนมปังที่บ้านได้อย่างไร", "tha_Thai", 1.0),  # Thai does not mark sentences
    ],
)
def test_a_sentence_that_was_dropped_shortens_the_text(
    rows: Callable[..., pl.DataFrame], text: str, language: str, kept: float
) -> None:
    source = "How do I make bread at home? How much is flour there?   "
    scored = Length().score(rows((source, text, language)))
    assert scored["length_kept"].item() == pytest.approx(kept, abs=0.02)
