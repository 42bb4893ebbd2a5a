"""Comparison of a text and its translation by what must stay as it is."""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass

from mlc_data.text.spans import soft_spans, spans

_VARIATION = "\ufe0f"
_BRACKETED = re.compile(
    r"[\[{<【［〔「『《〈(（]\s?(?=[^\]}>】］〕」』》〉)）]*\w)[^\[\]{}<>【】［］〔〕()（）\r\n]{1,120}[\]}>】］〕」』》〉)）]"
)
_STRONG = "**"


@dataclass(frozen=True)
class Kept:
    """Spans of a text, and how many of them its translation has."""

    wanted: int
    there: int

    @property
    def complete(self) -> bool:
        """True if nothing was lost."""
        return self.there >= self.wanted


def kept(source: str, text: str) -> Kept:
    """Count the spans of ``source``, each as often as it occurs, and those of them in ``text``.

    Case matters in placeholders only. Words in brackets (`soft_spans`) count as there if the translation
    has them, or other words in brackets instead. Marks of strong text that were halved count as one lost.
    """
    hard, soft = Counter(spans(source)), soft_spans(source)
    if not hard and not soft and _STRONG not in text:
        return Kept(0, 0)
    if source == text:
        return Kept(hard.total() + len(soft), hard.total() + len(soft))
    plain = text.replace(_VARIATION, "")
    folded = plain.lower()
    there = sum(min(count, _count(span, plain, folded)) for span, count in hard.items())
    halved = _STRONG in text and text.count(_STRONG) % 2 > source.count(_STRONG) % 2
    return Kept(hard.total() + len(soft) + halved, there + _soft_there(source, text, soft, hard))


def _count(span: str, text: str, folded: str) -> int:
    span = span.replace(_VARIATION, "")
    if span[0] == "&" and span[-1] == ";":
        return text.count(span) + text.count(html.unescape(span))
    return folded.count(span.lower()) if span[0].isalnum() else text.count(span)


def _soft_there(source: str, text: str, soft: list[str], hard: Counter[str]) -> int:
    if not soft:
        return 0
    in_text = len(_BRACKETED.findall(_without(text, hard)))
    others = len(_BRACKETED.findall(_without(source, hard))) - len(soft)
    return min(len(soft), max(0, in_text - max(0, others)))


def _without(text: str, hard: Counter[str]) -> str:
    for span in hard:
        text = text.replace(span, " ")
    return text
