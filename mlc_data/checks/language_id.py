"""Check of the language: several language identifiers vote on which language a variant is in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, Self

import polars as pl

from mlc_data.checks.base import (
    Check,
    CheckSection,
    Context,
    Limit,
    at_least,
    score_each,
    threshold_of,
)
from mlc_data.checks.script import letters_in_script, unicode_scripts
from mlc_data.core.section import Section
from mlc_data.language_id.base import LanguageIdentifier, labels_of
from mlc_data.language_id.labels import labels_for
from mlc_data.language_id.reliability import WEAK, confused_with, reliability
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.languages.flores import all_languages, get_language
from mlc_data.text.spans import without_spans

_LETTERS_OF_A_CHARACTER = {"Hans": 2, "Hant": 2, "Jpan": 2, "Hang": 2}
_DOUBT = 0.01
"""Probability added before probabilities are compared: a vote is at most a factor of about 100."""
CERTAIN = 0.8
"""Probability from which an identifier is near to certain of a language."""
_LEAST_TRUST = 0.286
"""Least weight of evidence: however unreliable the identifiers are in the language, near certainty (a
factor of 56) that the text is in another language reaches the default threshold."""


@dataclass(frozen=True)
class _Vote:
    """An identifier's vote on a text.

    Attributes:
        own: probability of the expected language (0 to 1).
        other: probability of the likeliest other language of the recipe.
        outside: probability of the likeliest other label.
        against: evidence against the language (-2 to 2).
        certain: the same, if the identifier is near to certain of a label that it does not give to good
            text in the language; else null.
    """

    own: float
    other: float
    outside: float
    against: float
    certain: float | None


@dataclass(frozen=True)
class _Voter:
    """An identifier's part in the vote on a language.

    Attributes:
        expected: its labels of the language.
        others: its labels of each language of the recipe that the text could be mistaken for.
        elsewhere: its labels of languages in other scripts.
        confused: labels that good text in the language may get, with the probability that it stays
            below; null where that is not known.
        trust: its reliability in the language.
        weight: of its vote.
    """

    identifier: LanguageIdentifier
    expected: frozenset[str]
    others: tuple[frozenset[str], ...]
    elsewhere: frozenset[str]
    confused: Mapping[str, float] | None
    trust: float
    weight: float

    def vote(self, probabilities: Mapping[str, float], in_script: bool) -> _Vote:
        """Return the vote; languages in other scripts do not count for a text in the right one."""
        if in_script:
            probabilities = {x: p for x, p in probabilities.items() if x not in self.elsewhere}
        own = _sum(probabilities, self.expected)
        other = max((_sum(probabilities, labels) for labels in self.others), default=0.0)
        rivals = {x: p for x, p in probabilities.items() if x not in self.expected}
        outside = max(rivals.values(), default=0.0)
        # An identifier that often mistakes the language for another is not trusted when it does.
        against = _odds(max(other, self.trust**4 * outside), own)
        return _Vote(own, other, outside, against, self._certain(rivals, own))

    def _certain(self, rivals: Mapping[str, float], own: float) -> float | None:
        if self.confused is None:
            return None
        sure = [p for x, p in rivals.items() if p >= max(CERTAIN, self.confused.get(x, 0.0))]
        return _odds(max(sure), own) if sure else None


def _odds(rival: float, own: float) -> float:
    return math.log10((rival + _DOUBT) / (own + _DOUBT))


_ENOUGH = at_least("language_id_letters", "enough_letters")


@dataclass(frozen=True)
class Evidence(Limit):
    """Limit of the evidence against a language, which counts for less in a short text."""

    def value(self, settings: Section) -> pl.Expr:
        """Return the evidence, reduced in proportion where there are few letters."""
        against, letters = pl.col(self.score), pl.col(_ENOUGH.score)
        sure = pl.min_horizontal(letters / threshold_of(_ENOUGH.thresholds(settings)), 1.0)
        return pl.when(against > 0).then(against * sure).otherwise(against)

    def bound(self, settings: Section, language: str, scores: Mapping[str, float]) -> float:
        """Return the bound, which is higher in a text of few letters and infinite without letters."""
        limit = super().bound(settings, language, scores)
        sure = min(scores[_ENOUGH.score] / _ENOUGH.bound(settings, language, scores), 1.0)
        if scores[self.score] <= 0:
            return limit
        return limit / sure if sure else math.inf


class LanguageIdCheck(CheckSection):
    """Evidence that a variant is in another language than it should be."""

    max_against: ByLanguage = by_language(0.5, yue_Hant=1.5, zho_Hans=1.5, zho_Hant=1.5)
    """Greatest evidence against the language: powers of ten (-2 to 2) by which another language is
    likelier, weighted by the identifiers' reliability in this one. (Characters distinguish Chinese from
    Japanese, see `script.min_variety`.)"""
    enough_letters: ByLanguage = by_language(25.0)
    """Number of letters below which evidence counts for less, in proportion: with half as many, the limit
    is in effect twice as high."""
    min_support: ByLanguage = by_language(0.0)
    """Least probability of the expected language (0 to 1). 0 requires none: good text in Swahili often
    has none from lid.176. Raise it to lose good text rather than keep a doubtful one."""


class LanguageId(Check):
    """Evidence that the variant is in another language.

    Requiring an identifier to be sure of the expected language would reject most Swahili: identifiers
    are unsure of languages that they were trained on little. This check measures instead how much
    likelier another language is: either a language of the recipe that the variant could be mistaken
    for (the source or another target in the same script; the script check handles other scripts), or
    any language, weighted by how seldom the identifier is wrong about the expected language.

    Each identifier votes on the languages that it knows. Its weight is the square of its
    `reliability` there, times the square of the share that it knows of the recipe's languages that the
    text could be mistaken for (an identifier without Pashto takes Pashto for Urdu). All scores are
    weighted means of the votes:

    - ``language_id_support`` (0 to 1): probability of the expected language; 1 if no identifier
      knows it.
    - ``language_id_other`` (0 to 1): probability of the likeliest other language of the recipe.
    - ``language_id_outside`` (0 to 1): probability of the likeliest other language of all.
    - ``language_id_against`` (-2 to 2): log10 of how much likelier another language is; positive
      values are scaled down by the square of the greatest reliability among the voters, to no less
      than 0.286; not so if an identifier is near to certain of a language that it does not take good
      text in the expected one for (``confusions.json``), which also counts where none knows the
      expected one. 0 otherwise, if no identifier knows it.
    - ``language_id_letters``: letters of the text; Chinese, Japanese and Korean letters count twice.
    """

    name = "language_id"
    version: ClassVar[int] = 3
    section = LanguageIdCheck
    scores = (
        "language_id_support",
        "language_id_other",
        "language_id_outside",
        "language_id_against",
        "language_id_letters",
    )
    limits = (
        Evidence("language_id_against", "max_against", upper=True, loosest=1.5),
        at_least("language_id_support", "min_support"),
    )

    def __init__(
        self,
        identifiers: Sequence[LanguageIdentifier],
        languages: Sequence[str],
        settings: CheckSection | None = None,
    ) -> None:
        """Create the check; ``languages`` are the recipe's (FLORES-200 codes), its source included."""
        super().__init__(settings)
        self.identifiers, self.languages = tuple(identifiers), tuple(languages)

    @classmethod
    def of_recipe(cls, settings: CheckSection, context: Context) -> Self | None:
        """Return the check; None without identifiers."""
        if not context.identifiers:
            return None
        return cls(context.identifiers, (context.source, *context.targets), settings)

    def scored_by(self) -> dict[str, Any]:
        """Return the revisions of the identifiers."""
        return {"identifiers": [identifier.revision for identifier in self.identifiers]}

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the columns `scores`."""
        texts = _own_script(readable(rows["text"]), rows["language"])
        identified = [each.identify(texts.to_list()) for each in self.identifiers]
        voters_of = {code: self._voters(code) for code in rows["language"].unique()}

        def measure(index: int, language: str, letters: int, inside: int) -> tuple[float, ...]:
            weight = _LETTERS_OF_A_CHARACTER.get(get_language(language).script, 1)
            voters = voters_of[language]
            votes = [
                voter.vote(identified[number][index], in_script=2 * inside >= letters)
                for number, voter in voters.items()
            ]
            counted = _counted(votes, list(voters.values()))
            return (*counted, float(weight * letters))

        frame = pl.DataFrame(
            {
                "index": pl.int_range(rows.height, eager=True),
                "language": rows["language"],
                "letters": texts.str.count_matches(r"\p{L}"),
                "inside": pl.DataFrame({"text": texts, "language": rows["language"]})
                .with_columns(inside=letters_in_script(rows["language"].unique().sort()))
                .get_column("inside"),
            }
        )
        return score_each(frame, frame.columns, measure, self.scores)

    def _voters(self, code: str) -> dict[int, _Voter]:
        """Return the voters on a language, by their index among the identifiers.

        If none knows the language, those vote whose mistakes about it are known: only near certainty
        of another language counts then.
        """
        voters, strangers = {}, {}
        for number, identifier in enumerate(self.identifiers):
            trust, confused = reliability(identifier, code), confused_with(identifier, code)
            expected, others = self.labels(code, identifier)
            elsewhere = _elsewhere(code, identifier.labels)
            if trust:
                rivals = self.rivals(code)
                known = sum(reliability(identifier, other) > 0 for other in rivals)
                share = known / len(rivals) if rivals else 1.0
                weight = (trust * max(share, _DOUBT)) ** 2
                voters[number] = _Voter(
                    identifier, expected, others, elsewhere, confused, trust, weight
                )
            elif confused is not None:
                strangers[number] = _Voter(
                    identifier, expected, others, elsewhere, confused, 0.0, 1.0
                )
        return voters or strangers

    def rivals(self, code: str) -> tuple[str, ...]:
        """Return the recipe's other languages that a language could be mistaken for: those that use only
        its scripts."""
        scripts = set(unicode_scripts(code))
        return tuple(
            other
            for other in self.languages
            if other != code and scripts.issuperset(unicode_scripts(other))
        )

    def labels(
        self, code: str, identifier: LanguageIdentifier
    ) -> tuple[frozenset[str], tuple[frozenset[str], ...]]:
        """Return the labels of a language, and those of each language that it could be mistaken for.

        Labels that both have (Simplified and Traditional Chinese) say nothing and are left out.
        """
        expected = labels_of(get_language(code), identifier)
        others = (
            labels_of(get_language(other), identifier) - expected for other in self.rivals(code)
        )
        return expected, tuple(labels for labels in others if labels)

    @cached_property
    def trust(self) -> dict[str, float]:
        """Greatest `reliability` of the identifiers in each of the recipe's languages."""
        return {
            code: max((reliability(each, code) for each in self.identifiers), default=0.0)
            for code in self.languages
        }

    @property
    def unknown(self) -> tuple[str, ...]:
        """Languages of the recipe that no identifier knows: nothing is rejected there."""
        return tuple(code for code, trust in self.trust.items() if not trust)

    @property
    def weak(self) -> tuple[str, ...]:
        """Languages that the best identifier knows badly: next to nothing is rejected there."""
        return tuple(code for code, trust in self.trust.items() if 0 < trust < WEAK)


def readable(texts: pl.Series) -> pl.Series:
    """Return texts for an identifier: without addresses and placeholders, and not all in capitals.

    Capitals are kept where they are few: they distinguish German from English.
    """
    cleaned = without_spans(texts)
    shouted = cleaned.str.count_matches(r"\p{Lu}") > cleaned.str.count_matches(r"\p{Ll}")
    return cleaned.str.to_lowercase().zip_with(shouted, cleaned)


def _own_script(texts: pl.Series, languages: pl.Series) -> pl.Series:
    """Return texts in other scripts than Latin without their Latin words, unless nothing else is left.

    Names and terms say nothing about the language; English that was left is for other checks to find.
    """
    rest = texts.str.replace_all(r"\p{Latin}[\p{Latin}\x{300}-\x{36f}\d'’-]*", " ")
    latin = languages.str.ends_with("_Latn") | ~rest.str.contains(r"\p{L}")
    return texts.zip_with(latin, rest)


def _counted(votes: Sequence[_Vote], voters: Sequence[_Voter]) -> tuple[float, float, float, float]:
    """Return the first four scores."""
    total = sum(voter.weight for voter in voters)
    if not total:
        return 1.0, 0.0, 0.0, 0.0

    def mean(values: Iterable[float]) -> float:
        return sum(v.weight * value for v, value in zip(voters, values, strict=True)) / total

    trust = max(voter.trust for voter in voters)
    certain = 0.0
    if any(vote.certain is not None for vote in votes):
        certain = mean(v.against if v.certain is None else v.certain for v in votes)
    if not trust:
        return 1.0, 0.0, 0.0, max(certain, 0.0)
    against = mean(vote.against for vote in votes)
    if against > 0:
        against *= max(_LEAST_TRUST, trust**2)
    means = (mean(getattr(vote, name) for vote in votes) for name in ("own", "other", "outside"))
    return (*means, max(against, certain) if certain > 0 else against)  # type: ignore[return-value]


@cache
def _elsewhere(code: str, labels: frozenset[str]) -> frozenset[str]:
    """Return the labels that are of languages in other scripts than a language's, and of no other."""
    scripts = set(unicode_scripts(code))
    here: set[str] = set()
    known: set[str] = set()
    for language in all_languages():
        found = labels_for(language.code, labels)
        known |= found
        if scripts.intersection(unicode_scripts(language.code)):
            here |= found
    return frozenset(known - here)


def _sum(probabilities: Mapping[str, float], labels: frozenset[str]) -> float:
    return min(1.0, sum([probabilities[label] for label in labels if label in probabilities]))
