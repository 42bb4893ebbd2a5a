"""What a request is about: its object, in English."""

from __future__ import annotations

import re
from functools import lru_cache

from mlc_data.checks.english import FUNCTION_WORDS, WORDS, found, one_of_its_kind

_REQUEST = re.compile("|".join(f"(?:{one})" for one in WORDS["requests"]))
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_END = re.compile(
    r"[.?!,;:()\n]|\b(?:and|or|but|without|with|while|when|if|because|so|that|who|which|in|on|at|by|"
    r"for|from|to|into|of|before|after|during|until|using|than|as|about|through|over|near|under)\b"
)
_LONGEST = 4
"""Words of an object at most: the last ones are its head."""
_NO_OBJECT = frozenset(
    "not never no way ways best good better thing things something anything anyone someone more "
    "most first next again now today tomorrow yesterday quickly easily well up out off down away "
    "myself yourself himself herself themselves itself ourselves much many lot every all each "
    "other another any new always only even too without".split()
)


@lru_cache(maxsize=8192)
def object_of(text: str) -> tuple[str, ...]:
    """The content words of the object, at most four, its head last; () if there is no request or no
    object.

    It begins after the first content word (the verb) that follows the last of the phrases by which
    things are asked for ("how do I", "tell me", "a way to"), or that begins the sentence, and ends at
    a preposition, a conjunction or a mark. A verb followed by a preposition at once ("look for") has
    what comes after it.
    """
    requests = list(_REQUEST.finditer(text))
    begun = requests[-1].end() if requests else 0
    words = [match for match in _WORD.finditer(text, begun)]
    verb = next((one for one in words if one.group() not in FUNCTION_WORDS), None)
    if verb is None or (not requests and verb is not words[0]):
        return ()
    start = verb.end()
    while True:
        end = _END.search(text, start)
        stop = end.start() if end else len(text)
        inside = [
            word
            for word in _WORD.findall(text[start:stop])
            if word not in FUNCTION_WORDS and word not in _NO_OBJECT
        ]
        if inside or end is None or not end.group().isalpha():
            return tuple(inside[-_LONGEST:])
        start = end.end()


def object_returned(source: str, back: str) -> float:
    """Share (0 to 1) of the object of a request that the back-translation has; its head, the last word,
    counts twice. 1 if there is no object.

    Args:
        source: lower case, straight apostrophes.
        back: the same.
    """
    wanted = object_of(source)
    if not wanted:
        return 1.0
    there = {one_of_its_kind(word) for word in _WORD.findall(back)}
    flags = found([one_of_its_kind(word) for word in wanted], there)
    return (sum(flags) + flags[-1]) / (len(flags) + 1)
