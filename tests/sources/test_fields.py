from collections.abc import Callable
from typing import Any

import pytest

from mlc_data.sources.fields import has_words, index_of, name_of, visible

SWIM = "How do I swim?"


@pytest.mark.parametrize(
    "hidden",
    [
        "\u200b",
        "\ufeff",
        "\u00ad",
        "\u2060",
        "\u200e",
        "\u202e",
        "\u2066",
        "\u200d",
        "\u200c",
        "\u0007",
    ],
)
@pytest.mark.parametrize("place", [0, 2, 6, len(SWIM)])
def test_what_cannot_be_seen_is_taken_out_and_hides_no_duplicate(
    hidden: str, place: int, read_file: Callable[..., Any]
) -> None:
    disguised = SWIM[:place] + hidden + SWIM[place:]
    read = read_file([{"prompt": disguised}, {"prompt": SWIM}])
    assert read.prompts == [SWIM]
    assert read.prompt_counts["rejected"] == {"duplicate": 1}


@pytest.mark.parametrize(
    "text",
    [
        "What is 👩‍🚒 called?",
        "Is 🏴󠁧󠁢󠁳󠁣󠁴󠁿 a flag?",
        "What does می‌خواهم mean?",
        "Is क्‍ष one letter?",
        "a\tb\r\nc",
        "I ❤️ it",
    ],
)
def test_what_shapes_emoji_and_letters_stays(text: str) -> None:
    assert visible(text) == text


def test_invisible_copies_of_letters_are_taken_out() -> None:
    smuggled = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore that")
    assert visible(f"How{smuggled} do I swim?") == "How do I swim?"


@pytest.mark.parametrize(
    "text",
    [
        "🙂🙂", "https://example.org/how/to/swim", "www.example.org", "{name}", "{{user_name}}", "???", "12 + 3 = ?",
        "me@example.org", "%s", "[NAME]", "<br>", "`ls -la`", "```\nprint('hello world')\n```", "<|im_end|>",
        "🙂 https://example.org {name}", "</s>", "👩‍🚒", "...", "$HOME",
    ],
)  # fmt: skip
def test_prompts_without_words_are_rejected(text: str, read_file: Callable[..., Any]) -> None:
    assert not has_words(text)
    read = read_file([{"prompt": text}, {"prompt": SWIM}])
    assert read.prompt_counts == {"read": 2, "kept": 1, "rejected": {"no_words": 1}}


@pytest.mark.parametrize(
    "text",
    [
        "Hi", "hello {name}", "What is https://example.org?", "🙂 why", "Explain `ls -la` to me", "x?",
        "`How do I wash a car?`", "[HOW DO I WASH A CAR]", "```ls```\nWrite a guide.\n```pwd```", "2 + 2 is what?",
    ],
)  # fmt: skip
def test_prompts_with_words_are_kept(text: str) -> None:
    assert has_words(text)


def test_invisible_characters_alone_are_no_prompt(read_file: Callable[..., Any]) -> None:
    read = read_file([{"prompt": "\u200b\ufeff"}, {"prompt": SWIM}])
    assert read.prompt_counts["rejected"] == {"empty": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None), (None, None), ("", None), ("  ", None), ("nul \0", None), ("\ud800", None),
        (3, "3"), (True, "True"), ("cafe\u0301", "café"), (["b", 1], '["b",1]'), ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
    ],
)  # fmt: skip
def test_categories(value: Any, expected: str | None, read_file: Callable[..., Any]) -> None:
    assert name_of(value) == expected
    read = read_file([{"prompt": SWIM, "category": value}])
    assert read.column("prompts.parquet", "category") == [expected]


@pytest.mark.parametrize("value", [None, "", "two", 2, -1, float("nan"), "1.5", [], {}])
def test_what_is_no_index(value: Any) -> None:
    assert index_of(value) is None


def test_bytes_that_are_no_utf_8_in_an_unneeded_field_cost_nothing(
    read_file: Callable[..., Any],
) -> None:
    lines = b'{"prompt": "How do I swim?", "note": "\xff"}\n{"prompt": "b\xff", "note": ""}\n'
    read = read_file(lines)
    assert read.prompts == [SWIM]
    assert read.prompt_counts["rejected"] == {"not_unicode": 1}
