"""Cohen's kappa of two raters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def cohens_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Return how far two raters agree beyond chance: 1 in full, 0 as by chance, below 0 less (Cohen 1960).

    Args:
        first: one rater's categories.
        second: the other's, of the same things in the same order.

    Returns:
        None without anything rated, and where both gave everything the same category.

    Raises:
        ValueError: they are not of the same length.
    """
    equal = sum(one == other for one, other in zip(first, second, strict=True))
    number, mine, theirs = len(first), Counter(first), Counter(second)
    by_chance = sum(count * theirs[category] for category, count in mine.items())
    if by_chance == number**2:
        return None  # also where nothing is rated
    return (equal * number - by_chance) / (number**2 - by_chance)
