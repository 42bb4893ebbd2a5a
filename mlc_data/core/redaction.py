"""Removal of what must not be published or logged: folders of this machine, and secrets."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote, quote_plus

_WINDOWS = re.compile(r"^[A-Za-z]:[\\/]")
_NAMES = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|KEY|AUTH_STRING|CREDENTIALS?)$", re.IGNORECASE
)
_SHORTEST = 8
_HIDDEN = "***"
_USER = re.compile(r"(?<=//)[^/\s@\"'<>]+@(?=[\w\[])")
_QUERY = re.compile(
    r"(?i)([?&](?:access_|api_|auth_?)?(?:token|key|secret|password|sig|signature)=)[^&\s\"'<>]+"
)
_known = frozenset[str]()


def is_local(text: str) -> bool:
    """Return whether a text is an absolute path, or one that begins at a user's home."""
    return bool(text.startswith(("/", "~", "file:")) or _WINDOWS.match(text)) and "\n" not in text


def without_folders(value: Any) -> Any:
    """Return a JSON-able value with every absolute path cut to its last part.

    Relative paths, ``package://`` locations and Hub ids stay as they are.
    """
    if isinstance(value, str):
        if not is_local(value):
            return value
        path = PureWindowsPath(value) if _WINDOWS.match(value) else PurePosixPath(value)
        return path.name or value
    if isinstance(value, Mapping):
        return {key: without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(inner) for inner in value]
    return value


def shortened(text: str, limit: int = 200) -> str:
    """Return the first ``limit`` characters of a text, printable and on one line."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def without_secrets(text: str) -> str:
    """Return a text without the secrets of this process, whichever library wrote them into it.

    Secrets are the texts of every `Secret`, and the values of environment variables that are named as secrets are
    (``HF_TOKEN``, ``OPENAI_API_KEY``, ``POSTGRES_PASSWORD``), as they are and as addresses, JSON and HTML write them.
    """
    pattern = _forms(_known | _of_environment())
    return pattern.sub(_HIDDEN, text) if pattern else text


def reread_environment() -> None:
    """Read the environment again, which is read once: it is slow, and this passes every cell of a table."""
    _of_environment.cache_clear()


@cache
def _of_environment() -> frozenset[str]:
    values = (value.strip() for name, value in os.environ.items() if _NAMES.search(name))
    return frozenset(value for value in values if len(value) >= _SHORTEST)


def without_credentials(text: str) -> str:
    """Return a text without the names and passwords of addresses: ``https://me:secret@host``, ``?token=secret``."""
    return _QUERY.sub(rf"\1{_HIDDEN}", _USER.sub(f"{_HIDDEN}@", text))


@lru_cache(maxsize=16)
def _forms(secrets: frozenset[str]) -> re.Pattern[str] | None:
    forms = {
        form
        for secret in secrets
        for form in (
            secret, quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret),
            json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1],
        )
    }  # fmt: skip
    longest_first = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if forms else None


class Secret:
    """A text that appears in no ``repr``, so in no log line and no traceback with variables."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        if text:
            global _known
            _known |= {text}

    def __repr__(self) -> str:
        return _HIDDEN

    def removed_from(self, text: str) -> str:
        """Return ``text`` without the secret: a server may send back what it received."""
        pattern = _forms(frozenset({self._text})) if self._text else None
        return pattern.sub(_HIDDEN, text) if pattern else text

    def header(self) -> dict[str, str]:
        """Return the request header that carries the secret; empty if the secret is."""
        return {"Authorization": f"Bearer {self._text}"} if self._text else {}
