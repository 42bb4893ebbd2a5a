"""Sentences of a text, and the text reassembled from them.

NLLB translates sentence by sentence; given a paragraph it loses the later ones. So a text is split,
each sentence is translated alone, and the white space between them is put back exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import sentencex

from mlc_data.languages.flores import get_language

# Languages written without a blank between sentences.
_NO_SENTENCE_SPACE = frozenset({"zho_Hans", "zho_Hant", "yue_Hant", "jpn_Jpan"})

_LINE = re.compile(r"[^\r\n]+|[\r\n]+")
_EDGES = re.compile(r"^(\s*)(.*?)(\s*)$", re.DOTALL)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+\.[\w.-]+")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_BULLET = re.compile(r"^\s*(?:[-*+•–—>]+|#{1,6}|\(?(?:\d{1,3}[.)]|[A-Za-z]\)))\s+")
# A comma, semicolon, colon or dash that ends a clause, with the blank after it.
_CLAUSE_END = re.compile(r"(?<=[,;:])\s+|\s+(?=[–—-]\s)")
_SHORTEST_CLAUSE = 3  # words
_LONGEST_PIECE = 400  # characters; some 100 tokens


@dataclass(frozen=True, slots=True)
class Segments:
    """A text as ``gaps[0] + sentences[0] + gaps[1] + ... + sentences[-1] + gaps[-1]``.

    ``gaps`` has one element more than ``sentences``; it holds white space, and parts without
    anything to translate (a list number on its own, a bare web address).
    """

    sentences: tuple[str, ...]
    gaps: tuple[str, ...]

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

    A line break always ends a sentence. Code between fences, bullets and list numbers, and what has
    no words stay as they are. ``split(text, x).join(split(text, x).sentences, "eng_Latn") == text``
    for every text.

    Args:
        text: any text.
        language: of the text.
        finer: split sentences at their clauses too, and at blanks where a piece is still long.
    """
    tag = get_language(language).bcp47.partition("-")[0]
    sentences: list[str] = []
    gaps = [""]
    lines = _LINE.findall(text)
    code = _fenced(lines)
    for number, line in enumerate(lines):
        if number in code or line[0] in "\r\n":
            gaps[-1] += line
            continue
        bullet = _BULLET.match(line)
        begun = bullet.end() if bullet else 0
        gaps[-1] += line[:begun]
        for sentence in sentencex.segment(tag, line[begun:]):
            for piece in _pieces(sentence) if finer else (sentence,):
                match = _EDGES.match(piece)
                if match is None or not _has_words(piece):
                    gaps[-1] += piece
                    continue
                before, words, after = match.groups()
                gaps[-1] += before
                sentences.append(words)
                gaps.append(after)
    return Segments(tuple(sentences), tuple(gaps))


def _fenced(lines: Sequence[str]) -> frozenset[int]:
    """Return the numbers of lines between two code fences, and of the fences; an unclosed fence is ignored."""
    fences = [number for number, line in enumerate(lines) if _FENCE.match(line)]
    pairs = zip(fences[::2], fences[1::2], strict=False)
    return frozenset(number for first, last in pairs for number in range(first, last + 1))


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
    """Return a long piece, cut at the blank nearest to its middle, as often as needed and possible."""
    if len(piece) <= _LONGEST_PIECE:
        return [piece]
    middle = len(piece) // 2
    blanks = [match.end() for match in re.finditer(r"\s+", piece[:-1])]
    cut = min((place for place in blanks if place < len(piece)), default=0,
              key=lambda place: abs(place - middle))  # fmt: skip
    return [*_halves(piece[:cut]), *_halves(piece[cut:])] if cut else [piece]


def _has_words(piece: str) -> bool:
    return any(character.isalpha() for character in _ADDRESS.sub("", piece))
