"""Is the variant in another language than it should be?"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import VariantReason, each, threshold
from mlc_data.checks.identifiers import LanguageIdentifier, labels_of
from mlc_data.checks.script import unicode_scripts
from mlc_data.checks.spans import without_spans
from mlc_data.languages import get_language
from mlc_data.recipe_checks import LanguageIdCheck

log = logging.getLogger(__name__)

_ENOUGH_LETTERS = 20
"""In a shorter text, what the identifier says counts for less, in proportion."""
_LETTERS_OF_A_CHARACTER = {"Hans": 3, "Hant": 3, "Jpan": 2, "Hang": 2}


@dataclass(frozen=True)
class LanguageId:
    """Evidence that the variant is in another of the recipe's languages.

    The usual question, whether the identifier is sure of the expected language, throws most Swahili
    away: identifiers are unsure of languages that they have seen little of. So this asks whether the
    text is rather in another language that it could be mistaken for: the source language or another
    target, written in no other script. (Whatever is in another script is the script check's.)

    - ``language_id_expected`` (0 to 1): probability of the expected language.
    - ``language_id_other`` (0 to 1): probability of the likeliest other one.
    - ``language_id_against`` (-1 to 1): the second less the first, scaled down for texts of fewer
      than 20 letters. 0 if the identifier does not know the expected language.
    - ``language_id_support`` (0 to 1): the first, scaled up in the same way; 1 if it does not know it.
      To be asked for only where the identifier knows the language well.

    ``languages`` are the FLORES-200 codes of the recipe, source included.
    """

    identifier: LanguageIdentifier
    languages: tuple[str, ...]
    settings: LanguageIdCheck = field(default_factory=LanguageIdCheck)
    reason = VariantReason.LANGUAGE_ID
    scores = (
        "language_id_expected",
        "language_id_other",
        "language_id_against",
        "language_id_support",
    )

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``language_id_expected``, ``..._other``, ``..._against`` and ``..._support``."""
        texts = readable(rows["text"])
        found = self.identifier.identify(texts.to_list())
        labels = {code: self.labels(code) for code in rows["language"].unique()}

        def measure(index: int, language: str, letters: int) -> tuple[float, ...]:
            expected, others = labels[language]
            own = _sum(found[index], expected)
            other = max((_sum(found[index], one) for one in others), default=0.0)
            weight = _LETTERS_OF_A_CHARACTER.get(get_language(language).script, 1)
            sure = min(1.0, weight * letters / _ENOUGH_LETTERS)
            if not expected:
                return own, other, 0.0, 1.0
            return own, other, (other - own) * sure, 1 - (1 - own) * sure

        frame = pl.DataFrame(
            {
                "index": pl.int_range(rows.height, eager=True),
                "language": rows["language"],
                "letters": texts.str.count_matches(r"\p{L}"),
            }
        )
        return each(frame, frame.columns, measure, self.scores)

    def passes(self) -> pl.Expr:
        """At most so much evidence against the language, and at least so much for it."""
        return (pl.col("language_id_against") <= threshold(self.settings.max_against)) & (
            pl.col("language_id_support") >= threshold(self.settings.min_support)
        )

    def labels(self, code: str) -> tuple[frozenset[str], tuple[frozenset[str], ...]]:
        """The labels of a language, and those of each other language that it could be taken for.

        Labels that both have (Simplified and Traditional Chinese) say nothing and are left out.
        """
        expected = labels_of(get_language(code), self.identifier)
        scripts = set(unicode_scripts(code))
        others = (
            labels_of(get_language(other), self.identifier) - expected
            for other in self.languages
            if other != code and scripts.issuperset(unicode_scripts(other))
        )
        return expected, tuple(labels for labels in others if labels)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The recipe's languages that the identifier does not know."""
        return tuple(
            code for code in self.languages if not labels_of(get_language(code), self.identifier)
        )


def readable(texts: pl.Series) -> pl.Series:
    """The texts as an identifier should see them: no addresses, no placeholders, no shouting.

    Capitals are kept where they are few: they tell German from English.
    """
    cleaned = without_spans(texts)
    shouted = cleaned.str.count_matches(r"\p{Lu}") > cleaned.str.count_matches(r"\p{Ll}")
    return cleaned.str.to_lowercase().zip_with(shouted, cleaned)


def _sum(found: Mapping[str, float], labels: frozenset[str]) -> float:
    return min(1.0, sum([found[label] for label in labels if label in found]))
