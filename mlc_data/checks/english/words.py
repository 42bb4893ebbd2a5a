"""English function words, and words that count as the same."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlc_data.checks.english.synonyms import senses

# Words that a good round trip often changes. Negations, numbers and quantities are not among them.
FUNCTION_WORDS = frozenset(
    {
        "a", "about", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been",
        "being", "but", "by", "can", "could", "did", "do", "does", "done", "for", "from",
        "get", "got", "had", "has", "have", "having", "he", "her", "here", "him", "his",
        "how", "i", "i'd", "i'll", "i'm", "i've", "if", "in", "into", "is", "it", "it's",
        "its", "just", "let", "let's", "may", "me", "might", "mine", "must", "my", "of",
        "on", "one", "onto", "or", "our", "please", "really", "shall", "she", "should",
        "so", "some", "than", "that", "the", "their", "them", "then", "there", "these",
        "they", "this", "those", "to", "us", "very", "was", "we", "were", "what", "when",
        "where", "which", "while", "who", "whom", "whose", "why", "will", "with", "would",
        "you", "you're", "your", "yours",
    }
)  # fmt: skip
"""Words that comparisons of content words leave out."""

WORDS: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "english.json").read_text(encoding="utf-8")
)
"""Word lists by name, from ``english.json``."""

_CANONICAL: dict[str, str] = {
    word: group.split()[0] for group in WORDS["same"] for word in group.split()
}
_SAME_STEM = 0.6
_SHORTEST_STEM = 3


def occur(words: Sequence[str], text: Collection[str]) -> list[bool]:
    """Return for each word whether ``text`` has it, a word of the same stem, or a synonym."""
    known = frozenset(text)
    flags = [word in known for word in words]
    if all(flags):
        return flags
    beginnings = defaultdict(list)
    for word in known:
        beginnings[word[:_SHORTEST_STEM]].append(word)
    meanings = frozenset().union(*map(senses, known))
    return [
        flag
        or any(same_stem(word, other) for other in beginnings.get(word[:_SHORTEST_STEM], ()))
        or not senses(word).isdisjoint(meanings)
        for word, flag in zip(words, flags, strict=True)
    ]


def same_stem(word: str, other: str) -> bool:
    """Return whether two words agree in most of their first letters: ``steal`` and ``stealing``."""
    if word[:_SHORTEST_STEM] != other[:_SHORTEST_STEM] or word.isdecimal() or other.isdecimal():
        return False
    longer = max(len(word), len(other))
    common = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), None)
    if common is None:
        common = min(len(word), len(other))
    return common >= max(_SHORTEST_STEM, _SAME_STEM * longer)


def canonical_form(word: str) -> str:
    """Return the word that stands for its irregular forms and everyday synonyms."""
    return _CANONICAL.get(word, word)
