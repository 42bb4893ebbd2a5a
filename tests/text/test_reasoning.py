"""Reasoning is told from the answer, however it is marked."""

from __future__ import annotations

import pytest

from mlc_data.text.reasoning import begins_reasoning, split_reasoning


@pytest.mark.parametrize(
    ("reply", "reasoning", "rest"),
    [
        ("No.", "", "No."),
        ("<think>Harmful.</think>No.", "Harmful.", "No."),
        ("<THINK>\nHarmful.\n</THINK>No.", "Harmful.", "No."),
        ("Harmful.</think>No.", "Harmful.", "No."),  # the template has begun it
        ("<think>Harmful, I", "Harmful, I", ""),  # cut
        ("<think>\n\n</think>No.", "", "No."),  # switched off
        ("<think>a</think>No.<think>b</think>", "a\nb", "No."),
        ("I think not.", "", "I think not."),
    ],
)
def test_reasoning_and_the_rest(reply: str, reasoning: str, rest: str) -> None:
    assert split_reasoning(reply) == (reasoning, rest)


@pytest.mark.parametrize(
    ("prompt", "begins"),
    [
        ("<|im_start|>assistant\n<think>\n", True),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", False),
        ("<|im_start|>assistant\n", False),
    ],
)
def test_a_template_that_begins_reasoning(prompt: str, begins: bool) -> None:
    assert begins_reasoning(prompt) is begins
