"""Loops, counted by hand."""

from collections.abc import Callable

import polars as pl
import pytest

from mlc_data.checks import Repetition
from mlc_data.text.loops import looping_share

Rows = Callable[..., pl.DataFrame]


@pytest.mark.parametrize(
    ("text", "spaced", "share"),
    [
        ("a b c d e f", True, 0.0),
        ("no no", True, 0.0),  # twice is emphasis
        ("no no no x", True, 3 / 4),
        ("No, no! NO x", True, 3 / 4),  # case and punctuation do not hide it
        ("x i am sorry i am sorry i am sorry", True, 9 / 10),
        ("one two three one two three", True, 0.0),  # three words twice
        ("one two three four one two three four", True, 1.0),  # four words twice
        ("a b a b a b a y", True, 7 / 8),  # the last copy is not whole
        ("a a b b a a b b a a b b", True, 1.0),
        ("abcdefgh", True, 0.0),
        ("hahahahaha abcdefghi", True, 10 / 20),  # within a word: five times
        ("hahahaha abcdefghijk", True, 0.0),  # four times
        ("我我我好", False, 3 / 4),
        ("谢谢", False, 0.0),
        ("我很抱歉我很抱歉我很抱歉", False, 1.0),
        ("天地玄黄宇宙洪荒天地玄黄宇宙洪荒", False, 1.0),
        ("ขอโทษ ขอโทษ ขอโทษ", False, 1.0),
        ("", True, 0.0),
        ("", False, 0.0),
        (" \n", True, 0.0),
        ("\U0001f600" * 5, True, 1.0),
        ("\u0915\u093f\u0902 " * 3, True, 1.0),  # words with combining marks stay whole
    ],
)
def test_share(text: str, spaced: bool, share: float) -> None:
    assert looping_share(pl.Series([text]), spaced=spaced).to_list() == pytest.approx([share])


def test_texts_do_not_run_into_each_other() -> None:
    texts = pl.Series(["no", "no", "no", "no no no", "no"])
    assert looping_share(texts, spaced=True).to_list() == [0, 0, 0, 1, 0]
    texts = pl.Series(["我", "我", "我我我", "", "我"])
    assert looping_share(texts, spaced=False).to_list() == [0, 0, 1, 0, 0]


def test_a_prompt_that_repeats_itself_may_be_translated(
    rows: Rows, judged: Callable[[Repetition, pl.DataFrame], pl.DataFrame]
) -> None:
    table = rows(
        ("Ha ha ha ha, funny!", "Ha ha ha ha, inachekesha!"),
        ("That is funny!", "Ha ha ha ha, inachekesha!"),
        ("I am sorry", "对不起对不起对不起", "zho_Hans"),
        ("Good morning", "早上好", "zho_Hans"),
    )
    found = judged(Repetition(), table)
    assert found["repetition_share"].to_list() == pytest.approx([0.0, 0.8, 1.0, 0.0])
    assert found["passes"].to_list() == [True, False, False, True]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (
            "jpn_Jpan",
            "私は毎朝どうやって鳩に餌をやりますか、そしてどのくらいの量を与えるべきですか？" * 2,
        ),
        ("zho_Hans", "我每天早上怎么喂我的鸽子？我每天早上怎么喂我的鸽子？"),
        ("tha_Thai", "ฉันให้อาหารนกพิราบทุกเช้าอย่างไร ฉันให้อาหารนกพิราบทุกเช้าอย่างไร"),
        ("spa_Latn", "¿Cómo alimento a mi paloma? - Cómo alimento a mi paloma."),
        ("spa_Latn", "¿Cómo alimento a mi paloma? ¿Cuánto come? ¿Cómo alimento a mi paloma?"),
        ("deu_Latn", "Wie füttere ich sie jeden Morgen?\nWie füttere ich sie jeden Morgen?\n" * 2),
    ],
)
def test_what_is_said_again_is_rejected(rows: Rows, language: str, text: str) -> None:
    table = rows(("How do I feed my pigeon every morning? How much?", text, language))
    scored = table.hstack(Repetition().score(table))
    assert not scored.select(Repetition().passes()).item()


def test_a_prompt_may_say_it_again(rows: Rows) -> None:
    source = "Where is my dog tonight? Where is my dog tonight?"
    text = "¿Dónde está mi perro? ¿Dónde está mi perro?"
    assert Repetition().score(rows((source, text, "spa_Latn")))["repetition_share"].item() == 0.0
