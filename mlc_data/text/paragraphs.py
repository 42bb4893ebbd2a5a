"""Lines that belong together: a sentence that was wrapped at a fixed width."""

from __future__ import annotations

import re

_SHORTEST = 40  # characters of a line from which on it may have been wrapped
_SHORTEST_CUT = 20  # the same of a line that ends in a word that nothing can end with
_ENDS = re.compile(r"[.!?:;…。！？：；|>*#=_~\"”)\]}-]$|,\s*$")
_COMMA = re.compile(r",$")
_UNFINISHED = re.compile(
    r"(?:^|\s)(?:a|an|the|of|to|in|on|at|by|for|with|from|into|onto|about|and|or|but|nor|than|that|which|who|whose|as|if|"
    r"when|while|because|is|are|was|were|be|been|being|am|do|does|did|have|has|had|can|could|will|would|shall|should|may|"
    r"might|must|not|my|your|his|her|its|our|their|this|these|those|some|any|every|each|no|very|more|most|i|you|he|she|"
    r"we|they|it|how|what|where|why|me|us|them|please)$",
    re.IGNORECASE,
)
_BEGINS_LOWER = re.compile(r"[a-z(“\"'‘]?[a-z]")
_BEGINS_WORD = re.compile(r"[A-Za-z(“\"'‘]")
_FIRST_WORD = re.compile(r"\S+")
_CODE = re.compile(r"[={};\\|<>`]|\w\(|^\s{2,}|\t")


def continues(line: str, following: str, width: int) -> bool:
    """Return whether a line goes on in the next one, in the middle of a sentence.

    Poems, lists, headings and code are not joined: their lines are short, begin with a capital or a mark,
    or would have had room for the next word.

    Args:
        line: a line without its break.
        following: the next line.
        width: characters of the longest line of the paragraph.
    """
    text = line.rstrip()
    if not text or _CODE.search(line) or _CODE.search(following):
        return False
    cut = _UNFINISHED.search(text) is not None and len(text) >= _SHORTEST_CUT
    if cut:
        return _BEGINS_WORD.match(following) is not None
    if len(text) < _SHORTEST or not _BEGINS_LOWER.match(following):
        return False
    if _ENDS.search(text) and not _COMMA.search(text):
        return False
    first = _FIRST_WORD.match(following)
    return first is not None and len(text) + 1 + len(first[0]) > width
