"""Mojibake: UTF-8 bytes that were read in another encoding, such as ``Ã©`` for ``é``."""

from __future__ import annotations

import re

_ENCODINGS = ("cp1252", "latin-1", "cp1250", "cp1251", "cp1254", "mac_roman", "cp437", "cp850")
_LEADS = {length: range(first, last) for length, first, last in ((2, 0xC2, 0xE0), (3, 0xE0, 0xF0), (4, 0xF0, 0xF5))}  # fmt: skip
_CONTINUATIONS = range(0x80, 0xC0)
_WRONG_READINGS = "锟斤拷|烫烫烫|屯屯屯|[縺繧繝]{1}.[縺繧繝]"
"""U+FFFD read as GBK, uninitialised memory, and Japanese in UTF-8 read as Shift-JIS."""


def _characters(encoding: str, values: range) -> dict[str, int]:
    """Return the characters that an encoding gives to bytes, where it has one."""
    read = {bytes([value]).decode(encoding, "ignore"): value for value in values}
    if encoding == "cp1252":
        # Browsers and most converters give the five unassigned bytes their control character.
        read |= {
            chr(value): value for value in values if not bytes([value]).decode(encoding, "ignore")
        }
    read.pop("", None)
    return read


def _pattern(encoding: str) -> str:
    """Return an expression for a character in UTF-8 that was read in an encoding."""
    follow = "[" + "".join(map(re.escape, _characters(encoding, _CONTINUATIONS))) + "]"
    return "|".join(
        f"[{''.join(map(re.escape, _characters(encoding, leads)))}]{follow}{{{length - 1}}}"
        for length, leads in _LEADS.items()
    )


_SINGLE = {encoding: re.compile(_pattern(encoding)) for encoding in _ENCODINGS}
_BYTES = {encoding: _characters(encoding, range(0x80, 0x100)) for encoding in _ENCODINGS}
_OTHERS = re.compile(_WRONG_READINGS)
_SURE_ALONE = frozenset({"cp1252", "latin-1"})
"""Encodings of which one character is enough; of letters in the others it takes three in a row."""
_IN_A_ROW = 3
_PUNCTUATION = range(0x2010, 0x2060)
_LATIN = range(0xA0, 0x180)


def mojibake(text: str, script: str = "Latn") -> int:
    """Return the number of characters of UTF-8 that were read in another encoding.

    A pair that may also be good writing (``É”`` in capitals) counts only if the character that it stands
    for is Latin, punctuation, or of the text's script.

    Args:
        script: ISO 15924 code of the script that the text should have.
    """
    if text.isascii():
        return 0
    return max(
        *(_count(text, encoding, script) for encoding in _ENCODINGS), len(_OTHERS.findall(text))
    )


def _count(text: str, encoding: str, script: str) -> int:
    found, row, end = 0, 0, -1
    for match in _SINGLE[encoding].finditer(text):
        character = _decoded(match.group(), encoding)
        if character is None:
            continue
        row = row + 1 if match.start() == end else 1
        end = match.end()
        strange = encoding in _SURE_ALONE or not match[0][0].isalpha()
        strange = strange or (encoding == "cp1251" and script != "Cyrl")
        if row >= _IN_A_ROW or (strange and _plausible(character, script)):
            found += 1
    return found


def _decoded(characters: str, encoding: str) -> str | None:
    table = _BYTES[encoding]
    try:
        return bytes(table[character] for character in characters).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _plausible(character: str, script: str) -> bool:
    """Return whether a text in a script may have the character."""
    code = ord(character)
    if code in _LATIN or code in _PUNCTUATION or character in "\ufeff\ufffd€™":
        return True
    if script == "Latn":
        return 0x1E00 <= code < 0x1F00
    return code >= 0x370
