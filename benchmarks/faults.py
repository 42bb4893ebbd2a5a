"""Ways to break a translation, for benchmarks/planted_faults.py."""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlc_data.languages.flores import get_language
from scripts.phrasebook import phrasebook


@dataclass(frozen=True)
class Variant:
    """An exact translation: prompt, FLORES-200 code, text."""

    prompt: str
    language: str
    text: str


REFUSALS: Mapping[str, tuple[str, ...]] = {
    "spa_Latn": (
        "Lo siento, pero no puedo ayudarte con eso.",
        "Disculpe, no me es posible atender esa petición.",
    ),
    "fra_Latn": (
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Désolé, je ne suis pas en mesure de répondre.",
    ),
    "deu_Latn": (
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Das kann ich leider nicht beantworten.",
    ),
    "rus_Cyrl": (
        "Извините, но я не могу помочь с этим.",
        "К сожалению, я не могу ответить на этот вопрос.",
    ),
    "swh_Latn": (
        "Samahani, siwezi kukusaidia na hilo.",
        "Samahani, lakini siwezi kujibu swali hili.",
    ),
    "arb_Arab": ("آسف، لا أستطيع مساعدتك في ذلك.", "عذرًا، لا يمكنني الإجابة على هذا السؤال."),
    "zho_Hans": ("抱歉，我无法帮助您。", "对不起，我不能协助处理这个请求。"),
}
ENGLISH_REFUSALS = ("I'm sorry, but I can't assist with that.", "I cannot fulfill this request.")


def residue(one: Variant, chance: random.Random) -> str:
    """The text with one of the marks that models and converters leave behind."""
    return chance.choice(_RESIDUE)(one)


def _gap(one: Variant) -> str:
    return " " if get_language(one.language).spaced else ""


def _within(one: Variant, mark: str) -> str:
    middle = len(one.text) // 2
    return one.text[:middle] + mark + one.text[middle:]


_ISO = {
    "spa_Latn": "es",
    "fra_Latn": "fr",
    "deu_Latn": "de",
    "rus_Cyrl": "ru",
    "swh_Latn": "sw",
    "arb_Arab": "ar",
    "zho_Hans": "zh",
}
_RESIDUE: Sequence[Callable[[Variant], str]] = (
    lambda one: _within(one, " ⁇ "),
    lambda one: _within(one, "<unk>"),
    lambda one: f"<s> {one.text}</s>",
    lambda one: f"{one.text}<pad><pad>",
    lambda one: f"{one.language} {one.text}",
    lambda one: f"__{_ISO[one.language]}__ {one.text}",
    lambda one: f">>{one.language[:3]}<< {one.text}",
    lambda one: "▁" + one.text.replace(" ", " ▁"),
    lambda one: _within(one, "@@ "),
    lambda one: html.escape(f'"{one.text}"'),
    lambda one: (
        one.text.replace("?", "&#63;").replace(".", "&#46;").replace("。", "&#12290;") + "&nbsp;"
    ),
    lambda one: re.sub(r"[^\W\d_](?=[^\W\d_])", "\ufffd", one.text, count=2),
    lambda one: json.dumps(f"{one.text}\n"),
    lambda one: f"{one.text}\\n",
    lambda one: _within(one, "\u200b") if one.language != "arb_Arab" else _within(one, "\ufeff"),
    lambda one: f"Here is the translation: {one.text}",
    lambda one: f"Translation: {one.text}",
    lambda one: f"Sure, here is the translation:\n{one.text}",
)


def mojibake(one: Variant) -> str:
    """UTF-8 read as Windows-1252."""
    return one.text.encode().decode("cp1252", "replace")


def half_english(one: Variant) -> str:
    """The first half of the text and the second half of the prompt."""
    words = one.prompt.split()
    return f"{_half(one)} {' '.join(words[len(words) // 2 :])}"


def _half(one: Variant) -> str:
    if not get_language(one.language).spaced:
        return one.text[: len(one.text) // 2]
    words = one.text.split()
    return " ".join(words[: len(words) // 2])


def third_english(one: Variant) -> str:
    """Every third word is the prompt's at the same place; in Chinese every sixth character."""
    words = one.prompt.split()
    spaced = get_language(one.language).spaced
    parts, every = (one.text.split(), 3) if spaced else (list(one.text), 6)
    mixed = [
        words[min(len(words) - 1, index * len(words) // len(parts))] if index % every == 2 else part
        for index, part in enumerate(parts)
    ]
    return (" " if spaced else "").join(mixed)


def refused(one: Variant, chance: random.Random) -> str:
    """A refusal after the text or instead of it, in its language or, one time in five, in English."""
    said = ENGLISH_REFUSALS if chance.random() < 0.2 else REFUSALS[one.language]
    refusal = chance.choice(said)
    return refusal if chance.random() < 0.25 else f"{one.text}{_gap(one)}{refusal}"


def said_twice(one: Variant, chance: random.Random) -> str:
    """The text, a blank or a line end, and the text again."""
    return f"{one.text}{chance.choice((_gap(one), chr(10), ' '))}{one.text}"


def side_by_side(one: Variant, chance: random.Random) -> str:
    """Prompt and text, in either order."""
    pair = [one.prompt, one.text]
    chance.shuffle(pair)
    return chance.choice((" ", "\n", " - ", " / ")).join(pair)


def nearest(exact: Sequence[Variant]) -> list[Variant]:
    """For each variant the one of the prompt that shares most words with its own and asks for something else, in
    the same language."""
    words = {one: frozenset(re.findall(r"\w+", one.prompt.lower())) for one in exact}
    asked = {one: _asked(one.prompt) for one in exact}

    def alike(one: Variant, other: Variant) -> float:
        return len(words[one] & words[other]) / len(words[one] | words[other])

    def best(one: Variant) -> Variant:
        others = [v for v in exact if v.language == one.language and asked[v] != asked[one]]
        return max(others, key=lambda other: (alike(one, other), other.prompt))

    return [best(one) for one in exact]


def _asked(prompt: str) -> str:
    """Return the action that a prompt of the phrasebook asks for, in whatever form."""
    found = phrasebook.find(prompt)
    return found.action.id if found else prompt


def with_one_dropped(parts: Sequence[Variant], chance: random.Random) -> str:
    """The texts of several sentences but for one of them."""
    left = list(parts)
    left.pop(chance.randrange(len(left)))
    return _gap(parts[0]).join(one.text for one in left)


def joined(parts: Sequence[Variant]) -> Variant:
    """Several as one text."""
    first = parts[0]
    return Variant(
        " ".join(one.prompt for one in parts),
        first.language,
        _gap(first).join(one.text for one in parts),
    )
