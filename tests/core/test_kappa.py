"""Cohen's kappa against values worked out by hand."""

from __future__ import annotations

import pytest

from mlc_data.core.kappa import cohens_kappa


@pytest.mark.parametrize(
    ("first", "second", "kappa"),
    [
        ("y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15, 0.4),
        ("yn", "yn", 1.0),
        ("yn", "ny", -1.0),
        ("yyyn", "yyyy", 0.0),
        ("abc", "abd", 4 / 7),  # observed 2/3, by chance 2/9
        ("yy", "nn", 0.0),
        ("yy", "yy", None),
        ("", "", None),
    ],
)
def test_kappa(first: str, second: str, kappa: float | None) -> None:
    found = cohens_kappa(first, second)
    assert found == (None if kappa is None else pytest.approx(kappa))


def test_raters_of_different_things_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        cohens_kappa("ab", "a")
