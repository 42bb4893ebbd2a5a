"""Sentences of a text, and the text again from its sentences.

NLLB translates sentence by sentence; given a paragraph it loses the later ones. So a text is split,
each sentence is translated alone, and the white space between them is put back exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import sentencex

from mlc_data.languages import get_language

# Languages written without a blank between sentences.
_NO_SENTENCE_SPACE = frozenset({"zho_Hans", "zho_Hant", "yue_Hant", "jpn_Jpan"})

_LINE = re.compile(r"[^\r\n]+|[\r\n]+")
_EDGES = re.compile(r"^(\s*)(.*?)(\s*)$", re.DOTALL)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+\.[\w.-]+")


@dataclass(frozen=True, slots=True)
class Segments:
    """A text as ``gaps[0] + sentences[0] + gaps[1] + ... + sentences[-1] + gaps[-1]``.

    ``gaps`` has one element more than ``sentences``; it holds white space, and whatever has nothing
    to translate in it (a list number on its own, a bare web address).
    """

    sentences: tuple[str, ...]
    gaps: tuple[str, ...]

    def join(self, translations: Sequence[str], language: str) -> str:
        """The text with each sentence replaced; white space stays, except where the language of
        ``translations`` (a FLORES-200 code) has none between sentences.

        Raises:
            ValueError: not one translation a sentence.
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


def split(text: str, language: str) -> Segments:
    """The sentences of ``text``, written in ``language`` (a FLORES-200 code).

    A line break always ends a sentence. ``split(text, x).join(split(text, x).sentences, "eng_Latn")
    == text`` for every text.
    """
    tag = get_language(language).bcp47.partition("-")[0]
    sentences: list[str] = []
    gaps = [""]
    for line in _LINE.findall(text):
        pieces = [line] if line[0] in "\r\n" else sentencex.segment(tag, line)
        for piece in pieces:
            match = _EDGES.match(piece)
            if match is None or not _has_words(piece):
                gaps[-1] += piece
                continue
            before, sentence, after = match.groups()
            gaps[-1] += before
            sentences.append(sentence)
            gaps.append(after)
    return Segments(tuple(sentences), tuple(gaps))


def _has_words(piece: str) -> bool:
    return any(character.isalpha() for character in _ADDRESS.sub("", piece))
