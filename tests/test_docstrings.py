"""Docstrings, also those of attributes, begin with a noun or a verb: "Return ...", "License of ..."."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = frozenset({
    "and", "as", "at", "because", "but", "by", "for", "from", "how", "if", "in", "of", "on", "or", "said", "so",
    "that", "to", "told", "what", "when", "where", "whether", "which", "while", "who", "whom", "whose", "why",
    "with", "without",
})  # fmt: skip


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string that stands alone, as docstrings of all kinds do."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.lineno, node.value.value


def first_word(text: str) -> str:
    """Return the first word in lower case; empty if the text begins with code or a number."""
    word = re.match(r"\s*[(\"']*([A-Za-z]+)", text)
    return word.group(1).lower() if word else ""


@pytest.mark.parametrize(
    "text", ["What a run writes.", '"Of" the recipe.', "\n    How it is done."]
)
def test_a_question_word_is_found(text: str) -> None:
    assert first_word(text) in FORBIDDEN


@pytest.mark.parametrize(
    "text", ["``value [low, high]``.", "License of the weights.", "512 tokens."]
)
def test_nouns_code_and_numbers_are_allowed(text: str) -> None:
    assert first_word(text) not in FORBIDDEN


@pytest.mark.parametrize("package", ["mlc_data", "flows"])
def test_docstrings_begin_with_a_noun_or_a_verb(package: str) -> None:
    violations = [
        f"{path.relative_to(ROOT)}:{line}: {text.strip().splitlines()[0]}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in docstrings(ast.parse(path.read_text(encoding="utf-8")))
        if text.strip() and first_word(text) in FORBIDDEN
    ]
    assert not violations, "\n".join(violations)
