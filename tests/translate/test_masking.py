"""Spans that are hidden from the engine and put back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from mlc_data.translate.engines.base import Hypothesis, Request
from mlc_data.translate.masking import Masked, Masking, with_codes, with_numbers, without_edges


def hidden(masked: Masked | None) -> Masked:
    assert masked is not None
    return masked


def request(text: str) -> Request:
    return Request(text, "eng_Latn", "spa_Latn")


class Engine:
    """Translator that upper-cases, loses what ``loses`` has, and remembers what it was asked."""

    def __init__(self, *loses: str) -> None:
        self.loses = loses
        self.asked: list[str] = []

    def __call__(self, requests: Iterable[Request]) -> dict[Request, Hypothesis]:
        made = {}
        for one in requests:
            self.asked.append(one.text)
            text = one.text
            for lost in self.loses:
                text = text.replace(lost, "")
            made[one] = Hypothesis(text.upper(), -0.1, 0.0)
        return made


@pytest.mark.parametrize("mask", [with_codes, with_numbers])
def test_what_is_hidden_is_put_back(mask: object) -> None:
    text = "Hi {name}, see https://a.example/x and <b>stop</b>."
    masked = hidden(mask(text, text))  # type: ignore[operator]
    assert "{" not in masked.text
    assert masked.restored(masked.text) == text


@pytest.mark.parametrize("form", ["x731", "X 731", "Х٧٣١", "×731"])
def test_a_code_is_known_in_other_letters_and_digits(form: str) -> None:
    masked = hidden(with_codes("Hi {name}!", "Hi {name}!"))
    assert masked.restored(f"Hola {form}!") == "Hola {name}!"


@pytest.mark.parametrize("text", ["Hola!", "Hola X731 X731!", "Hola X732!", "Hola X7310!"])
def test_a_code_that_was_lost_or_repeated_restores_nothing(text: str) -> None:
    assert hidden(with_codes("Hi {name}!", "Hi {name}!")).restored(text) is None


def test_spans_that_touch_are_hidden_as_one() -> None:
    masked = hidden(with_codes("Press <b>{key}</b> now", "Press <b>{key}</b> now"))
    assert masked.text == "Press X731 now"


def test_a_code_is_not_one_that_the_sentence_has() -> None:
    text = "Room 731 of {hotel}"
    assert hidden(with_codes(text, text)).text == "Room 731 of X842"


def test_spans_at_the_ends_are_left_out() -> None:
    text = "@jane_doe how do I swim? #fun"
    masked = hidden(without_edges(text, text))
    assert masked.text == "how do I swim?"
    assert masked.restored("¿cómo nado?") == "@jane_doe ¿cómo nado? #fun"
    assert without_edges("How do {name} and I swim?", "How do {name} and I swim?") is None


def test_only_sentences_that_lost_a_span_are_translated_again() -> None:
    engine = Engine("{name}")
    requests = [request("Hi {name}!"), request("See `ls` now"), request("No span")]
    better = Masking(engine, {}).again(engine(requests))
    assert engine.asked[3:] == ["Hi X731!", "See X731 now"]
    assert {one.text: made.text for one, made in better.items()} == {
        "Hi {name}!": "HI {name}!",
        "See `ls` now": "SEE `ls` NOW",
    }


def test_what_no_way_restores_stays_as_it_was() -> None:
    engine = Engine("{name}", "X731", "731")
    found = engine([request("Hi {name} over there!")])
    assert Masking(engine, {}).again(found) == {}


def test_of_a_back_translation_only_the_prompts_spans_are_hidden() -> None:
    back = replace(request("[spa_Latn] Hola {name}!"), source="spa_Latn", target="eng_Latn")
    engine = Engine("[spa_Latn] ", "{name}")
    better = Masking(engine, {back: "Hi {name}!"}).again(engine([back]))
    assert better[back].text == "HOLA {name}!"


def test_masked_first_translates_without_the_plain_sentence() -> None:
    engine = Engine()
    found = Masking(engine, {}).first([request("Hi {name}!"), request("No span")])
    assert engine.asked == ["Hi X731!"]
    assert [one.text for one in found.values()] == ["HI {name}!"]
