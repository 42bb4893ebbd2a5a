"""Parts of a text that a translation leaves as they are: addresses, placeholders, names, numbers."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache, lru_cache

_SPAN = re.compile(
    r"""
    (?: https?:// | www\. ) [!-~]* [\w/=&\#~-]         # web address: ASCII, no closing punctuation
  | [\w.+-]+ @ [\w-]+ (?: \. [\w-]+ )+                  # e-mail address
  | \{\{ [^{}]{0,80} \}\} | \$?\{ [\w.\-\ :]{0,80} \}   # {{x}}, {name}, ${name}
  | %\( \w+ \) [sdifr] | (?<![\d%])% [sdif] \b          # %(name)s, %s
  | </? [A-Za-z] [^<>]{0,200} >                         # <b>, </b>, <NAME>
  | \[ [A-Z] [A-Z0-9_\ -]{0,40} \]                      # [NAME]
  | (?<![\w.@-]) (?: [a-z0-9-]+ \. )+ (?: com | org | net | edu | gov | info | io ) \b [\w/?=&\#~-]*
    """,
    re.VERBOSE | re.ASCII,
)
# What any span has; most texts have none of it and are not searched further.
_HINT = re.compile(r"[@{<\[%]|://|www\.|\.[a-z]")

_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n•–—-])[\s\"'“‘«(\[]*$")
_MOSTLY = 0.5

# A Latin word, or any other single letter: the units of scripts without blanks.
_UNSPACED_WORD = re.compile(r"[a-z\u00c0-\u024f]+(?:['’][a-z]+)?|[^\W\d_]")


def spans(text: str) -> list[str]:
    """Web and e-mail addresses and placeholders, in order, with repetitions."""
    return _SPAN.findall(text) if _HINT.search(text) else []


def without_spans(text: str) -> str:
    """The text with a blank in place of each of its `spans`."""
    return _SPAN.sub(" ", text) if _HINT.search(text) else text


@lru_cache(maxsize=4096)
def names(source: str) -> frozenset[str]:
    """Words of a prompt that look like names (`NATO`, `iPhone`, `Berlin` within a sentence).

    Case folded. None where most words are capitalised, as in headlines: case says nothing there.
    """
    text = without_spans(source)
    found = [match for match in _WORD.finditer(text) if _is_name(match.group(), text, match)]
    if len(found) > _MOSTLY * len(_WORD.findall(text)):
        return frozenset()
    return frozenset(match.group().casefold() for match in found)


def _is_name(word: str, text: str, match: re.Match[str]) -> bool:
    if any(character.isupper() for character in word[1:]):
        return True
    if not word[0].isupper() or word == "I" or word.startswith(("I'", "I’")):
        return False
    return not _SENTENCE_START.search(text[max(0, match.start() - 8) : match.start()])


def words(text: str, *, spaced: bool = True) -> list[str]:
    """The words of a text, case folded, without punctuation.

    Where words are not separated by blanks (``spaced=False``), every letter that is not Latin counts
    as a word.
    """
    if not spaced:
        return _UNSPACED_WORD.findall(text.casefold())
    stripped = (word.strip(_INNER) for word in text.casefold().translate(_punctuation()).split())
    return [word for word in stripped if word]


# Within a word these belong to it: apostrophes, hyphens, zero-width joiner and non-joiner.
_INNER = "'’-\u200c\u200d"


@cache
def _punctuation() -> dict[int, str]:
    """Punctuation, symbols and invisible marks of the basic plane, each to a blank."""
    return {
        code: "" if unicodedata.category(chr(code)) == "Cf" else " "
        for code in range(0x10000)
        if (unicodedata.category(chr(code))[0] in "PSZ" or unicodedata.category(chr(code)) == "Cf")
        and chr(code) not in _INNER
    }


@cache
def _digits() -> dict[int, str]:
    digits = (code for code in range(sys.maxunicode + 1) if chr(code).isdecimal())
    return {code: str(unicodedata.decimal(chr(code))) for code in digits}


def ascii_digits(text: str) -> str:
    """The text with the decimal digits of every script as 0 to 9."""
    return text if text.isascii() else text.translate(_digits())
