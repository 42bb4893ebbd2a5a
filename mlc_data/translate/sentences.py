"""Sentences of a text, and the text reassembled from them.

NLLB translates sentence by sentence; given a paragraph it loses the later ones. So a text is split,
each sentence is translated alone, and the white space between them is put back exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlc_data.languages.flores import get_language
from mlc_data.text.fences import code_lines
from mlc_data.text.paragraphs import continues
from mlc_data.text.span_patterns import MARKUP_KINDS, find
from mlc_data.text.spans import only_spans

# Languages written without a blank between sentences.
_NO_SENTENCE_SPACE = frozenset({"zho_Hans", "zho_Hant", "yue_Hant", "jpn_Jpan"})

_LINE = re.compile(r"[^\r\n]+|[\r\n]+")
_BULLET = re.compile(r"^\s*(?:[-*+•–—>]+|#{1,6}|\(?(?:\d{1,3}[.)]|[A-Za-z]\)))\s+")
_BREAK = re.compile(r"\s*[\r\n]+\s*")
# Emphasis of Markdown at the ends of a sentence; not names such as __init__, which are spans.
_EMPHASIS = re.compile(r"(?:\*{1,3}|_{1,2}|~~)(?=[^*_~])")
_EMPHASIS_END = re.compile(r"(?<=[^\s*_~])(?:\*{1,3}|_{1,2}|~~)$")
# A comma, semicolon, colon or dash that ends a clause, with the blank after it.
_CLAUSE_END = re.compile(r"(?<=[,;:])\s+|\s+(?=[–—-]\s)")
_SHORTEST_CLAUSE = 3  # words
_LONGEST_PIECE = 400  # characters; some 100 tokens


@dataclass(frozen=True, slots=True)
class Segments:
    """A text as ``gaps[0] + sentences[0] + gaps[1] + ... + sentences[-1] + gaps[-1]``.

    ``gaps`` has one element more than ``sentences``; it holds white space, and parts without
    anything to translate (a list number on its own, a bare web address, code, tags around a sentence).
    """

    sentences: tuple[str, ...]
    gaps: tuple[str, ...]

    @property
    def plain(self) -> tuple[str, ...]:
        """The sentences on one line each, as engines are given them."""
        return tuple(_BREAK.sub(" ", sentence) for sentence in self.sentences)

    def join(self, translations: Sequence[str], language: str) -> str:
        """Return the text with each sentence replaced; white space stays, except where the language of
        ``translations`` (a FLORES-200 code) has none between sentences.

        Raises:
            ValueError: there is not one translation per sentence.
        """
        if len(translations) != len(self.sentences):
            raise ValueError(f"{len(translations)} translations of {len(self.sentences)} sentences")
        gaps = list(self.gaps)
        if language in _NO_SENTENCE_SPACE:
            gaps[1:-1] = ["" if set(gap) == {" "} else gap for gap in gaps[1:-1]]
        parts = [gaps[0]]
        for translation, gap in zip(translations, gaps[1:], strict=True):
            parts += [translation, gap]
        return "".join(parts)


def split(text: str, language: str, *, finer: bool = False) -> Segments:
    """Split ``text`` into sentences, written in ``language`` (a FLORES-200 code).

    A line break ends a sentence, except where the sentence was wrapped at a fixed width. What `spans`
    finds on its own in a line, code between fences, bullets and list numbers, and the marks, tags and
    emoji around a sentence stay as they are.
    ``split(text, x).join(split(text, x).sentences, "eng_Latn") == text`` for every text.

    Args:
        text: any text.
        language: of the text.
        finer: split sentences at their clauses too, and at blanks where a piece is still long.
    """
    from sentencex import segment

    tag = get_language(language).bcp47.partition("-")[0]
    sentences: list[str] = []
    gaps = [""]
    lines = _LINE.findall(text)
    for is_text, block in _blocks(lines):
        bullet = _BULLET.match(block) if is_text else None
        begun = bullet.end() if bullet else 0
        gaps[-1] += block[:begun] if is_text else block
        for sentence in segment(tag, block[begun:]) if is_text else ():
            for piece in _pieces(sentence) if finer else (sentence,):
                before, words, after = _framed(piece)
                gaps[-1] += before
                if words:
                    sentences.append(words)
                    gaps.append(after)
    return Segments(tuple(sentences), tuple(gaps))


def _blocks(lines: Sequence[str]) -> list[tuple[bool, str]]:
    """Return lines and line breaks, lines of one wrapped sentence as one, and which are text."""
    code = code_lines(lines)
    text = [line[0] not in "\r\n" and n not in code and not only_spans(line)
            for n, line in enumerate(lines)]  # fmt: skip
    blocks: list[tuple[bool, str]] = []
    number = 0
    while number < len(lines):
        block = lines[number]
        while text[number] and _goes_on(lines, text, number):
            block += lines[number + 1] + lines[number + 2]
            number += 2
        blocks.append((text[number], block))
        number += 1
    return blocks


def _goes_on(lines: Sequence[str], text: Sequence[bool], number: int) -> bool:
    if number + 2 >= len(lines) or not text[number + 2] or lines[number + 1] not in ("\n", "\r\n"):
        return False
    if _BULLET.match(lines[number + 2]):
        return False
    return continues(lines[number], lines[number + 2], _width(lines, number))


def _width(lines: Sequence[str], number: int) -> int:
    """Return the length of the longest line of the paragraph, its last line apart."""
    longest, place = len(lines[number].rstrip()), number
    while place + 2 < len(lines) and lines[place + 1] in ("\n", "\r\n"):
        longest = max(longest, len(lines[place].rstrip()))
        place += 2
    return longest


def _framed(piece: str) -> tuple[str, str, str]:
    """Return what stands before a sentence, the sentence, and what stands after it.

    The sentence is empty where there is nothing to translate. Around it stand white space, tags, control
    tokens, emoji and marks of emphasis that do not begin or end within it.
    """
    if only_spans(piece):
        return piece, "", ""
    begun, ended = 0, len(piece)
    frames = [span for span in find(piece) if span[2] in MARKUP_KINDS]
    changed = True
    while changed:
        begun, ended, changed = *(edges := _trimmed(piece, begun, ended)), False
        for start, end, _ in frames:
            if start == edges[0] and end <= ended:
                begun, changed = end, True
            elif end == edges[1] and start >= begun:
                ended, changed = start, True
            if changed:
                break
    return piece[:begun], piece[begun:ended], piece[ended:]


def _trimmed(piece: str, begun: int, ended: int) -> tuple[int, int]:
    """Return the places without white space and marks of emphasis at both ends."""
    while True:
        words = piece[begun:ended]
        stripped = len(words) - len(words.lstrip())
        inner = words.strip()
        mark = _EMPHASIS.match(inner)
        opens = (
            mark is not None
            and (rest := inner[mark.end() :])
            and (mark[0] not in rest or (rest.endswith(mark[0]) and rest.count(mark[0]) == 1))
        )
        begun, ended = begun + stripped, begun + stripped + len(inner)
        if mark is not None and opens:
            begun += mark.end()
            continue
        mark = _EMPHASIS_END.search(inner)
        if mark is not None and inner.count(mark[0]) == 1 and mark.start():
            ended -= len(mark[0])
            continue
        return begun, ended


def _pieces(sentence: str) -> list[str]:
    """Return the clauses of a sentence, which together are the sentence; short ones stay with their neighbour."""
    pieces, begun = [], 0
    for match in _CLAUSE_END.finditer(sentence):
        clause, rest = sentence[begun : match.end()], sentence[match.end() :]
        if min(len(clause.split()), len(rest.split())) >= _SHORTEST_CLAUSE:
            pieces.append(clause)
            begun = match.end()
    pieces.append(sentence[begun:])
    return [part for piece in pieces for part in _halves(piece)]


def _halves(piece: str) -> list[str]:
    """Return a long piece, cut after the blanks nearest to its middle, as often as needed and possible.

    Both parts have words, so that there are at most as many parts as words.
    """
    if len(piece) <= _LONGEST_PIECE:
        return [piece]
    middle = len(piece) // 2
    cuts = [match.end() for match in re.finditer(r"(?<=\S)\s+(?=\S)", piece)]
    if not cuts:
        return [piece]
    cut = min(cuts, key=lambda place: abs(place - middle))
    return [*_halves(piece[:cut]), *_halves(piece[cut:])]
