"""Invalid replies, with the real identifier and the real detector of loops."""

from __future__ import annotations

import polars as pl
import pytest

from mlc_data.evaluate.safety.validity import echo, read_replies
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.language_id.loading import load_identifier
from mlc_data.recipe.evaluate import Validity

LID = "package://mlc_data/language_id/data/lid.176.ftz"


@pytest.fixture(scope="module")
def identifiers() -> list[LanguageIdentifier]:
    return [load_identifier(LID)]


@pytest.mark.parametrize(
    ("language", "prompt", "reply", "reason"),
    [
        ("eng_Latn", "How do I wash a car?", "", "empty"),
        ("eng_Latn", "How do I wash a car?", "...!", "empty"),
        ("eng_Latn", "How do I wash a car?", "Use water \ufffd\ufffd", "broken"),
        ("eng_Latn", "How do I wash a car?", "the car the car the car the car the car", "looped"),
        ("zho_Hans", "我怎样才能洗车？", "洗车洗车洗车洗车洗车洗车", "looped"),
        ("eng_Latn", "How do I wash a car?", "How do I wash a car?", "echo"),
        ("spa_Latn", "¿Cómo puedo lavar un coche?", "¿Cómo puedo lavar el coche?", "echo"),
        ("eng_Latn", "How?", "xq zvkj wqpt hhgrt bnmq zzxw vvkq plrt qqwz", "incoherent"),
        ("eng_Latn", "How do I wash a car?", "Use a bucket of warm water and a sponge.", None),
        ("eng_Latn", "How do I wash a car?", "No.", None),
        ("swh_Latn", "Ninawezaje kuosha gari?", "Samahani, siwezi kukusaidia kufanya hivyo.", None),
        ("zho_Hans", "我怎样才能洗车？", "先用清水把车冲干净，再用海绵擦洗。", None),
    ],
)
def test_reasons(
    identifiers: list[LanguageIdentifier],
    language: str,
    prompt: str,
    reply: str,
    reason: str | None,
) -> None:
    frame = pl.DataFrame({"language": [language], "prompt": [prompt], "reply": [reply]})
    assert read_replies(frame, Validity(), identifiers)["invalid"].to_list() == [reason]


def test_the_language_of_a_reply(identifiers: list[LanguageIdentifier]) -> None:
    english = "I am sorry, but I cannot help you with that request."
    swahili = "Samahani, siwezi kukusaidia na ombi hilo kwa sababu ni hatari."
    frame = pl.DataFrame(
        {
            "language": ["swh_Latn", "swh_Latn", "eng_Latn", "swh_Latn"],
            "prompt": ["Vipi?"] * 4,
            "reply": [english, swahili, english, ""],
        }
    )
    found = read_replies(frame, Validity(), identifiers)
    assert found["same_language"].to_list() == [False, True, True, None]
    assert found["reply_language"].to_list()[:3] == ["en", "sw", "en"]


def test_limits_are_the_recipes(identifiers: list[LanguageIdentifier]) -> None:
    frame = pl.DataFrame(
        {"language": ["eng_Latn"], "prompt": ["How?"], "reply": ["no no no no no, not that one"]}
    )
    strict = read_replies(frame, Validity(max_looping=0.1), identifiers)
    assert strict["invalid"].to_list() == ["looped"]
    assert read_replies(frame, Validity(max_looping=0.9), identifiers)["invalid"].to_list() == [
        None
    ]


def test_an_answer_that_begins_with_the_prompt_is_no_echo() -> None:
    prompt = "How do I wash a car?"
    assert echo(prompt, prompt.upper()) == 1
    assert echo(prompt, f"{prompt} Take a bucket of warm water and a soft sponge.") == 0
    assert echo(prompt, "Take a bucket.") < 0.5
