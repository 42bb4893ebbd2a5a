"""Objects of English requests."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from mlc_data.checks.english.synonyms import verbs
from mlc_data.checks.english.words import FUNCTION_WORDS, WORDS, canonical_form, occur

_REQUEST = re.compile(rf"\b(?:{'|'.join(WORDS['requests'])})")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_PREPOSITION = (
    r"\b(?:with|in|on|at|by|for|from|to|into|of|before|after|during|until|using|as|about|through|"
    r"over|near|under|against)\b"
)
_CLAUSE = r"\b(?:but|while|when|if|because|so|that|who|which|than)\b"
_OTHER_CLAUSE = re.compile(_CLAUSE)
_END = re.compile(rf"{_PREPOSITION}|[.?!,;:()\n]|\b(?:and|or|without)\b|{_CLAUSE}")
_GOES_ON = re.compile(_PREPOSITION)
_LONGEST = 4
"""Greatest number of words of an object, taken from its end, where its head is."""
_NO_OBJECT = frozenset(WORDS["no_object"])
_NEGATIVE = re.compile(r"(?:.*n't|not|no|never|cannot|nothing|nobody|none)")


@lru_cache(maxsize=8192)
def object_of(text: str) -> tuple[str, ...]:
    """Return the content words of the object, at most four, its head last; () without request or object.

    The verb is the first content word after the last phrase of request ("how do I", "tell me", "a way
    to"), or the first word of the sentence if it is a verb in its base form. The object begins after it and ends at a preposition, a
    conjunction or a punctuation mark. If a preposition follows the verb at once ("look for"), the object
    begins after the preposition.
    """
    requests = list(_REQUEST.finditer(text))
    begun = requests[-1].end() if requests else 0
    following = list(_WORD.finditer(text, begun))
    verb = next((word for word in following if word.group() not in FUNCTION_WORDS), None)
    if verb is None or _OTHER_CLAUSE.search(text, begun, verb.start()):
        return ()
    if not requests and (verb is not following[0] or not _is_imperative(verb.group())):
        return ()
    start = verb.end()
    while True:
        end = _END.search(text, start)
        inside = [
            word
            for word in _WORD.findall(text[start : end.start() if end else len(text)])
            if not (word in FUNCTION_WORDS or word in _NO_OBJECT or _NEGATIVE.fullmatch(word))
        ]
        if inside or end is None or not _GOES_ON.fullmatch(end.group()):
            return tuple(inside[-_LONGEST:])
        start = end.end()


_ADDED = 2
"""Words added to both the returned and the counted ones (additive smoothing)."""


def _is_imperative(word: str) -> bool:
    """Return whether the first word of a sentence may be a request: "write", and not "hands"."""
    return word in verbs() and not _NEGATIVE.fullmatch(word)


def object_returned(source: str, back: str) -> float:
    """Return the share (0 to 1) of a request's object that the back-translation has.

    The object's head, its last word, counts twice. 1 if there is no object.

    Args:
        source: lower case, straight apostrophes.
        back: the same.
    """
    wanted = object_of(source)
    if not wanted:
        return 1.0
    returned = {canonical_form(word) for word in _WORD.findall(back)}
    flags = occur([canonical_form(word) for word in wanted], returned)
    return (sum(flags) + flags[-1]) / (len(flags) + 1)


def words_returned(source: str, back: str, without: Collection[str] = ()) -> float:
    """Return the share (0 to 1) of the source's content words that the back-translation has.

    `_ADDED` is added to both numbers, so that one of two words lost says less than five of ten.
    1 if there are none.

    Args:
        source: lower case, straight apostrophes.
        back: the same.
        without: words that do not count.
    """
    counted = [
        canonical_form(word)
        for word in _WORD.findall(source)
        if not (word in FUNCTION_WORDS or word in without or _NEGATIVE.fullmatch(word))
    ]
    if not counted:
        return 1.0
    returned = {canonical_form(word) for word in _WORD.findall(back)}
    return (sum(occur(counted, returned)) + _ADDED) / (len(counted) + _ADDED)
