"""Spans that an engine does not carry through, hidden from it and put back.

Engines lose placeholders, addresses, code and emoji within a sentence. A sentence that lost one is translated
again with a short code instead of each span, then with numbers, and then, where the spans stand at its ends,
without them. A translation that has every code once gets the spans back; any other is left as it was, for
the check `preserved` to reject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from mlc_data.text.ascii_digits import ascii_digits
from mlc_data.text.kept import kept
from mlc_data.text.span_patterns import find, find_soft
from mlc_data.translate.engines.base import Hypothesis, Request

Mask = Literal["retry", "always", "never"]
Ask = Callable[[Iterable[Request]], Mapping[Request, Hypothesis]]

# Of three digits, so that no language puts a separator in; unlike years and round numbers.
_CODES = ("731", "842", "953", "617", "528", "439", "746", "859", "963", "387")
_FEWEST_WORDS = 2
_LETTER = "[xX×хХΧχ]"
_EDGE = re.compile(r"^[\s,;:–—-]+|[\s,;:–—-]+$")


@dataclass(frozen=True)
class Masked:
    """A sentence without its spans.

    Attributes:
        text: what the engine is given.
        codes: pattern of each code and the span that it stands for.
        before: what is put before the translation again.
        after: what is put after it again.
    """

    text: str
    codes: tuple[tuple[str, str], ...] = ()
    before: str = ""
    after: str = ""

    def restored(self, text: str) -> str | None:
        """Return a translation with the spans; None if it does not have each code exactly once."""
        places = []
        for pattern, span in self.codes:
            matches = list(re.finditer(pattern, ascii_digits(text)))
            if len(matches) != 1:
                return None
            places.append((*matches[0].span(), span))
        parts, place = [], 0
        for start, end, span in sorted(places):
            parts += [text[place:start], span]
            place = end
        return "".join([self.before, *parts, text[place:], self.after])


def lost(source: str, text: str) -> bool:
    """Return whether a translation lacks one of the spans of its sentence."""
    return not kept(source, text).complete


def with_codes(text: str, *, letter: str = "X") -> Masked | None:
    """Return a sentence with a letter and a number instead of each span; None where it has too many."""
    places = _places(text)
    free = [code for code in _CODES if code not in text]
    if not places or len(places) > len(free):
        return None
    parts, codes, place = [], [], 0
    for (start, end), code in zip(places, free, strict=False):
        parts += [text[place:start], letter + code]
        codes.append((rf"(?<!\d){_LETTER if letter else ''}\s?-?{code}(?!\d)", text[start:end]))
        place = end
    return Masked("".join([*parts, text[place:]]), tuple(codes))


def with_numbers(text: str) -> Masked | None:
    """Return a sentence with a number instead of each span."""
    return with_codes(text, letter="")


def without_edges(text: str) -> Masked | None:
    """Return a sentence without the spans at its ends; None where one stands within it."""
    begun, ended = 0, len(text)
    for start, end in _places(text):
        if not text[begun:start].strip(" ,;:\"'“”‘’()"):
            begun = end
        elif not text[end:].strip(" .,;:!?\"'“”‘’()"):
            ended = min(ended, start)
        elif start < ended:
            return None
    words = text[begun:ended]
    inner = _EDGE.sub("", words)
    if len(inner.split()) < _FEWEST_WORDS or inner == text:
        return None
    first = text.index(inner, begun)
    return Masked(inner, (), text[:first], text[first + len(inner) :])


WAYS: tuple[Callable[[str], Masked | None], ...] = (with_codes, with_numbers, without_edges)


def masked_again(ask: Ask, found: Mapping[Request, Hypothesis]) -> dict[Request, Hypothesis]:
    """Return better hypotheses of those requests whose spans were lost, in each way that `WAYS` has."""
    left = [
        request
        for request, one in found.items()
        if one.text is not None and lost(request.text, one.text)
    ]
    better: dict[Request, Hypothesis] = {}
    for way in WAYS:
        better |= _in_one_way(ask, way, [request for request in left if request not in better])
    return better


def masked_first(ask: Ask, requests: Iterable[Request]) -> dict[Request, Hypothesis]:
    """Return hypotheses of the requests with spans, translated with codes, where all codes came through."""
    return _in_one_way(ask, with_codes, list(dict.fromkeys(requests)))


def _in_one_way(
    ask: Ask, way: Callable[[str], Masked | None], requests: list[Request]
) -> dict[Request, Hypothesis]:
    masked = {request: hidden for request in requests if (hidden := way(request.text))}
    asked = {request: replace(request, text=hidden.text) for request, hidden in masked.items()}
    answers = ask(asked.values()) if asked else {}
    restored = {}
    for request, hidden in masked.items():
        one = answers[asked[request]]
        text = hidden.restored(one.text) if one.text is not None else None
        if text is not None and not lost(request.text, text):
            restored[request] = replace(one, text=text)
    return restored


def _places(text: str) -> list[tuple[int, int]]:
    """Return start and end of spans, those that touch as one."""
    both = sorted([(start, end) for start, end, _ in find(text)] + find_soft(text))
    places: list[tuple[int, int]] = []
    for start, end in both:
        if places and start <= places[-1][1]:
            places[-1] = (places[-1][0], max(end, places[-1][1]))
        else:
            places.append((start, end))
    return places
