"""Residue of models and converters in a text: control tokens, language codes, entities, escapes, lead-ins."""

from __future__ import annotations

import re
from functools import cache

from mlc_data.languages.flores import get_language
from mlc_data.languages.lead_ins import lead_ins
from mlc_data.text.mojibake import mojibake

_TOKENS = "s|unk|pad|bos|eos|eot|sep|cls|mask|blank|oov|lang|start|end|sos|usr|sys|inst"
# Kinds of marks that good text does not have in any language. Counted one by one: a prompt about
# HTML entities excuses entities, and nothing else.
_KINDS = {
    "unknown": r"⁇|\ufffd|[\ue000-\uf8ff\ufff0-\ufff8\ufffe\uffff]",
    "token": rf"(?i:</?(?:{_TOKENS})/?>|\[/?(?:{_TOKENS})\])|<\|[^<>|\n]{{1,40}}\|?>|<extra_id_\d+>"
    r"|<unused\d+>|<0x[0-9A-Fa-f]{2}>|<2[a-z]{2,3}(?:_[A-Za-z]+)?>|<end_of_turn>|<start_of_turn>",
    "code": r"\b[a-z]{3}_[A-Z][a-z]{3}\b|\b[a-z]{2}_[A-Z]{2}\b|__[a-z]{2,3}(?:_[A-Za-z]{2,4})?__"
    r"|>>\s?[a-z]{2,3}(?:_[A-Za-z]{2,4})?\s?<<|<[a-z]{2,3}_[A-Za-z]{2,4}>|<<?lang[:=][^<>]{1,20}>?>",
    "piece": r"▁|@@(?= |$)|@-@|(?<!\S)##(?=\w)|[ĠĊ](?=[A-Za-z]{2})",
    "entity": r"&(?:#[0-9]{2,6}|#[xX][0-9A-Fa-f]{2,6}|[a-zA-Z]{2,8}[0-9]{0,2});",
    "escape": r"\\u\{?[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[nrt\"'/]"
    r"|(?:%[C-Fc-f][0-9A-Fa-f]%[89ABab][0-9A-Fa-f])+|\bU\+[0-9A-F]{4}\b|=[C-F][0-9A-F]=[89AB][0-9A-F]",
    "structure": r"^\s*[\[{]\s*[\"'][\w ]{1,30}[\"']\s*[:,]|^\s*```|</?(?:translation|output|text|target|source)>",
    "control": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "lost": r"(?<=[a-zà-ÿа-я])\?(?=[a-zà-ÿа-я])|\?{4,}",
}
_MALTESE = "mlt_Latn"
_WITHOUT_DOTS = {"piece": r"▁|@@(?= |$)|@-@|(?<!\S)##(?=\w)"}
"""Maltese writes the letters that byte-level tokenizers put before a word."""
_COMPILED = {kind: re.compile(pattern, re.MULTILINE) for kind, pattern in _KINDS.items()}
_MALTESE_COMPILED = _COMPILED | {kind: re.compile(p) for kind, p in _WITHOUT_DOTS.items()}

_JOINERS = "\u200c\u200d"
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_BREAKS = "\u200b\u2060\ufeff\u00ad\u180e"
_JOINED = frozenset(
    [
        "Arab",
        "Deva",
        "Beng",
        "Gujr",
        "Guru",
        "Orya",
        "Taml",
        "Telu",
        "Knda",
        "Mlym",
        "Sinh",
        "Khmr",
        "Mymr",
        "Laoo",
        "Tibt",
        "Thai",
        "Olck",
        "Mtei",
        "Nkoo",
    ]
)
_BROKEN = frozenset(["Khmr", "Mymr", "Laoo", "Thai", "Tibt", "Jpan"])
_RIGHT_TO_LEFT = frozenset({"Arab", "Hebr"})
_EMOJI_JOINER = re.compile("(?<=[\u2600-\u27bf\ufe0f\U0001f000-\U0001faff])\u200d")


def residue(text: str, source: str, language: str) -> int:
    """Return the number of marks of residue that a text has beyond those of its prompt.

    Args:
        text: a translation.
        source: the prompt, in English for lead-ins ("Here is the translation:").
        language: FLORES-200 code of the translation.
    """
    kinds = _MALTESE_COMPILED if language == _MALTESE else _COMPILED
    found = 0
    for kind in kinds.values():
        if marks := len(kind.findall(text)):
            found += max(0, marks - len(kind.findall(source)))
    script = get_language(language).script
    if broken := mojibake(text, script):
        found += max(0, broken - mojibake(source))
    return (
        found
        + _invisible(text, source, script)
        + lead_ins(text, source)
        + _tag(text, source, language)
    )


def _invisible(text: str, source: str, script: str) -> int:
    """Return the number of invisible characters that the script has no use for, beyond the prompt's."""
    if text.isascii():
        return 0
    pattern = _unused(script)
    marks = len(pattern.findall(_EMOJI_JOINER.sub("", text)))
    return max(0, marks - len(pattern.findall(_EMOJI_JOINER.sub("", source)))) if marks else 0


@cache
def _unused(script: str) -> re.Pattern[str]:
    kept = (
        (_JOINERS if script not in _JOINED else ""),
        (_DIRECTIONS if script not in _RIGHT_TO_LEFT else ""),
        (_BREAKS if script not in _BROKEN else "\ufeff"),
    )
    return re.compile(f"[{''.join(kept)}]")


def _tag(text: str, source: str, language: str) -> int:
    """Return 1 if the text begins or ends with a bare code of its language: ``es ¿Cómo ...``."""
    begins, ends = _tags(language)
    if not source[:1].isupper():
        return 0
    return int(bool(begins.search(text) or ends.search(text)))


@cache
def _tags(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns that begin and that end with a code of a language or of English."""
    known = get_language(language)
    codes = {
        known.code,
        known.code.partition("_")[0],
        known.bcp47.partition("-")[0],
        known.bcp47,
        "eng",
        "en",
    }
    either = "|".join(sorted(map(re.escape, codes), key=len, reverse=True))
    # A capital follows, so that "es" is no verb.
    begins = rf"^(?:{either})\s?[:|>\]-]?\s+(?=[^\W\d_a-zà-ÿ]|[¿¡\"«“(])|^[\[(<](?:{either})[\])>]"
    ends = rf"[.!?。！？।۔؟]\s+(?:{either})$|[\[(<](?:{either})[\])>]$"
    return re.compile(begins), re.compile(ends)
