"""Code between fences, prose, and wrapped lines."""

from __future__ import annotations

import pytest

from mlc_data.text.fences import code_lines, is_prose, prose_lines
from mlc_data.text.paragraphs import continues


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```\nx\n```\nHow?", {0, 1, 2}),
        ("```ls```\nHow do I swim?\n```pwd```", set()),
        ("```\n~~~\nx\n~~~\n```\nHow?", {0, 1, 2, 3, 4}),
        ("~~~\n```\nx\n~~~\nHow?", {0, 1, 2, 3}),
        ("````\n```\nx\n```\n````\nHow?", {0, 1, 2, 3, 4}),
        ("```\nx\n`````\nHow?", {0, 1, 2}),
        ("> ```\n> x\n> ```\n> How?", {0, 1, 2}),
        ("```python\nx = 1\nHow do I mend it?", {0, 1}),
        ("```\nPlease write a story for me.\nIt should be long.\n```", {0, 3}),
        ("```python\nPlease write a story for me.\n```", {0, 1, 2}),
    ],
)
def test_code_lines(text: str, code: set[int]) -> None:
    assert code_lines(text.split("\n")) == code


def test_prose_is_seen_however_fences_pair() -> None:
    text = (
        "```ls```\nWrite me a guide on plants.\n```pwd```\n```python\n# This is not one, no.\n```"
    )
    assert prose_lines(text) == ["Write me a guide on plants."]


@pytest.mark.parametrize(
    ("line", "prose"),
    [
        ("How do I water my plants?", True),
        ("x = f(a, b);", False),
        ("# a comment of the code.", False),
        ("return the value of x", False),
        ("two words.", False),
    ],
)
def test_prose(line: str, prose: bool) -> None:
    assert is_prose(line) == prose


@pytest.mark.parametrize(
    ("line", "following", "joined"),
    [
        ("Write me a step-by-step guide on", "how to water plants.", True),
        ("This is a long sentence that was wrapped at some fixed", "width by a program.", True),
        ("This is a long sentence that ends within its own line.", "then comes this.", False),
        ("roses are red", "violets are blue", False),
        ("Two roads diverged in a yellow wood,", "And sorry I could not travel both", False),
        ("for i in range(10):", "    print(i)", False),
        ("apples", "oranges", False),
    ],
)
def test_lines_that_were_wrapped(line: str, following: str, joined: bool) -> None:
    assert continues(line, following, len(line)) == joined
