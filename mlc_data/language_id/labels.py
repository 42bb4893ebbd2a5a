"""Labels of language identifiers and FLORES-200 codes: the only place that knows both.

Every family of identifiers has labels of its own:

- lid.176: ISO 639-1 and some Wikipedia codes (`languages/flores.csv` lists them);
- lingua: ISO 639-1 in lower case;
- heliport (HeLI-OTS): ISO 639-3 without script, often the macrolanguage (``swa``, ``ara``);
- lid218e and OpenLID: FLORES-200 codes, the newer ones with ``cmn`` for ``zho`` and a third part for
  the variety (``twi_Latn_akua1239``);
- GlotLID: ISO 639-3 and script, Chinese as ``cmn_Hani``, Persian as ``fas_Arab``.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cache

from mlc_data.languages.flores import Language, get_language

# ISO 639-3 codes that identifiers use for a FLORES-200 language instead of its own, or in addition:
# macrolanguages, and what GlotLID, OpenLID and HeLI-OTS have renamed or merged.
_ALSO: dict[str, str] = {
    "acm": "ara", "acq": "ara arb", "aeb": "ara", "ajp": "ara", "aka": "twi", "als": "sqi",
    "apc": "ara", "arb": "ara", "ars": "ara", "ary": "ara", "arz": "ara", "ayr": "aym",
    "azj": "aze", "bho": "bih", "bos": "hbs hbsbos", "dik": "din", "est": "ekk", "fuv": "ful",
    "gaz": "orm", "grn": "gug", "hrv": "hbs hbshrv", "ind": "msaind msa", "khk": "mon",
    "kmr": "kur", "knc": "kau", "kon": "kng", "lvs": "lav", "mag": "bih", "mai": "bih",
    "min": "msamin", "nno": "nor", "nob": "nor", "npi": "nep", "ory": "ori", "pbt": "pus pbu",
    "pes": "fas", "plt": "mlg", "prs": "fas pes", "quy": "que", "srd": "src sro",
    "srp": "hbs hbssrp", "swh": "swa", "taq": "tmh", "tgl": "fil", "twi": "aka", "uzn": "uzb",
    "ydd": "yid", "zho": "cmn", "zsm": "msazsm msamalay msa zlm",
}  # fmt: skip
_SCRIPTS = {"Hans": ("Hans", "Hani"), "Hant": ("Hant", "Hani"), "Hang": ("Hang", "Kore")}
# A code without script means the language in its usual script; these are written in two here.
_UNUSUAL_SCRIPT = frozenset({"arb_Latn", "min_Arab", "bjn_Arab", "ace_Arab", "taq_Tfng"})


class Convention(StrEnum):
    """Conventions of writing labels."""

    TWO_LETTERS = "two letters"
    THREE_LETTERS = "three letters"
    WITH_SCRIPT = "with script"


@cache
def convention(labels: frozenset[str]) -> Convention:
    """Return the convention of an identifier with these labels."""
    if any(len(label) >= 8 and label[3] == "_" for label in labels):
        return Convention.WITH_SCRIPT
    if "eng" in labels:
        return Convention.THREE_LETTERS
    return Convention.TWO_LETTERS


@cache
def labels_for(code: str, labels: frozenset[str]) -> frozenset[str]:
    """Return the labels that an identifier gives to text in a language (FLORES-200 code).

    Empty if it does not know the language. Several languages may share a label: ``zh`` is both
    Simplified and Traditional Chinese.
    """
    language = get_language(code)
    family = convention(labels)
    if family is Convention.WITH_SCRIPT:
        wanted = set(_with_script(language))
        return frozenset(label for label in labels if label[:8] in wanted)
    if family is Convention.THREE_LETTERS:
        return labels.intersection(() if code in _UNUSUAL_SCRIPT else _three(language))
    tag = language.bcp47
    usual = () if tag.count("-") and tag not in ("zh-Hans", "zh-Hant") else (tag.split("-")[0],)
    return labels.intersection({*language.lid176, *usual})


def _three(language: Language) -> tuple[str, ...]:
    own = language.code.partition("_")[0]
    return (own, *_ALSO.get(own, "").split())


def _with_script(language: Language) -> Iterable[str]:
    scripts = _SCRIPTS.get(language.script, (language.script,))
    return (f"{name}_{script}" for name in _three(language) for script in scripts)
