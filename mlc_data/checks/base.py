"""Base class of all checks, and what they share.

A check is one file: its section of the recipe (a `CheckSection`) and its class (a `Check`), which is
listed in `mlc_data.checks.registry`. These files are a layer below the recipe, which is assembled from
their sections; the stages that use checks are above it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import polars as pl
from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from mlc_data.core.section import Section
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.languages.by_language import ByLanguage
from mlc_data.languages.flores import get_language
from mlc_data.sentence_encoder.base import SentenceEncoder

ENGLISH = "eng_Latn"

Parts = Callable[[], Iterator[pl.DataFrame]]
"""Reads all translations that did not fail, part by part; may be called several times."""


class CheckSection(Section):
    """Settings of one check in the recipe."""

    enabled: bool = True
    """True if it can reject; scores are kept either way."""


class RunLimitedSection(CheckSection):
    """Settings of a check that compares texts by a measure without a natural limit.

    A score of two texts means little by itself: it depends on the language and on the translator. So the
    limit comes from pairs that are wrong for certain, prompts with other prompts' translations, see
    `mlc_data.checks.run_limits`. A threshold that the recipe gives as a number, or for a language by
    name, holds as it is.
    """

    from_run: ClassVar[tuple[str, ...]]
    """Keys of the thresholds that the run sets."""

    limits: Literal["run", "fixed"] = "run"
    """`run`: each language's limits come from the run's own mismatched pairs and are at most the
    thresholds here. `fixed`: the thresholds hold as they are."""

    @property
    def scaled(self) -> bool:
        """True if the default thresholds suit the measure. Else the run's limits hold as they are, and
        where there are none the check abstains."""
        return True

    @model_validator(mode="before")
    @classmethod
    def _fix_what_is_given(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "limits" in data:
            return data
        given = [data[key] for key in cls.from_run if key in data]
        fixed = any(not isinstance(value, dict) or "default" in value for value in given)
        return {**data, "limits": "fixed"} if fixed else data

    @model_serializer(mode="wrap")
    def _leave_out_what_the_run_sets(
        self, handler: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        # Written with its default, a threshold would be read back as one that the user fixed.
        data: dict[str, Any] = handler(self)
        if self.limits == "fixed":
            return data
        data.pop("limits", None)
        for key in self.from_run:
            if key in data:
                value = data.pop(key)
                if isinstance(value, dict) and len(value) > 1:
                    data[key] = {
                        code: number for code, number in value.items() if code != "default"
                    }
        return data


@dataclass(frozen=True)
class Limit:
    """A threshold of the recipe, and the score that is compared with it.

    Attributes:
        score: the score's column.
        key: the threshold in the check's section of the recipe.
        upper: True if it is the greatest value that passes, False if it is the least.
        tighten: True if calibration may make it stricter. Not for scores that are perfect for nearly all
            good text: calibration would reject the next text that is slightly less perfect.
        loosest: loosest value that calibration may choose, so that a few wrong lines in the
            reference do not disable a check.
        from_run: True if the threshold may come from the run's mismatched pairs, see
            `RunLimitedSection`; for least values alone.
        unless: names of what excuses a value that fails, see `Check.confirming`: other scores, `SAME` or
            `MADE_UP`. A variant is rejected only where all speak against it.

    A limit with neither ``tighten`` nor ``loosest`` is not calibrated.
    """

    score: str
    key: str
    upper: bool
    tighten: bool = False
    loosest: float | None = None
    from_run: bool = False
    unless: tuple[str, ...] = ()

    @property
    def calibrated(self) -> bool:
        """True if ``mlc-data calibrate`` sets this threshold."""
        return self.tighten or self.loosest is not None

    def thresholds(self, settings: Section) -> ByLanguage:
        """Return the threshold by language."""
        values: ByLanguage = getattr(settings, self.key)
        return values

    def value(self, settings: Section) -> pl.Expr:
        """Return what is compared with the threshold, over the columns of scores."""
        return pl.col(self.score)

    def passes(self, settings: Section) -> pl.Expr:
        """Return whether the score is within the threshold, over ``language`` and the scores."""
        value, threshold = self.value(settings), threshold_of(self.thresholds(settings))
        return value <= threshold if self.upper else value >= threshold

    def confirms(self, settings: Section) -> pl.Expr:
        """Return whether there is a score, and it passes a threshold that rejects anything at all."""
        effective = threshold_of(self.thresholds(settings)).is_finite()
        return (self.passes(settings) & effective).fill_null(value=False)

    def excused(self, excuses: Mapping[str, pl.Expr]) -> pl.Expr:
        """Return whether something excuses a value that fails (Boolean); see `Check.confirming`."""
        never = pl.lit(value=False)
        named = [excuses.get(name, never).fill_null(value=False) for name in self.unless]
        return pl.any_horizontal(named) if named else never

    def bound(self, settings: Section, language: str, scores: Mapping[str, float]) -> float:
        """Return the bound of one row's score, in a language (FLORES-200 code)."""
        return self.thresholds(settings).get(language)


def at_least(
    score: str,
    key: str,
    *,
    tighten: bool = False,
    loosest: float | None = None,
    from_run: bool = False,
    unless: tuple[str, ...] = (),
) -> Limit:
    """Return a limit that scores must not be below; arguments as in `Limit`."""
    return Limit(score, key, False, tighten, loosest, from_run, unless)


def at_most(
    score: str,
    key: str,
    *,
    tighten: bool = False,
    loosest: float | None = None,
    unless: tuple[str, ...] = (),
) -> Limit:
    """Return a limit that scores must not be above; arguments as in `Limit`."""
    return Limit(score, key, True, tighten, loosest, unless=unless)


SAME = "meaning_same"
"""Name of the excuse that the back-translation means the same as the prompt, see `Limit.unless`."""
MADE_UP = "round_trip_made_up"
"""Name of the excuse that the back-translation has nothing to do with a variant that the prompt resembles."""


@dataclass(frozen=True)
class Context:
    """Facts of a recipe that checks may need in addition to their own section.

    Attributes:
        source: language of the prompts (FLORES-200 code).
        targets: languages of the variants.
        identifiers: the language identifiers.
        round_trip: whether variants are translated back.
        encoder: the sentence encoder that ``checks.meaning`` names; None where it names none.
        imported: whether a variant without a back-translation never had one, because variants come
            from a file; otherwise translating back has failed.
    """

    source: str = ENGLISH
    targets: tuple[str, ...] = ()
    identifiers: tuple[LanguageIdentifier, ...] = ()
    round_trip: bool = True
    encoder: SentenceEncoder | None = None
    imported: bool = False


class Check(ABC):
    """Scores of variants, and the verdict that follows from them.

    A subclass sets the class attributes and writes `score`.

    Attributes:
        name: key in the recipe, reason of rejected variants, and prefix of the scores' names.
        version: raised by hand when the same row gets another score or verdict; scores that an
            older version computed are then computed again.
        section: class of its settings in the recipe.
        scores: names of the score columns, ``<name>_<measure>``.
        limits: thresholds that the scores are compared with.
        evidence: thresholds that reject nothing: scores above them excuse what other limits reject. Where
            the recipe has null, the run sets them, see `nearest`, not below their loosest value.
        abstains: whether it may leave a score null: it has no opinion of that row, which passes it.
        settings: its section of the recipe.
        source: language of the prompts (FLORES-200 code).
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    section: ClassVar[type[CheckSection]] = CheckSection
    scores: ClassVar[tuple[str, ...]]
    limits: ClassVar[tuple[Limit, ...]]
    evidence: ClassVar[tuple[Limit, ...]] = ()
    abstains: ClassVar[bool] = False
    settings: Any

    def __init__(self, settings: CheckSection | None = None, source: str = ENGLISH) -> None:
        self.settings = self.section() if settings is None else settings
        self.source = source

    @classmethod
    def of_recipe(cls, settings: CheckSection, context: Context) -> Self | None:
        """Return the check of a recipe; None where the recipe leaves it out.

        Raises:
            UsageError: a file that the settings name cannot be used.
        """
        return cls(settings, context.source)

    @property
    def enabled(self) -> bool:
        """True if it may reject; scores are computed either way."""
        return bool(self.settings.enabled)

    @abstractmethod
    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the columns `scores` (Float64, finite, or null where the check abstains), one row for
        each row in, in order.

        Args:
            rows: `records.TRANSLATIONS` that did not fail, so that ``text`` is never null: at least
                ``language`` (FLORES-200 code), ``source``, ``text``, ``back_translation`` and
                ``segments``.
        """

    def confirming(self) -> Mapping[str, pl.Expr]:
        """Return what may excuse limits of other checks (Boolean over scores), by the name that their
        `Limit.unless` has: the scores whose limits are passed, see `Limit.confirms`."""
        return {limit.score: limit.confirms(self.settings) for limit in self.limits}

    def passes(self, excuses: Mapping[str, pl.Expr] = MappingProxyType({})) -> pl.Expr:
        """Return whether a variant is good (Boolean), over ``language`` and the columns `scores`; a score
        that is null passes.

        Args:
            excuses: see `confirming`, of all enabled checks; a check that stands alone has none.
        """
        good = [
            limit.passes(self.settings).fill_null(value=True) | limit.excused(excuses)
            for limit in self.limits
        ]
        return pl.all_horizontal(good)

    def nearest(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the scores of `evidence` that texts have with the nearest wrong prompt (Float64), one row
        for each text.

        Args:
            rows: as for `score`, of one language.
        """
        return pl.DataFrame(schema={limit.score: pl.Float64() for limit in self.evidence})

    def judges(self, language: str) -> bool:
        """Return whether it scores variants in a language (FLORES-200 code)."""
        return True

    def scored_by(self) -> dict[str, Any]:
        """Return the settings that scores depend on (JSON-able): all but the thresholds."""
        thresholds = {limit.key for limit in (*self.limits, *self.evidence)}
        others = {"enabled", "use", "limits", *thresholds}
        return dict(self.settings.model_dump(mode="json", exclude=others))


class CorpusCheck(Check):
    """A check that reads all translations before it can score one of them.

    ``lasting`` says that what `save` writes is worth keeping with the run when the stage is done.
    """

    lasting: ClassVar[bool] = False

    @property
    def saved_as(self) -> str:
        """Name of the folder that `save` writes."""
        return self.name

    @abstractmethod
    def prepared(self, parts: Parts) -> Check:
        """Return the same check, ready to score."""

    def prepared_in(self, folder: Path, parts: Parts) -> Check:
        """Return what `prepared` does. What is too large for memory may be written into ``folder``, the one that
        `save` is called with next; it does not exist yet."""
        del folder
        return self.prepared(parts)

    @abstractmethod
    def save(self, folder: Path, *, others: bool) -> None:
        """Write what makes it ready to score into a folder, for other processes.

        Args:
            folder: created if it does not exist.
            others: whether other texts than the translations are to be scored quickly, too.
        """

    @abstractmethod
    def loaded(self, folder: Path, parts: Parts) -> Check:
        """Return the same check, ready to score with what `save` wrote.

        Not for several threads at once: each loads its own.
        """


def threshold_of(values: ByLanguage) -> pl.Expr:
    """Return the threshold of the row's ``language``."""
    exceptions = {code: value for code, value in values.root.items() if code != "default"}
    if not exceptions:
        return pl.lit(values.root["default"])
    return pl.col("language").replace_strict(
        exceptions, default=values.root["default"], return_dtype=pl.Float64
    )


def by_spacing(rows: pl.DataFrame, measure: Callable[[pl.DataFrame, bool], pl.Series]) -> pl.Series:
    """Return ``measure`` of rows (Float64), in their order.

    Args:
        rows: a table with ``language``.
        measure: called with the rows in languages that put blanks between words and True, and with
            the other rows and False.
    """
    unspaced = [code for code in rows["language"].unique() if not get_language(code).spaced]
    index = rows.select(pl.int_range(pl.len())).to_series()
    is_unspaced = rows["language"].is_in(unspaced)
    parts = [
        (index.filter(mask), measure(rows.filter(mask), spaced).cast(pl.Float64))
        for mask, spaced in ((~is_unspaced, True), (is_unspaced, False))
    ]
    places, values = (pl.concat([part[i] for part in parts]) for i in (0, 1))
    return values.gather(places.arg_sort())


def score_each(
    rows: pl.DataFrame,
    columns: Iterable[str],
    measure: Callable[..., tuple[float, ...]],
    names: Sequence[str],
) -> pl.DataFrame:
    """Return ``measure`` of the values of ``columns``, row by row, as Float64 columns ``names``."""
    values: Any = zip(*(rows[column].to_list() for column in columns), strict=True)
    measured = [measure(*row) for row in values]
    return pl.DataFrame(measured, schema=dict.fromkeys(names, pl.Float64), orient="row")
