"""Script shares, counted by hand."""

from collections.abc import Callable

import polars as pl
import pytest

from mlc_data.checks import Script
from mlc_data.checks.script import ScriptCheck
from mlc_data.languages.flores import all_languages
from mlc_data.recipe.base import ByLanguage

Rows = Callable[..., pl.DataFrame]


@pytest.mark.parametrize(
    ("language", "source", "text", "share"),
    [
        ("swh_Latn", "a dog", "mbwa", 1.0),
        ("rus_Cyrl", "a dog", "собака", 1.0),
        ("rus_Cyrl", "a dog", "соdog", 2 / 5),  # two Cyrillic letters, three Latin ones
        ("arb_Arab", "a dog", "a dog", 0.0),
        ("zho_Hans", "a dog", "一只狗", 1.0),
        ("zho_Hans", "a dog", "犬です", 1 / 3),  # kana are not Chinese
        ("jpn_Jpan", "a dog", "犬はイヌ", 1.0),  # Han, Hiragana and Katakana are all Japanese
        ("jpn_Jpan", "a beer", "ビール", 1.0),  # the long-vowel mark is common to scripts
        ("kor_Hang", "a dog", "개 犬", 1.0),
        ("hin_Deva", "do", "किया", 1.0),  # vowel signs are marks, not letters
        ("arb_Arab", "he wrote", "كَتَبَ", 1.0),
        ("pbt_Arab", "x", "\u200fکور\u200f \u202bدی\u202c", 1.0),  # direction marks
        ("vie_Latn", "x", "Tie\u0302\u0301ng Vie\u0323\u0302t", 1.0),  # decomposed accents
        ("kmr_Latn", "x", "Ez dixwazim \U0001f697\U0001f600", 1.0),  # emoji
        ("sat_Olck", "x", "ᱥᱟᱱᱛᱟᱲᱤ", 1.0),
    ],
)
def test_share(rows: Rows, language: str, source: str, text: str, share: float) -> None:
    scored = Script().score(rows((source, text, language)))
    assert scored["script_share"].to_list() == pytest.approx([share])


def test_what_a_translation_keeps_does_not_count(rows: Rows) -> None:
    scored = Script().score(
        rows(
            ("See https://example.com/a now", "看 https://example.com/a", "zho_Hans"),
            ("Write to a.b@example.org", "写信给 a.b@example.org", "zho_Hans"),
            ("Hello {user_name}, <b>wait</b>", "你好 {user_name}，<b>等</b>", "zho_Hans"),
            ("Where is the Berlin office of IBM?", "IBM 的 Berlin 在哪", "zho_Hans"),
            ("where is the berlin office", "berlin 在哪", "zho_Hans"),
            ("where is the wi-fi office", "WiFi 在哪", "zho_Hans"),
            ("where is the green office", "green 在哪", "zho_Hans"),
        )
    )
    assert scored["script_share"].to_list() == pytest.approx([1, 1, 1, 1, 1, 1, 2 / 7])


def test_a_text_without_letters_is_good_only_if_its_prompt_has_none(rows: Rows) -> None:
    scored = Script().score(
        rows(("12 + 4 = ?", "12 + 4 = ?"), ("What is 16?", "16?"), ("Hello", ""), ("", ""))
    )
    assert scored["script_share"].to_list() == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("language", "text", "share"),
    [
        ("zho_Hans", "我们怎么说这个问题？", 1.0),  # 们 说 这 个 问 题
        ("zho_Hant", "我们怎么说这个问题？", 0.0),
        ("zho_Hant", "我們怎麼說這個問題？", 1.0),
        ("yue_Hant", "我們怎麼說這個問題？", 1.0),
        ("zho_Hans", "我們怎麼說這個問題？", 0.0),
        ("zho_Hans", "今天天气好", 1.0),
        ("zho_Hant", "你好，早上好", 1.0),  # written alike in both
        ("zho_Hans", "日本では何を食べますか", 0.0),
        ("jpn_Jpan", "日本では何を食べますか", 1.0),
        ("jpn_Jpan", "日本国憲法", 1.0),  # no kana, but short
        ("jpn_Jpan", "没有钥匙我怎么打开这座房子的门", 0.0),
        ("jpn_Jpan", "今天天氣很好我想出去走走可以嗎", 0.0),
        ("kor_Hang", "오늘 날씨가 좋다", 1.0),
        ("kor_Hang", "오늘 날씨(天氣)가", 5 / 7),
        ("kor_Hang", "今日は天気がいい", 0.0),
        ("deu_Latn", "中文", 1.0),
    ],
)
def test_share_of_the_characters_that_tell_related_writing_apart(
    rows: Rows, language: str, text: str, share: float
) -> None:
    scored = Script().score(rows(("a dog", text, language)))
    assert scored["script_variety_share"].to_list() == pytest.approx([share])


def test_the_other_way_of_writing_chinese_is_rejected(
    rows: Rows, judged: Callable[[Script, pl.DataFrame], pl.DataFrame]
) -> None:
    simplified, traditional = "给我讲一个关于猫的故事。", "給我講一個關於貓的故事。"
    table = rows(
        *(
            ("Tell me a story.", text, code)
            for text in (simplified, traditional)
            for code in ("zho_Hans", "zho_Hant")
        )
    )
    assert judged(Script(), table)["passes"].to_list() == [True, False, False, True]


def test_thresholds_hold_by_language(
    rows: Rows, judged: Callable[[Script, pl.DataFrame], pl.DataFrame]
) -> None:
    limits = ByLanguage({"default": 0.9, "rus_Cyrl": 0.3})
    check = Script(ScriptCheck(min_share=limits))
    table = rows(("a dog", "соdog", "rus_Cyrl"), ("a dog", "соdog", "ukr_Cyrl"))
    assert judged(check, table)["passes"].to_list() == [True, False]


def test_every_language_has_a_script_that_can_be_counted(rows: Rows) -> None:
    table = rows(*(("word", "word", language.code) for language in all_languages()))
    shares = dict(zip(table["language"], Script().score(table)["script_share"], strict=True))
    assert all(share == (code.endswith("_Latn")) for code, share in shares.items())
