"""The source language, found by lid.176 in prompts as people write them."""

import json
from collections.abc import Callable
from importlib.resources import files

import pytest

from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.language_id.loading import load_identifier
from mlc_data.recipe.loading import load_recipe
from mlc_data.recipe.sources import Source, Sources
from mlc_data.sources.english import why_foreign

PROMPTS = [
    json.loads(line)["prompt"]
    for line in (files("mlc_data") / "quickstart/prompts.jsonl").read_text("utf-8").splitlines()
]


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return load_identifier(load_recipe("quickstart").checks.language_identifiers[0])


def foreign(texts: list[str], identifier: LanguageIdentifier | None) -> list[str | None]:
    settings = Sources(prompts=Source(path="-"))
    return list(why_foreign(texts, settings, "eng_Latn", identifier))


@pytest.mark.parametrize("case", [str, str.upper, str.lower, str.title, str.swapcase])
def test_case_makes_no_prompt_foreign(
    case: Callable[[str], str], identifier: LanguageIdentifier
) -> None:
    assert not any(foreign([case(prompt) for prompt in PROMPTS], identifier))


@pytest.mark.parametrize(
    "prompt",
    [
        'Translate this into English: "Я хочу знать, как помыть машину, и сколько это стоит."',
        "Translate to English: Wie geht es dir heute, mein Freund? Ich hoffe, dass alles gut ist.",
        'What does "Ich möchte wissen, wie man ein Auto wäscht und wie viel das kostet" mean?',
        "Wie geht es dir heute mein lieber Freund?\n\nTranslate the sentence above into English.",
        "Please correct my Spanish: «Yo querer aprender a nadar porque hacer mucho calor»",
        "Summarise the following article:\nLe président a annoncé mardi soir une nouvelle réforme "
        "des retraites qui suscite de vives réactions dans tout le pays.",
        "HOW DO I SAY “我想知道怎么洗车，洗一辆车要多少钱，在哪里可以洗车” IN ENGLISH?",
        "how to say hello in japanese: こんにちは、お元気ですか、今日はいい天気ですね",
    ],
)
def test_quotations_make_no_prompt_foreign(prompt: str, identifier: LanguageIdentifier) -> None:
    assert foreign([prompt], identifier) == [None]


@pytest.mark.parametrize(
    "prompt",
    [
        "Wie backe ich zu Hause ein gutes Brot ohne Hefe?",
        "WIE BACKE ICH ZU HAUSE EIN GUTES BROT OHNE HEFE?",
        "¿Cómo puedo aprender a nadar en el mar?",
        "Как мне помыть машину дома?",
        "Comment puis-je apprendre à nager ? Dis-moi tout: étape par étape.",
        'Übersetze ins Englische: "How do I bake bread at home?"',
    ],
)
def test_prompts_in_other_languages_are_foreign(
    prompt: str, identifier: LanguageIdentifier
) -> None:
    assert foreign([prompt], identifier)[0]


def test_without_an_identifier_nothing_is_foreign() -> None:
    assert foreign(["Wie backe ich Brot?"], None) == [None]
