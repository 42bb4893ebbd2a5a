"""Digits of all scripts as 0 to 9."""

from __future__ import annotations

import re
import unicodedata

_CIRCLED = (range(0x2460, 0x2500), range(0x2776, 0x2794))
_DIGITS = {
    code: str(value)
    for code in range(0x80, 0x1FC00)
    if (value := unicodedata.digit(chr(code), None)) is not None
    and not any(code in circled for circled in _CIRCLED)
}
_ANY = re.compile(f"[{''.join(map(chr, _DIGITS))}]")


def ascii_digits(text: str) -> str:
    """Return a text with the digits of every script, small ones too, as 0 to 9; its length stays."""
    return text.translate(_DIGITS) if not text.isascii() and _ANY.search(text) else text
