"""Replies of language models that were asked to translate."""

import pytest

from mlc_data.core.records import FailureReason
from mlc_data.translate.engines.replies import read_reply

PROMPT = "How do I bake bread at home?"
GERMAN = "Wie backe ich zu Hause Brot?"


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (GERMAN, GERMAN),
        (f"  {GERMAN}\n", GERMAN),
        (f'"{GERMAN}"', GERMAN),
        (f"„{GERMAN}“", GERMAN),
        (f"```\n{GERMAN}\n```", GERMAN),
        (f"<think>The user wants German.</think>\n\n{GERMAN}", GERMAN),
        (f"Thinking about it.</think>{GERMAN}", GERMAN),
    ],
)
def test_a_translation_without_what_wraps_it(reply: str, text: str) -> None:
    assert read_reply(reply, PROMPT, "eng_Latn", "deu_Latn") == (text, None)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "empty_output"),
        ("<think>never ends", "empty_output"),
        ("I'm sorry, but I can't help with that.", "declined"),
        ("Es tut mir leid, aber dabei kann ich nicht helfen.", "declined"),
        ("As an AI language model, I cannot translate this.", "declined"),
        (f"Here is the translation: {GERMAN}", "commentary"),
        (f"Sure! Here is the German translation:\n\n{GERMAN}", "commentary"),
        (f"{GERMAN}\n\nNote: I used the informal form.", "commentary"),
        (f"{PROMPT} - {GERMAN}", "commentary"),
        ("First mix the flour with the water, and then you let it rest for an hour.", "answered"),
        ("Mische zuerst Mehl, Wasser, Salz und Hefe. " * 8, "answered"),
    ],
)
def test_what_is_no_translation(reply: str, reason: str) -> None:
    assert read_reply(reply, PROMPT, "eng_Latn", "deu_Latn") == (None, FailureReason(reason))


@pytest.mark.parametrize(
    ("reply", "target"),
    [
        ("You bake bread with flour, water and yeast.", "zho_Hans"),
        ("You bake bread with flour, water and yeast.", "arb_Arab"),
        ("You bake bread with flour, water and yeast.", "rus_Cyrl"),
    ],
)
def test_an_answer_in_another_script(reply: str, target: str) -> None:
    assert read_reply(reply, PROMPT, "eng_Latn", target)[1] is FailureReason.ANSWERED


@pytest.mark.parametrize(
    ("source", "reply", "target"),
    [
        ("Why can't you help me with that?", "为什么你不能帮我？", "zho_Hans"),
        ("Translate this: I cannot help you.", "Übersetze das: Ich kann dir nicht helfen.", "deu_Latn"),
        ("First line.\nSecond line.", "Erste Zeile.\nZweite Zeile.", "deu_Latn"),
        ("GPT-4", "GPT-4", "deu_Latn"),
        ("What is HTTP?", "HTTP是什么？", "zho_Hans"),
        ("Note: bring your own towel.", "Hinweis: Bring dein eigenes Handtuch mit.", "deu_Latn"),
        ("Hi", "Habari ya asubuhi", "swh_Latn"),
    ],
)  # fmt: skip
def test_translations_that_look_like_something_else(source: str, reply: str, target: str) -> None:
    assert read_reply(reply, source, "eng_Latn", target) == (reply, None)


def test_an_english_translation_back_is_no_answer() -> None:
    assert read_reply(PROMPT, GERMAN, "deu_Latn", "eng_Latn") == (PROMPT, None)
