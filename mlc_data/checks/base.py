"""What a check is, and the reasons that checks can give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import polars as pl

from mlc_data.languages.flores import get_language
from mlc_data.recipe.base import ByLanguage, Section


class VariantReason(StrEnum):
    """Why a variant was rejected. A variant counts under its first reason, in this order."""

    SCRIPT = "script"  # too few letters in the language's script
    LANGUAGE_ID = "language_id"  # confidently another language of the recipe
    LENGTH = "length"  # far shorter or longer than translations into the language are
    REPETITION = "repetition"  # a loop
    COPIED = "copied"  # the prompt again, or a sentence of it
    PRESERVED = "preserved"  # a number, address or placeholder was lost or made up
    REFUSED = "refused"  # a refusal instead of the prompt
    UNKNOWN = "unknown"  # the model's vocabulary does not know enough of the prompt
    COVERAGE = "coverage"  # a sentence or clause was dropped or made up
    INTENT = "intent"  # translated back, a negation or the object of the request is lost
    ROUND_TRIP = "round_trip"  # translated back, it says something else
    TOXICITY = "toxicity"  # a word of the user's lists was made up or lost
    DUPLICATE = "duplicate"  # another prompt's variant again


@dataclass(frozen=True)
class Limit:
    """What a check compares one of its scores with.

    Attributes:
        score: the score's column.
        key: the threshold in the check's section of the recipe.
        upper: whether it is the greatest value that passes; else it is the least one.
    """

    score: str
    key: str
    upper: bool

    def values(self, settings: Section) -> ByLanguage:
        """The threshold by language."""
        found: ByLanguage = getattr(settings, self.key)
        return found

    def kept(self, settings: Section) -> pl.Expr:
        """Over ``language`` and the score: whether the score is within the threshold."""
        limit = threshold(self.values(settings))
        return pl.col(self.score) <= limit if self.upper else pl.col(self.score) >= limit

    def bound(self, settings: Section, language: str, scores: Mapping[str, float]) -> float:
        """What the score of one row, in a language (FLORES-200 code), is compared with."""
        return self.values(settings).get(language)


def at_least(score: str, key: str) -> Limit:
    """A score must not be below a threshold."""
    return Limit(score, key, upper=False)


def at_most(score: str, key: str) -> Limit:
    """A score must not be above a threshold."""
    return Limit(score, key, upper=True)


class Check(Protocol):
    """One kind of doubt about variants: turns rows into scores, and scores into a verdict.

    Rows have at least the columns ``language`` (FLORES-200 code), ``source``, ``text``,
    ``back_translation`` and ``segments`` of `records.TRANSLATIONS`; ``text`` is never null.
    """

    @property
    def reason(self) -> VariantReason:
        """Given to variants that do not pass; also the first part of the score columns' names."""

    @property
    def enabled(self) -> bool:
        """Whether it may reject. Scores are made either way."""

    @property
    def settings(self) -> Section:
        """Its section of the recipe."""

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What its scores are compared with."""

    @property
    def scores(self) -> tuple[str, ...]:
        """The names of the score columns, ``<reason>_<measure>``."""

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The columns `scores` (Float64, finite), one row for each row in, in order."""

    def passes(self) -> pl.Expr:
        """Over ``language`` and the columns `scores`: whether the variant is good (Boolean)."""


@runtime_checkable
class CorpusCheck(Check, Protocol):
    """A check that has to see all translations before it can score one of them."""

    def prepared(self, parts: Callable[[], Iterator[pl.DataFrame]]) -> Check:
        """The same check, ready to score.

        Args:
            parts: reads all translations that did not fail (rows as for `score`), part by part; it
                may be called several times.
        """

    def save(self, folder: Path, *, others: bool) -> None:
        """Write what makes it ready to score into a folder, for other processes; ``others``: with what is needed
        to score other texts than the translations quickly."""

    def loaded(self, folder: Path, parts: Callable[[], Iterator[pl.DataFrame]]) -> Check:
        """The same check, ready to score by what `save` wrote; ``parts`` as for `prepared`. Not for several
        threads at once: each loads its own."""


def within(settings: Section, limits: Iterable[Limit]) -> pl.Expr:
    """Whether every score is within its threshold."""
    return pl.all_horizontal([limit.kept(settings) for limit in limits])


def threshold(values: ByLanguage) -> pl.Expr:
    """The threshold that holds for the row's ``language``."""
    listed = {code: value for code, value in values.root.items() if code != "default"}
    if not listed:
        return pl.lit(values.root["default"])
    return pl.col("language").replace_strict(
        listed, default=values.root["default"], return_dtype=pl.Float64
    )


def by_spacing(rows: pl.DataFrame, measure: Callable[[pl.DataFrame, bool], pl.Series]) -> pl.Series:
    """``measure`` of the rows in languages with blanks between words (True) and of those in the
    others (False), put together again in the order of ``rows`` (Float64)."""
    unspaced = [code for code in rows["language"].unique() if not get_language(code).spaced]
    index = rows.select(pl.int_range(pl.len())).to_series()
    apart = rows["language"].is_in(unspaced)
    parts = [
        (index.filter(mask), measure(rows.filter(mask), spaced).cast(pl.Float64))
        for mask, spaced in ((~apart, True), (apart, False))
    ]
    where, values = (pl.concat([part[i] for part in parts]) for i in (0, 1))
    return values.gather(where.arg_sort())


def each(
    rows: pl.DataFrame,
    columns: Iterable[str],
    measure: Callable[..., tuple[float, ...]],
    names: tuple[str, ...],
) -> pl.DataFrame:
    """``measure`` of the values of ``columns``, row by row, as Float64 columns ``names``."""
    values: Any = zip(*(rows[column].to_list() for column in columns), strict=True)
    measured = [measure(*row) for row in values]
    return pl.DataFrame(measured, schema=dict.fromkeys(names, pl.Float64), orient="row")
