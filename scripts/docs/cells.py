"""Text in the cells of generated tables."""

from __future__ import annotations

import re

_CODE = re.compile(r"(`[^`]*`)")


def cell(text: str) -> str:
    """Return a text as one line of Markdown: pipes and, outside of code, angle brackets are escaped."""
    line = " ".join(text.replace("``", "`").replace("|", "\\|").split())
    parts = _CODE.split(line)
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;").replace("*", "\\*")
        for part in parts
    )
