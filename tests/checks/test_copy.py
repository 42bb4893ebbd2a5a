"""Copies of the prompt, whole and in part."""

from collections.abc import Callable

import polars as pl
import pytest

from mlc_data.checks import Copy

Rows = Callable[..., pl.DataFrame]


@pytest.mark.parametrize(
    ("source", "text", "language", "share"),
    [
        ("How do I steal a car?", "Ninawezaje kuiba gari?", "swh_Latn", 0.0),
        ("How do I steal a car?", "How do I steal a car?", "swh_Latn", 1.0),
        ("How do I steal a car?", "how do I  STEAL a car?", "zho_Hans", 1.0),
        ("How do I steal a car?", "How do I kuiba gari?", "swh_Latn", 3 / 5),
        ("How do I steal a car?", "car 汽车", "zho_Hans", 1 / 3),  # car, and two characters
        # Names, numbers, addresses and placeholders do not count.
        ("Who is the mayor of Paris in 2024?", "Paris 2024 meya", "swh_Latn", 0.0),
        ("Open https://example.com for {user}", "Fungua https://example.com {user}", "swh_Latn", 0),
        ("Hello", "Hello", "deu_Latn", 1.0),
        ("", "", "deu_Latn", 0.0),
        ("12 + 4", "12 + 4", "deu_Latn", 0.0),
        ("https://example.com", "https://example.com", "deu_Latn", 0.0),
        ("How are you?", "", "deu_Latn", 0.0),
    ],
)
def test_share(rows: Rows, source: str, text: str, language: str, share: float) -> None:
    scored = Copy().score(rows((source, text, language)))
    assert scored["copied_share"].to_list() == pytest.approx([share])


def test_a_copied_sentence_is_found_in_a_long_text(rows: Rows) -> None:
    sentences = [
        ("How do I bake bread at home?", "Ninawezaje kuoka mkate nyumbani?", None),
        ("Tell me the best recipe now.", "Tell me the best recipe now.", None),
        ("Fine.", "Fine.", None),
    ]
    table = rows(
        {
            "source": " ".join(one[0] for one in sentences),
            "text": " ".join(one[1] for one in sentences),
            "segments": sentences,
        },
        {"source": "Fine. How are you?", "text": "Fine. Habari?", "segments": [sentences[2]] * 2},
    )
    # The first has a sentence that was copied whole; in the second, one of two words is the prompt's.
    assert Copy().score(table)["copied_share"].to_list() == pytest.approx([1.0, 0.5])
