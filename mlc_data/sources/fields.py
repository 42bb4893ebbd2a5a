"""Fields of a row: texts, names and flags, as the many formats write them."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from typing import Any

from mlc_data.core.records import PromptReason
from mlc_data.sources.accounting import Unusable
from mlc_data.text.spans import spans

# Soft hyphens, zero-width blanks and joiners, marks of direction, control characters but for white space.
_INVISIBLE = re.compile(
    "[\u0001-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f"
    "\u17b4\u17b5\u202a-\u202e\u2060-\u2064\u2066-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
)
# Joiners shape letters of other scripts, and emoji; next to Latin letters and blanks they hide words.
_JOINERS = re.compile(
    "[\u200c\u200d]+(?=[\\sA-Za-z0-9]|$)|(?:(?<=[\\sA-Za-z0-9])|^)[\u200c\u200d]+", re.MULTILINE
)
# Invisible copies of ASCII, which belong to the emoji of flags alone.
_TAGS = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+")
# Variation selectors belong to a sign, a keycap or an ideograph, one each; beside other letters they carry texts.
_ANY_SELECTOR = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_SELECTORS = re.compile(
    rf"(?<=[^\w\s{_ANY_SELECTOR}])[\ufe00-\ufe0f]"
    rf"|(?<=[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[{_ANY_SELECTOR}]"
    "|(?<=[0-9])\ufe0f(?=\u20e3)|(?<=[\u1000-\u109f\u1820-\u18af\ua840-\ua877])\ufe00"
    f"|(?P<hidden>[{_ANY_SELECTOR}]+)"
)

_FENCED = re.compile(r"(```|~~~).*?\1", re.DOTALL)
_CONTROL = re.compile(r"<[|｜][^<>\s]{1,60}[|｜]>|</?s>|\[/?INST\]")
_PROSE = 3
"""Words between blanks from which on what stands in brackets or backticks is taken for prose."""

_LABELS = {"desirable": 1, "undesirable": 0, "good": 1, "bad": 0, "chosen": 1, "rejected": 0,
           "positive": 1, "negative": 0}  # fmt: skip
_FLAGS = {"true": 1, "false": 0, "yes": 1, "no": 0}


def is_absent(value: Any) -> bool:
    """Return whether a field holds nothing: null, or NaN as tables of numbers write it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def text_of(value: Any, name: str) -> str | None:
    """Return a field's text in NFC; None where there is none.

    Raises:
        Unusable: it is not text, or cannot be encoded.
    """
    if is_absent(value):
        return None
    if not isinstance(value, str):
        raise Unusable(
            PromptReason.NOT_A_STRING, f"{name!r} is not text but {type(value).__name__}"
        )
    if "\0" in value:
        raise Unusable(PromptReason.NUL_BYTES, f"{name!r} holds a NUL at {value.index(chr(0))}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Unusable(PromptReason.NOT_UNICODE, f"{name!r} holds a lone surrogate or broken UTF-8")
    return unicodedata.normalize("NFC", value)


def visible(text: str) -> str:
    """Return a text without characters that nobody sees: they hide duplicates, and split words."""
    text = _SELECTORS.sub(lambda found: "" if found["hidden"] else found[0], text)
    return _JOINERS.sub("", _TAGS.sub("", _INVISIBLE.sub("", text)))


def has_words(text: str) -> bool:
    """Return whether there is anything to translate besides emoji, addresses, placeholders and code."""
    rest = _CONTROL.sub(" ", _FENCED.sub(" ", text))
    for span in spans(rest):
        if len(span.split()) < _PROSE:
            rest = rest.replace(span, " ")
    return any(character.isalpha() for character in rest)


def name_of(value: Any) -> str | None:
    """Return a category or an id as text; None for none, or for one that cannot be written."""
    if is_absent(value):
        return None
    if not isinstance(value, str):
        nested = isinstance(value, dict | list)
        value = (
            json.dumps(
                value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str
            )
            if nested
            else str(value)
        )
    if "\0" in value or not value.strip() or any("\ud800" <= one <= "\udfff" for one in value):
        return None
    return unicodedata.normalize("NFC", value)


def index_of(value: Any) -> int | None:
    """Return 0 or 1 where a field says it as a number, a flag or a word; None otherwise."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _FLAGS:
            return _FLAGS[word]
        try:
            value = float(word)
        except ValueError:
            return None
    try:
        return int(value) if value in (0, 1) else None
    except (TypeError, ValueError):
        return None


def label_of(value: Any) -> int | None:
    """Return 1 for a good completion and 0 for a bad one, however a field says it; None if it does not."""
    if isinstance(value, str) and (known := _LABELS.get(value.strip().lower())) is not None:
        return known
    # -1 and 1 are the two labels of some collections.
    return 0 if value in (-1, "-1") else index_of(value)
