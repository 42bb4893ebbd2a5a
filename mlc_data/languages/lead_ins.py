"""Words with which an assistant introduces its reply or comments on it, in many languages."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mlc_data.languages.flores import all_languages

_LEAD_INS: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "lead_ins.json").read_text(encoding="utf-8")
)
_TRANSLATION = re.compile(
    r"(?:^|[\n.!。！(])[^\n:：.!。！]{0,50}(?<!\w)(?:" + "|".join(_LEAD_INS["translation"])
    + r")[^\n:：.!?。！？]{0,40}[:：]", re.IGNORECASE
)  # fmt: skip
_OPENING = re.compile(r"^\W{0,3}(?:" + "|".join(_LEAD_INS["openings"]) + ")", re.IGNORECASE)
_SPEAKER = re.compile(r"(?:^|\n)\W{0,3}(?:" + "|".join(_LEAD_INS["speakers"]) + ")", re.IGNORECASE)
_NAMED = re.compile(
    r"^\W{0,3}(?:(?:in|en|auf|em|på|на|по|po|w|v|in het|ใน|kwa|bi|bằng)[ -])?(?:"
    + "|".join((*_LEAD_INS["languages"], *sorted({re.escape(one.name.split(" (")[0]) for one in all_languages()})))
    + r")\W{0,2}[:：]", re.IGNORECASE
)  # fmt: skip
_NOTE = re.compile(
    r"(?:^|[\n(（\[【*]|[.!?。！？।۔؟)]\s)\W{0,4}(?:"
    + "|".join(_LEAD_INS["notes"])
    + r")\s{0,2}[:：]",
    re.IGNORECASE,
)
_OF_NOTE = re.compile(
    r"\b(?:note|n\.?b|remark|explain|explanation|attention|warning|disclaimer|hint|p\.?s)",
    re.IGNORECASE,
)
_OF_TRANSLATION = re.compile(r"translat|interpret", re.IGNORECASE)
_COLON = re.compile(r"^.{0,120}?[:：]", re.DOTALL)


def lead_ins(text: str, source: str) -> int:
    """Return how many lead-ins and notes of an assistant the text has: "Here is the translation:", "(Note: ...)"."""
    found = 0
    if _TRANSLATION.search(text) and not _OF_TRANSLATION.search(source):
        found += 1
    for pattern in (_OPENING, _NAMED):
        if pattern.search(text) and not pattern.search(source) and not _COLON.search(source):
            found += 1
    if _NOTE.search(text) and not (_OF_NOTE.search(source) or ":" in source):
        found += 1
    found += max(0, len(_SPEAKER.findall(text)) - len(_SPEAKER.findall(source)) - source.count(":"))
    return found
