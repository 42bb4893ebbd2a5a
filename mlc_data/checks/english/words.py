"""English words that say little, and words that are nearly the same."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

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
"""Left out where content words are compared."""

WORDS: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "english.json").read_text(encoding="utf-8")
)
"""Lists of words by name, see ``data/english.json``."""

_KINDS: dict[str, str] = {
    word: group.split()[0] for group in WORDS["same"] for word in group.split()
}
_SAME_STEM = 0.6
_SHORTEST_STEM = 3


def found(wanted: Sequence[str], there: Collection[str]) -> list[bool]:
    """For each word whether ``there`` has it, or one that is `akin` to it."""
    known = frozenset(there)
    flags = [word in known for word in wanted]
    if all(flags):
        return flags
    beginnings = defaultdict(list)
    for word in known:
        beginnings[word[:_SHORTEST_STEM]].append(word)
    return [
        flag or any(akin(word, one) for one in beginnings.get(word[:_SHORTEST_STEM], ()))
        for word, flag in zip(wanted, flags, strict=True)
    ]


def akin(one: str, other: str) -> bool:
    """Whether two words begin alike for most of their length: ``steal`` and ``stealing``."""
    if one[:_SHORTEST_STEM] != other[:_SHORTEST_STEM] or one.isdecimal() or other.isdecimal():
        return False
    longer = max(len(one), len(other))
    common = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if common is None:
        common = min(len(one), len(other))
    return common >= max(_SHORTEST_STEM, _SAME_STEM * longer)


def one_of_its_kind(word: str) -> str:
    """The word that stands for all of the same meaning: irregular forms and everyday synonyms."""
    return _KINDS.get(word, word)
