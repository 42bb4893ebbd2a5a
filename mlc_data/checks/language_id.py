"""Is the variant in another language than it should be?"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from mlc_data.checks.base import VariantReason, each, threshold
from mlc_data.checks.identifiers import LanguageIdentifier, labels_of
from mlc_data.checks.script import unicode_scripts
from mlc_data.checks.spans import without_spans
from mlc_data.languages import get_language
from mlc_data.recipe import LanguageIdCheck

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
    target, in the same script.

    - ``language_id_expected`` (0 to 1): probability of the expected language.
    - ``language_id_other`` (0 to 1): probability of the likeliest other one.
    - ``language_id_against`` (-1 to 1): the second less the first, scaled down for texts of fewer
      than 20 letters. 0 if the identifier does not know the expected language.

    ``languages`` are the FLORES-200 codes of the recipe, source included.
    """

    identifier: LanguageIdentifier
    languages: tuple[str, ...]
    settings: LanguageIdCheck = LanguageIdCheck()
    reason = VariantReason.LANGUAGE_ID
    scores = ("language_id_expected", "language_id_other", "language_id_against")

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``language_id_expected``, ``language_id_other`` and ``language_id_against``."""
        texts = pl.Series("text", [readable(text) for text in rows["text"]], dtype=pl.String)
        found = self.identifier.identify(texts.to_list())
        labels = {code: self.labels(code) for code in rows["language"].unique()}

        def measure(index: int, language: str, letters: int) -> tuple[float, float, float]:
            expected, others = labels[language]
            own = _sum(found[index], expected)
            other = max((_sum(found[index], one) for one in others), default=0.0)
            weight = _LETTERS_OF_A_CHARACTER.get(get_language(language).script, 1)
            sure = min(1.0, weight * letters / _ENOUGH_LETTERS)
            return own, other, (other - own) * sure if expected else 0.0

        frame = pl.DataFrame(
            {
                "index": pl.int_range(rows.height, eager=True),
                "language": rows["language"],
                "letters": texts.str.count_matches(r"\p{L}"),
            }
        )
        return each(frame, frame.columns, measure, self.scores)

    def passes(self) -> pl.Expr:
        """At most so much evidence against the language."""
        return pl.col("language_id_against") <= threshold(self.settings.max_against)

    def labels(self, code: str) -> tuple[frozenset[str], tuple[frozenset[str], ...]]:
        """The labels of a language, and those of each other language that it could be taken for.

        Labels that both have (Simplified and Traditional Chinese) say nothing and are left out.
        """
        expected = labels_of(get_language(code), self.identifier)
        scripts = set(unicode_scripts(code))
        others = (
            labels_of(get_language(other), self.identifier) - expected
            for other in self.languages
            if other != code and scripts.intersection(unicode_scripts(other))
        )
        return expected, tuple(labels for labels in others if labels)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The recipe's languages that the identifier does not know."""
        return tuple(
            code for code in self.languages if not labels_of(get_language(code), self.identifier)
        )


def readable(text: str) -> str:
    """The text as an identifier should see it: no addresses, no placeholders, no shouting."""
    return without_spans(text).lower()


def _sum(found: Mapping[str, float], labels: frozenset[str]) -> float:
    return min(1.0, sum(found.get(label, 0.0) for label in labels))
