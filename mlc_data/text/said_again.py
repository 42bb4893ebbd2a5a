"""Share of a text that is said again: the whole of it, or some of its sentences."""

from __future__ import annotations

import re
from collections import Counter

_NO_LETTERS = re.compile(r"[\W_]+")
_SENTENCE_END = re.compile(r"[.!?。！？।۔؟፧።…;；\n]+")
_SHORTEST = 8
_SHORTEST_UNSPACED = 4
_MOST_COPIES = 4


def said_again_share(text: str, *, spaced: bool = True) -> float:
    """Return the share (0 to 1) of a text's letters that lie in what it says more than once.

    It is 1 if the text is two to four copies of the same, whatever punctuation or blanks lie between
    them. Sentences of fewer than eight letters (four in languages without blanks between words) may be
    repeated.
    """
    shortest = _SHORTEST if spaced else _SHORTEST_UNSPACED
    letters = _NO_LETTERS.sub("", text.casefold())
    if any(_is_copies(letters, copies, shortest) for copies in range(2, _MOST_COPIES + 1)):
        return 1.0
    parts = [_NO_LETTERS.sub("", part) for part in _SENTENCE_END.split(text.casefold())]
    counts = Counter(part for part in parts if len(part) >= shortest)
    again = sum(len(part) * count for part, count in counts.items() if count > 1)
    return again / len(letters) if again else 0.0


def _is_copies(letters: str, copies: int, shortest: int) -> bool:
    size, rest = divmod(len(letters), copies)
    return not rest and size >= shortest and letters == letters[:size] * copies
