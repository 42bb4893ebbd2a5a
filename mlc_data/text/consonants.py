"""Consonants of words in any script, as rough Latin letters.

Names, numbers and loanwords keep their consonants across languages and scripts: in ``Trump``, ``Трамп``, ``ट्रम्प`` and
``トランプ`` they sound alike. The letters' names in Unicode say how, so no table by language is needed. Chinese
characters have no such names and are left out.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_NAME = re.compile(
    r"(?:LETTER|SYLLABLE|CHARACTER|LIGATURE) (?:(?:SMALL|FINAL|DOTLESS|SHORT|LONG) )*([A-Z]+)"
)
_SYLLABLES = ("HANGUL", "ETHIOPIC", "HIRAGANA", "KATAKANA")
_NO_CONSONANT = re.compile(r"VOWEL|CHARACTER (?:SARA|MAI|THANTHAKHAT|NIKHAHIT)")
_SPELLED = re.compile("E[LMNRSF]")
"""Names of Cyrillic letters that begin with a vowel but stand for a consonant: EL, EM, ER."""
_VOWELS = re.compile(r"[aeiouyh'’]")
_DOUBLED = re.compile(r"(.)\1+")
_ALIKE = str.maketrans({"q": "k", "c": "k", "z": "s", "w": "v", "f": "p", "x": "ks"})


@lru_cache(maxsize=65536)
def consonants(word: str) -> str:
    """Return the consonants and digits of a word: no vowels, no h, no doubled letters; sounds that languages
    often exchange (c, k and q; s and z; v and w; f and p) are one letter."""
    letters = "".join(map(_sound, unicodedata.normalize("NFKC", word).casefold()))
    return _DOUBLED.sub(r"\1", _VOWELS.sub("", letters).translate(_ALIKE))


@lru_cache(maxsize=8192)
def _sound(character: str) -> str:
    """Return the Latin letters that a character sounds like; none for other scripts' vowels and for marks."""
    if character.isascii() or character.isdecimal():
        return character if character.isascii() else str(unicodedata.decimal(character))
    name = unicodedata.name(character, "")
    if "ANUSVARA" in name:
        return "n"
    match = _NAME.search(name)
    if match is None or _NO_CONSONANT.search(name):
        return ""
    whole = name.startswith(_SYLLABLES) or (
        name.startswith("CYRILLIC") and _SPELLED.fullmatch(match[1])
    )
    return (match[1] if whole else re.split("[AEIOU]", match[1])[0]).lower()
