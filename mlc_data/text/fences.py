"""Code between fences, as CommonMark reads them, and lines that read like prose or like code."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlc_data.text.spans import without_spans_in

# A fence may stand in a list or a quotation. After back-ticks no other back-tick: ```ls``` is code in a line.
_OPENING = re.compile(
    r"^[\s>]*(?:[-*+]\s+|\d+[.)]\s+)?(?P<marks>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)$"
)
_PLAIN = re.compile(
    r"^\s*(?:text|txt|plain|plaintext|markdown|md|prompt|output|quote)?\s*$", re.IGNORECASE
)

_CODE_START = re.compile(
    r"^\s*(?:\$|>>>|#include|//|/\*|\*/|--\s|@\w+|(?:def|class|import|from\s+\S+\s+import|return|elif|else:|try:|except|"
    r"while\s*\(|for\s*\(|for\s+\w+\s+in\b|if\s*\(|if\b.*:\s*$|switch\s*\(|public|private|protected|static|void|int|float|"
    r"double|char|let|const|var|function|func|fn|package|using|namespace|print\(|console\.|echo|sudo|apt|apt-get|pip|npm|"
    r"yarn|git|docker|kubectl|cd|ls|mkdir|rm|cp|mv|cat|grep|curl|wget|chmod|export|set|SELECT|INSERT|UPDATE|DELETE|CREATE|"
    r"DROP|ALTER|FROM|WHERE)\b)"
)
_CODE_SYMBOL = re.compile(r"[={}\[\];\\|<>$&^~`]|\(\)|::|->|\w\(|__")
_COMMENT = re.compile(r"^\s*(?:#|//|/\*|\*\s|--|;|%|<!--|\"\"\"|''')")
_WORDS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ENDS = re.compile(r"[.?!。？！][\"'”’)\]*_]*\s*$")
_PROSE_WORDS = 4


def code_lines(lines: Sequence[str]) -> frozenset[int]:
    """Return which lines of a text are fences and the code between them.

    A block that nothing closes ends with the text; of it, lines that read like prose are no code. A block
    without a language, whose lines all read like prose, is a quotation: only its fences are no text.

    Args:
        lines: the lines in order; elements that are line breaks count as lines without text.
    """
    code = set[int]()
    number = 0
    while number < len(lines):
        opening = _OPENING.match(lines[number])
        if opening is None:
            number += 1
            continue
        last = _closing(lines, number + 1, opening["marks"])
        inner = [n for n in range(number + 1, last or len(lines)) if lines[n].strip()]
        if last is None:
            code |= {number, *(n for n in inner if not reads_like_text(lines[n]))}
        elif _PLAIN.match(opening["info"]) and inner and all(is_prose(lines[n]) for n in inner):
            code |= {number, last}
        else:
            code |= set(range(number, last + 1))
        number = (last if last is not None else len(lines)) + 1
    return frozenset(code)


def prose_lines(text: str) -> list[str]:
    """Return the lines of a text that read like sentences, but for those of code in a named language.

    Read without regard to how fences pair, so that a block that was taken for code by mistake is seen.
    """
    named, prose = False, list[str]()
    for line in text.splitlines():
        opening = _OPENING.match(line)
        if opening is not None:
            named = not named and not _PLAIN.match(opening["info"])
        elif not named and is_prose(line):
            prose.append(line.strip())
    return prose


def _closing(lines: Sequence[str], begun: int, marks: str) -> int | None:
    closing = re.compile(rf"^[\s>]*{re.escape(marks[0])}{{{len(marks)},}}\s*$")
    return next((n for n in range(begun, len(lines)) if closing.match(lines[n])), None)


def is_prose(line: str) -> bool:
    """Return whether a line is one or more sentences: four words or more, a full stop, no sign of code."""
    return _ENDS.search(line) is not None and _like_language(line) and not _COMMENT.match(line)


def reads_like_text(line: str) -> bool:
    """Return whether a line after an open fence reads like language: two words and no sign of code."""
    return _like_language(line, 2) and not _COMMENT.match(line)


def _like_language(line: str, least: int = _PROSE_WORDS) -> bool:
    bare = without_spans_in(line)
    if len(_WORDS.findall(bare)) < least:
        return False
    if len(_CODE_SYMBOL.findall(bare)) > 0:
        return False
    start = _CODE_START.match(line)
    return start is None or _ENDS.search(line) is not None
