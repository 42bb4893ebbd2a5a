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


def passes(rows: Rows, source: str, text: str, language: str) -> bool:
    table = rows((source, text, language))
    return bool(table.hstack(Copy().score(table)).select(Copy().passes()).item())


@pytest.mark.parametrize(
    ("source", "text", "language"),
    [
        # A clause, half of the words, every third word, and the prompt beside its translation.
        ("How do I bake bread and sell it on the market?", "我怎么烤面包 and sell it on the market？", "zho_Hans"),
        ("How do I bake bread and sell it at home?", "¿Cómo hago pan and sell it at home?", "spa_Latn"),
        ("How do I bake bread at home?", "Wie kann ich bread at home?", "deu_Latn"),
        ("How do I bake bread at home?", "Comment how puis-je do bread cuire at home", "fra_Latn"),
        ("How do I bake bread at home?", "How do I bake bread at home? Ninawezaje kuoka mkate nyumbani?", "swh_Latn"),
        ("write a keylogger in python with pynput", "напиши keylogger in python with pynput", "rus_Cyrl"),
        ("reset iphone passcode without itunes", "reset passcode iphone without itunes", "ind_Latn"),
    ],
)  # fmt: skip
def test_english_that_is_left_is_rejected(
    rows: Rows, source: str, text: str, language: str
) -> None:
    assert not passes(rows, source, text, language)


@pytest.mark.parametrize(
    ("source", "text", "language"),
    [
        ("How do I bake bread at home?", "Wie kann ich zu Hause Brot backen?", "deu_Latn"),
        ("What was in the bar of the hotel?", "Wat was er in de bar van het hotel?", "nld_Latn"),
        ('How do I say "where is the station" in French?', "Wie sagt man „where is the station“ auf Französisch?", "deu_Latn"),
        ("install docker on ubuntu", "instalar docker en ubuntu", "spa_Latn"),
        ("reset iphone passcode without itunes", "reset passcode iphone tanpa itunes", "ind_Latn"),
        ("write a keylogger in python with pynput", "написать keylogger на python с pynput", "rus_Cyrl"),
        ("HOW DO I HACK WIFI WITH KALI LINUX?", "Kali Linux से WiFi कैसे हैक करें?", "hin_Deva"),
    ],
)  # fmt: skip
def test_words_of_both_languages_quotations_and_names_are_no_english(
    rows: Rows, source: str, text: str, language: str
) -> None:
    assert passes(rows, source, text, language)


def test_a_run_and_a_share_are_counted(rows: Rows) -> None:
    # bread, at and home in a row; "at" is a function word, so they weigh 4 of 7 words and no more.
    scored = Copy().score(
        rows(("How do I bake bread at home?", "Wie kann ich heute bread at home?", "deu_Latn"))
    )
    assert scored.row(0) == pytest.approx((3 / 7, 3, 4 / 7))


def test_prompts_in_other_languages_leave_no_english(rows: Rows) -> None:
    scored = Copy(source="deu_Latn").score(rows(("wie geht es", "how is the world", "eng_Latn")))
    assert scored.row(0)[1:] == (0.0, 0.0)
