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
from mlc_data.text.spans import spans
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


def lost(source: str, text: str, origin: str) -> bool:
    """Return whether a translation lacks one of the spans of its sentence, those of ``origin`` alone."""
    if origin == source:
        return not kept(source, text).complete
    return any(text.count(span) < source.count(span) for span in spans(source) if span in origin)


def with_codes(text: str, origin: str, *, letter: str = "X") -> Masked | None:
    """Return a sentence with a letter and a number instead of each span; None where it has too many."""
    places = _places(text, origin)
    free = [code for code in _CODES if code not in text]
    if not places or len(places) > len(free):
        return None
    parts, codes, place = [], [], 0
    for (start, end), code in zip(places, free, strict=False):
        parts += [text[place:start], letter + code]
        before = rf"{_LETTER}\s?-?" if letter else ""
        codes.append((rf"(?<!\d){before}{code}(?!\d)", text[start:end]))
        place = end
    return Masked("".join([*parts, text[place:]]), tuple(codes))


def with_numbers(text: str, origin: str) -> Masked | None:
    """Return a sentence with a number instead of each span."""
    return with_codes(text, origin, letter="")


def without_edges(text: str, origin: str) -> Masked | None:
    """Return a sentence without the spans at its ends; None where one stands within it."""
    begun, ended = 0, len(text)
    for start, end in _places(text, origin):
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


Way = Callable[[str, str], Masked | None]
WAYS: tuple[Way, ...] = (with_codes, with_numbers, without_edges)


@dataclass(frozen=True)
class Masking:
    """Translation of sentences whose spans are hidden.

    Attributes:
        ask: translates requests.
        origins: the prompt's sentence of those requests that translate back; only its spans are hidden.
    """

    ask: Ask
    origins: Mapping[Request, str]

    def again(self, found: Mapping[Request, Hypothesis]) -> dict[Request, Hypothesis]:
        """Return better hypotheses of those requests whose spans were lost, in each way of `WAYS`."""
        left = [
            request
            for request, one in found.items()
            if one.text is not None and lost(request.text, one.text, self._origin(request))
        ]
        better: dict[Request, Hypothesis] = {}
        for way in WAYS:
            better |= self._in_one_way(way, [one for one in left if one not in better])
        return better

    def first(self, requests: Iterable[Request]) -> dict[Request, Hypothesis]:
        """Return hypotheses of requests with spans, translated with codes, where all codes came through."""
        return self._in_one_way(with_codes, list(dict.fromkeys(requests)))

    def _in_one_way(self, way: Way, requests: list[Request]) -> dict[Request, Hypothesis]:
        hidden = {one: way(one.text, self._origin(one)) for one in requests}
        masked = {request: mask for request, mask in hidden.items() if mask is not None}
        asked = {request: replace(request, text=mask.text) for request, mask in masked.items()}
        answers = self.ask(asked.values()) if asked else {}
        restored = {}
        for request, mask in masked.items():
            one = answers[asked[request]]
            text = mask.restored(one.text) if one.text is not None else None
            if text is not None and not lost(request.text, text, self._origin(request)):
                restored[request] = replace(one, text=text)
        return restored

    def _origin(self, request: Request) -> str:
        return self.origins.get(request, request.text)


def _places(text: str, origin: str) -> list[tuple[int, int]]:
    """Return start and end of spans that ``origin`` has, too, those that touch as one."""
    found = [(start, end) for start, end, _ in find(text)] + find_soft(text)
    both = sorted((start, end) for start, end in found if text[start:end] in origin)
    places: list[tuple[int, int]] = []
    for start, end in both:
        if places and start <= places[-1][1]:
            places[-1] = (places[-1][0], max(end, places[-1][1]))
        else:
            places.append((start, end))
    return places
