"""Examples of the kinds of public bug reports: the right variants of ``kinds.csv`` are kept, the wrong ones are not.

Written by somebody who knew the kinds and not the checks' tables; the shares are those that were measured.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest
from checks.conftest import row

from mlc_data.checks import Copy, LanguageId, Preserved, Residue, Script
from mlc_data.checks.base import Check
from mlc_data.checks.stage import load_recipe_identifiers
from mlc_data.checks.verdicts import reasons
from mlc_data.core.records import TRANSLATIONS
from mlc_data.recipe.loading import load_recipe

FILE = Path(__file__).parent / "kinds.csv"
CONCERNED: Mapping[str, Sequence[str]] = {
    "numbers": ("preserved",),
    "placeholders": ("preserved",),
    "names": ("script", "copied", "language_id"),
    "residue": ("residue",),
    "capitals": ("script", "copied", "language_id"),
}
RIGHT_KEPT = {"numbers": 1, "placeholders": 1, "names": 0.93, "residue": 1, "capitals": 1}
WRONG_REJECTED = dict.fromkeys(CONCERNED, 1)


@pytest.fixture(scope="module")
def judged() -> pl.DataFrame:
    """The file with ``kept`` and ``rejected``: the right one was kept, the wrong one rejected."""
    table = pl.read_csv(FILE, glob=False)
    recipe = load_recipe("quickstart")
    languages = tuple(dict.fromkeys(("eng_Latn", *recipe.languages.targets, *table["language"])))
    checks = (
        Residue(), Script(), LanguageId(load_recipe_identifiers(recipe), languages), Copy(), Preserved()
    )  # fmt: skip
    right, wrong = (_reasons(checks, table, name) for name in ("right", "wrong"))
    concerned = pl.col("kind").replace_strict(dict(CONCERNED), return_dtype=pl.List(pl.String))
    return table.with_columns(right_reasons=right, wrong_reasons=wrong).with_columns(
        kept=pl.col("right_reasons").list.set_intersection(concerned).list.len() == 0,
        rejected=pl.col("wrong_reasons").list.set_intersection(concerned).list.len() > 0,
    )


def _reasons(checks: Sequence[Check], table: pl.DataFrame, variant: str) -> pl.Series:
    made = [row(*each) for each in table.select("source", variant, "language").iter_rows()]
    rows = pl.DataFrame(made, schema=TRANSLATIONS)
    for check in checks:
        rows = rows.hstack(check.score(rows))
    return rows.select(reasons(checks).alias("reasons")).to_series()


@pytest.mark.parametrize("kind", CONCERNED)
def test_right_variants_are_kept(judged: pl.DataFrame, kind: str) -> None:
    ours = judged.filter(pl.col("kind") == kind)
    lost = ours.filter(~pl.col("kept"))
    assert ours["kept"].mean() >= RIGHT_KEPT[kind], lost.select("right", "right_reasons").rows()


@pytest.mark.parametrize("kind", CONCERNED)
def test_wrong_variants_are_rejected(judged: pl.DataFrame, kind: str) -> None:
    ours = judged.filter(pl.col("kind") == kind)
    left = ours.filter(~pl.col("rejected"))
    assert ours["rejected"].mean() >= WRONG_REJECTED[kind], left.select("wrong").rows()


def test_every_row_has_a_source_and_two_different_variants() -> None:
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(len({each["right"], each["wrong"], ""}) == 3 and each["source"] for each in rows)
