"""Shares with 95 % intervals from rows of a stratified sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from mlc_data.review.record import Estimate

Z = 1.959964
"""Normal quantile of a 95 % interval."""


@dataclass(frozen=True)
class Amount:
    """A number that is not negative, with its 95 % interval and the number of rows that it comes from."""

    value: float
    low: float
    high: float
    rows: int

    def times(self, factor: float) -> Amount:
        """Return the amount multiplied by a number that is not negative."""
        return Amount(self.value * factor, self.low * factor, self.high * factor, self.rows)

    def estimate(self) -> Estimate:
        """Return it as a share of a record."""
        low, high = (min(1.0, max(0.0, bound)) for bound in (self.low, self.high))
        value = min(1.0, self.value)
        return Estimate(
            value=round(value, 4), low=round(low, 4), high=round(high, 4), rows=self.rows
        )


NOTHING = Estimate(value=None, low=None, high=None, rows=0)


def share(values: pl.Series, weights: pl.Series) -> Amount | None:
    """Return a weighted mean of shares with its interval (Wilson 1927); None without rows.

    The interval has the number of equally weighted rows with the same variance (Kish 1965):
    ``(sum w)^2 / sum w^2``.

    Args:
        values: 0 to 1.
        weights: of the same length, positive.
    """
    if values.is_empty():
        return None
    total = float(weights.sum())
    mean = min(1.0, float((values * weights).sum()) / total)
    number = total**2 / float((weights**2).sum())
    centre = mean + Z**2 / (2 * number)
    spread = Z * math.sqrt(mean * (1 - mean) / number + Z**2 / (4 * number**2))
    scale = 1 + Z**2 / number
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return Amount(mean, max(0.0, min(low, mean)), min(1.0, max(high, mean)), values.len())


def added(one: Amount, other: Amount) -> Amount:
    """Return the sum of two independent amounts (interval by MOVER: Zou and Donner 2008)."""
    value = one.value + other.value
    below = math.hypot(one.value - one.low, other.value - other.low)
    above = math.hypot(one.high - one.value, other.high - other.value)
    return Amount(value, value - below, value + above, one.rows + other.rows)


def part(one: Amount, other: Amount) -> Amount | None:
    """Return ``one / (one + other)`` of two independent amounts; None if both are 0."""
    if not one.value and not other.value:
        return None
    rows = one.rows + other.rows
    if not one.value:
        low, high = _ratio(one, other)
        return Amount(0.0, low / (1 + low), high / (1 + high), rows)
    low, high = _ratio(other, one)
    return Amount(one.value / (one.value + other.value), 1 / (1 + high), 1 / (1 + low), rows)


def _ratio(one: Amount, other: Amount) -> tuple[float, float]:
    """Return the interval of ``one / other`` of two independent amounts, the second one positive (MOVER:
    Donner and Zou 2012)."""

    def bound(first: float, second: float, sign: int) -> float:
        product = one.value * other.value
        numerator, below = first * (2 * one.value - first), second * (2 * other.value - second)
        if abs(below) < 1e-9 * other.value**2:
            # The quotient's limit where ``second`` is twice the divisor.
            return numerator / (2 * product) if product else 0.0
        return (product + sign * math.sqrt(max(0.0, product**2 - numerator * below))) / below

    return max(0.0, bound(one.low, other.high, -1)), bound(one.high, other.low, 1)
