"""Values of users in messages: on one line, printable, of bounded length.

Every text that a person sees (errors, log lines, tables of the terminal) passes `printable` on its way out, in
`core.console`, and leaves the secrets of this process behind. A value that is put into a message passes `shown` where the message is made, for it may have any size.
"""

from __future__ import annotations

import json
import re
import reprlib
from typing import Any

from mlc_data.core.redaction import reread_environment, without_credentials, without_secrets

VALUE = 120
"""Characters of a value in a message."""
LINE, LINES = 2_000, 60
"""Characters of a line, and lines, of a message as a whole."""

# C0 and C1 but for tab and line feed, marks that turn the direction of what follows, halves of surrogate pairs, and
# marks that belong to no text.
_ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\ufeff\ufff9-\ufffb]"
)


class _Bounded(reprlib.Repr):
    """Representation of bounded length, also of numbers of thousands of digits, which Python refuses to write out."""

    def repr_int(self, number: int, level: int) -> str:
        if number.bit_length() > 10 * VALUE:
            return f"a number of {number.bit_length()} bits"
        return super().repr_int(number, level)


_repr = _Bounded()
_repr.maxstring = _repr.maxother = _repr.maxlong = VALUE
_repr.maxlevel, _repr.maxlist, _repr.maxdict, _repr.maxtuple, _repr.maxset = 3, 6, 6, 6, 6


def printable(text: str) -> str:
    r"""Return a text without secrets, and with characters that a terminal obeys, or cannot show, as ``\x1b``."""
    return _ACTIVE.sub(lambda found: _escaped(found[0]), without_secrets(text))


def shown(value: Any, limit: int = VALUE) -> str:
    """Return a value as Python writes it, printable and shortened in its middle to ``limit`` characters."""
    return shortened_middle(printable(_repr.repr(value)), limit)


def shortened_middle(text: str, limit: int) -> str:
    """Return a text of at most ``limit`` characters (>= 5): its beginning and its end."""
    if len(text) <= limit:
        return text
    end = (limit - 3) // 3
    return f"{text[: limit - 3 - end]}...{text[-end:]}"


def bounded(message: str) -> str:
    """Return a message for a terminal: printable, `LINES` lines of `LINE` characters at most."""
    reread_environment()
    lines = without_credentials(without_secrets(message)).split("\n")
    left_out = len(lines) - LINES
    if left_out > 0:
        lines = [*lines[: LINES - 1], f"  ... and {left_out + 1} lines more"]
    return "\n".join(shortened_middle(printable(line), LINE) for line in lines)


def json_text(value: Any, **options: Any) -> str:
    """Return JSON in which no character stands that a terminal obeys; it reads back as the same value."""
    text = json.dumps(value, ensure_ascii=False, **options)
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
