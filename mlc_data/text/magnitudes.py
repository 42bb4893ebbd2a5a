"""Numbers of texts as floats, whatever their length: a prompt of 400 digits, or of fifty times "trillion"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

GREATEST = 1e40
"""Greatest value that is compared as a number; longer ones are compared by their digits alone."""
_BITS = 1000


def as_float(number: int) -> float:
    """Return a whole number as a float, infinite where there is none so great."""
    return float(number) if number.bit_length() < _BITS else float("inf")


def countable(values: Iterable[float]) -> Iterator[float]:
    """Yield the values up to `GREATEST`."""
    return (value for value in values if value <= GREATEST)
