"""Is the variant in another language than it should be? Several identifiers may vote."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from mlc_data.checks.base import Limit, VariantReason, at_least, each, threshold, within
from mlc_data.checks.script import unicode_scripts
from mlc_data.language_id.fasttext import LanguageIdentifier, labels_of
from mlc_data.language_id.reliability import WEAK, reliability
from mlc_data.languages.flores import get_language
from mlc_data.recipe.base import Section
from mlc_data.recipe.checks import LanguageIdCheck
from mlc_data.text.spans import without_spans

_LETTERS_OF_A_CHARACTER = {"Hans": 2, "Hant": 2, "Jpan": 2, "Hang": 2}
_DOUBT = 0.01
"""Added to probabilities before they are compared: a vote is at most a factor of about 100."""
_LEAST_TRUST = 0.286
"""However unreliable the voters are in the language, near certainty (a factor of 56) that the text is
in another one counts as much as the default threshold."""


@dataclass(frozen=True)
class _Voice:
    """One identifier's part in the vote on one language."""

    identifier: LanguageIdentifier
    expected: frozenset[str]
    others: tuple[frozenset[str], ...]
    trust: float
    weight: float

    def hear(self, found: Mapping[str, float]) -> tuple[float, float, float, float]:
        """Probability of the expected language, of the likeliest other one of the recipe, of the
        likeliest label of all others, and the evidence against (-2 to 2)."""
        own = _sum(found, self.expected)
        other = max((_sum(found, one) for one in self.others), default=0.0)
        outside = max((p for label, p in found.items() if label not in self.expected), default=0.0)
        # An identifier that often takes the language for some other is not believed when it does.
        rival = max(other, self.trust**4 * outside)
        return own, other, outside, math.log10((rival + _DOUBT) / (own + _DOUBT))


_ENOUGH = at_least("language_id_letters", "enough_letters")


def counted(settings: Section) -> pl.Expr:
    """The evidence against the language, in proportion less where there are few letters."""
    against, letters = pl.col("language_id_against"), pl.col(_ENOUGH.score)
    sure = pl.min_horizontal(letters / threshold(_ENOUGH.values(settings)), 1.0)
    return pl.when(against > 0).then(against * sure).otherwise(against)


@dataclass(frozen=True)
class Against(Limit):
    """Evidence against a language, which counts for less in a short text."""

    def kept(self, settings: Section) -> pl.Expr:
        """Over ``language``, the evidence and the letters: whether there is not too much of it."""
        return counted(settings) <= threshold(self.values(settings))

    def bound(self, settings: Section, language: str, scores: Mapping[str, float]) -> float:
        """Higher in a text of few letters; without any, nothing counts."""
        limit = super().bound(settings, language, scores)
        sure = min(scores[_ENOUGH.score] / _ENOUGH.bound(settings, language, scores), 1.0)
        if scores[self.score] <= 0:
            return limit
        return limit / sure if sure else math.inf


@dataclass(frozen=True)
class LanguageId:
    """Evidence that the variant is in another language.

    The usual question, whether an identifier is sure of the expected language, throws most Swahili
    away: identifiers are unsure of languages that they have seen little of. So this asks by how much
    another language is likelier: one of the recipe's that it could be mistaken for (the source or
    another target, written in no other script; other scripts are the script check's), or any at all,
    which counts by how seldom the identifier is wrong about the expected language.

    Each identifier votes on the languages that it knows. Its weight is the square of its
    `reliability` there, times the square of the share that it knows of the recipe's languages that the
    text could be mistaken for (to one that knows no Pashto, Pashto is Urdu). All scores are weighted
    means of the votes:

    - ``language_id_support`` (0 to 1): probability of the expected language; 1 if none knows it.
    - ``language_id_other`` (0 to 1): probability of the likeliest other language of the recipe.
    - ``language_id_outside`` (0 to 1): probability of the likeliest other language of all.
    - ``language_id_against`` (-2 to 2): log10 of how much likelier another language is; positive
      values are scaled down by the square of the greatest reliability among the voters, to no less
      than 0.286. 0 if none knows the language.
    - ``language_id_letters``: letters of the text; Chinese, Japanese and Korean ones count twice.

    ``languages`` are the FLORES-200 codes of the recipe, source included.
    """

    identifiers: tuple[LanguageIdentifier, ...]
    languages: tuple[str, ...]
    settings: LanguageIdCheck = field(default_factory=LanguageIdCheck)
    reason = VariantReason.LANGUAGE_ID
    scores = (
        "language_id_support",
        "language_id_other",
        "language_id_outside",
        "language_id_against",
        "language_id_letters",
    )
    limits = (
        Against("language_id_against", "max_against", upper=True),
        at_least("language_id_support", "min_support"),
    )

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The columns `scores`."""
        texts = readable(rows["text"])
        found = [one.identify(texts.to_list()) for one in self.identifiers]
        votes = {code: self._voices(code) for code in rows["language"].unique()}

        def measure(index: int, language: str, letters: int) -> tuple[float, ...]:
            weight = _LETTERS_OF_A_CHARACTER.get(get_language(language).script, 1)
            voices = votes[language]
            if not voices:
                return 1.0, 0.0, 0.0, 0.0, float(weight * letters)
            heard = [voice.hear(found[number][index]) for number, voice in voices.items()]
            weights = [voice.weight for voice in voices.values()]
            own, other, outside, against = _mean(heard, weights)
            if against > 0:
                against *= max(_LEAST_TRUST, *(voice.trust**2 for voice in voices.values()))
            return own, other, outside, against, float(weight * letters)

        frame = pl.DataFrame(
            {
                "index": pl.int_range(rows.height, eager=True),
                "language": rows["language"],
                "letters": texts.str.count_matches(r"\p{L}"),
            }
        )
        return each(frame, frame.columns, measure, self.scores)

    def passes(self) -> pl.Expr:
        """At most so much evidence against the language, less of it in a short text, and at least so
        much for it."""
        return within(self.settings, self.limits)

    def _voices(self, code: str) -> dict[int, _Voice]:
        """Who votes on a language, by its place among the identifiers."""
        voices = {}
        for number, identifier in enumerate(self.identifiers):
            if trust := reliability(identifier, code):
                expected, others = self.labels(code, identifier)
                rivals = self.rivals(code)
                known = sum(reliability(identifier, other) > 0 for other in rivals)
                share = known / len(rivals) if rivals else 1.0
                weight = (trust * max(share, _DOUBT)) ** 2
                voices[number] = _Voice(identifier, expected, others, trust, weight)
        return voices

    def rivals(self, code: str) -> tuple[str, ...]:
        """The recipe's other languages that a language could be taken for: written in no script that
        it is not written in."""
        scripts = set(unicode_scripts(code))
        return tuple(
            other
            for other in self.languages
            if other != code and scripts.issuperset(unicode_scripts(other))
        )

    def labels(
        self, code: str, identifier: LanguageIdentifier
    ) -> tuple[frozenset[str], tuple[frozenset[str], ...]]:
        """The labels of a language, and those of each other language that it could be taken for.

        Labels that both have (Simplified and Traditional Chinese) say nothing and are left out.
        """
        expected = labels_of(get_language(code), identifier)
        others = (
            labels_of(get_language(other), identifier) - expected for other in self.rivals(code)
        )
        return expected, tuple(labels for labels in others if labels)

    @cached_property
    def trust(self) -> dict[str, float]:
        """The greatest `reliability` of the identifiers in each of the recipe's languages."""
        return {
            code: max((reliability(one, code) for one in self.identifiers), default=0.0)
            for code in self.languages
        }

    @property
    def unknown(self) -> tuple[str, ...]:
        """The recipe's languages that no identifier knows: nothing is rejected there."""
        return tuple(code for code, trust in self.trust.items() if not trust)

    @property
    def weak(self) -> tuple[str, ...]:
        """Those that the best identifier knows badly: next to nothing is rejected there."""
        return tuple(code for code, trust in self.trust.items() if 0 < trust < WEAK)


def readable(texts: pl.Series) -> pl.Series:
    """The texts as an identifier should see them: no addresses, no placeholders, no shouting.

    Capitals are kept where they are few: they tell German from English.
    """
    cleaned = without_spans(texts)
    shouted = cleaned.str.count_matches(r"\p{Lu}") > cleaned.str.count_matches(r"\p{Ll}")
    return cleaned.str.to_lowercase().zip_with(shouted, cleaned)


def _mean(rows: Sequence[tuple[float, ...]], weights: Sequence[float]) -> tuple[float, ...]:
    total = sum(weights)
    return tuple(
        sum(w * value for w, value in zip(weights, column, strict=True)) / total
        for column in zip(*rows, strict=True)
    )


def _sum(found: Mapping[str, float], labels: frozenset[str]) -> float:
    return min(1.0, sum([found[label] for label in labels if label in found]))
