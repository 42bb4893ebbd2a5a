"""Write ``mlc_data/checks/data/number_words.csv``: words that stand for numbers, by language.

Sources, in this order: CLDR's spell-out rules through ICU (cardinals and ordinals in all genders and
cases), indic-numtowords (MIT) for languages of India that CLDR does not spell out, CLDR's compact
number patterns ("0 Tsd."), months and day periods through Babel, and ``extra.csv`` beside this file,
which is written by hand.

    pip install PyICU babel indic-numtowords
    python scripts/number_words/build.py
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import icu
from babel import Locale, UnknownLocaleError
from indic_numtowords import num2words

HERE = Path(__file__).parent
PACKAGE = HERE.parent.parent / "mlc_data"
NUMBERS = (*range(101), *range(200, 1000, 100))
INDIC = {
    "asm_Beng": "as", "ben_Beng": "bn", "guj_Gujr": "gu", "kan_Knda": "kn", "mal_Mlym": "ml",
    "mar_Deva": "mr", "ory_Orya": "or", "pan_Guru": "pa", "tel_Telu": "te", "urd_Arab": "ur",
}  # fmt: skip
# CLDR's name where it is not the one that the table of languages has.
LOCALES = {"kmr_Latn": "ku", "pbt_Arab": "ps", "als_Latn": "sq", "lvs_Latn": "lv", "swh_Latn": "sw",
           "arb_Arab": "ar", "zsm_Latn": "ms", "nob_Latn": "nb", "azj_Latn": "az", "npi_Deva": "ne",
           "pes_Arab": "fa", "khk_Cyrl": "mn", "uzn_Latn": "uz", "ydd_Hebr": "yi"}  # fmt: skip
PERIODS = {"am": "morning", "morning1": "morning", "morning2": "morning", "pm": "afternoon",
           "afternoon1": "afternoon", "afternoon2": "afternoon", "evening1": "afternoon",
           "evening2": "afternoon"}  # fmt: skip
# Symbols such as "M" and "0B" differ between languages and are units elsewhere.
SHORTEST_LATIN_SCALE = 3

Words = defaultdict[tuple[str, str, str], set[str]]


def main() -> None:
    """Gather all words and write the table."""
    words: Words = defaultdict(set)
    with (PACKAGE / "languages" / "flores.csv").open(encoding="utf-8") as file:
        languages = {row["code"]: row["bcp47"] for row in csv.DictReader(file)}
    for code, tag in languages.items():
        if code == "eng_Latn":
            continue
        for number, word in spelled(code, tag):
            words[code, "number", str(number)].add(clean(word))
        try:
            locale = Locale.parse(LOCALES.get(code, tag.replace("-", "_")), sep="_")
        except (UnknownLocaleError, ValueError):
            continue
        for kind, value, word in of_locale(locale):
            words[code, kind, value].add(clean(word))
    for row in extra():
        words[row["language"], row["kind"], row["value"]] |= {
            clean(word) for word in row["words"].split("|")
        }
    write(words)


def spelled(code: str, tag: str) -> Iterator[tuple[int, str]]:
    """Yield numbers with each of their words."""
    if code in INDIC:
        for number in NUMBERS:
            for word in num2words(number, lang=INDIC[code], variations=True):
                yield number, word
        return
    language = icu.Locale.forLanguageTag(LOCALES.get(code, tag))
    rules = icu.RuleBasedNumberFormat(icu.URBNFRuleSetTag.SPELLOUT, language)
    actual = str(rules.getLocale(icu.ULocDataLocaleType.ACTUAL_LOCALE)).split("_")[0]
    if actual != language.getLanguage():
        return  # CLDR has no rules for it, ICU falls back to another language
    for index in range(rules.getNumberOfRuleSetNames()):
        rules.setDefaultRuleSet(rules.getRuleSetName(index))
        for number in NUMBERS:
            word = rules.format(number)
            if not any(character.isdecimal() for character in word):
                yield number, word


def of_locale(locale: Any) -> Iterator[tuple[str, str, str]]:
    """Yield kind, value and word of the scales, months and day periods of a locale."""
    for style in ("long", "short"):
        for patterns in locale.compact_decimal_formats.get(style, {}).values():
            for size, pattern in patterns.items():
                if scale := scale_of(str(size), str(pattern.pattern)):
                    yield ("scale", *scale)
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, word in locale.months.get(context, {}).get(width, {}).items():
                if not any(character.isdecimal() for character in str(word)):
                    yield "month", str(number), str(word)
            for period, word in locale.day_periods.get(context, {}).get(width, {}).items():
                if period in PERIODS and not re.fullmatch(r"[AaPp]\.?\s?[Mm]\.?", str(word)):
                    yield PERIODS[period], "", str(word)


def scale_of(size: str, pattern: str) -> tuple[str, str] | None:
    """Return the value and the word of a compact pattern such as ``00 mil`` for 10000."""
    pattern = pattern.split(";", maxsplit=1)[0]
    zeros = pattern.count("0")
    word = re.sub(r"[0'\u200e\u200f\u200b]", "", pattern).strip()
    latin = re.fullmatch(r"[\x00-\u024f]+", word)
    if (
        not word
        or not zeros
        or (latin and len(word.strip(". ").split()[-1]) < SHORTEST_LATIN_SCALE)
    ):
        return None
    return str(int(size) // 10 ** (zeros - 1)), word


def clean(word: str) -> str:
    """Return a word in lower case, NFKC, without soft hyphens and blanks of no width."""
    word = unicodedata.normalize("NFKC", word).replace("\u00ad", "").replace("\u200b", "")
    return " ".join(word.lower().split()).strip(".")


def extra() -> list[dict[str, str]]:
    """Return the rows that are written by hand."""
    with (HERE / "extra.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def composed(words: Words, key: tuple[str, str, str], form: str) -> bool:
    """Return whether a form is the word for the tens and the word for the units, as `двадцать один`."""
    language, kind, value = key
    parts = form.split(" ")
    if (
        kind != "number"
        or not 20 < int(value) < 100
        or not int(value) % 10
        or len(parts) not in (2, 3)
    ):
        return False
    tens, units = (
        words.get((language, kind, str(number)), set())
        for number in (int(value) // 10 * 10, int(value) % 10)
    )
    return parts[0] in tens and parts[-1] in units


def write(words: Words) -> None:
    """Write the table, a line for each language, kind and value."""
    path = PACKAGE / "checks" / "data" / "number_words.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("language", "kind", "value", "words"))
        for (language, kind, value), forms in sorted(
            words.items(), key=lambda item: (item[0][0], item[0][1], int(item[0][2] or 0))
        ):
            key = language, kind, value
            if kept := sorted(form for form in forms if form and not composed(words, key, form)):
                table.writerow((language, kind, value, "|".join(kept)))


if __name__ == "__main__":
    main()
