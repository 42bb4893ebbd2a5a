"""Families of models, one per file: token layout and language tokens, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType

from mlc_data.translate.engines.ctranslate2 import Ct2Translator
from mlc_data.translate.engines.families.m2m100 import M2m100Translator
from mlc_data.translate.engines.families.madlad import MadladTranslator
from mlc_data.translate.engines.families.marian import MarianTranslator
from mlc_data.translate.engines.families.nllb import LANGUAGE_TOKEN, NllbTranslator

FAMILIES: MappingProxyType[str, type[Ct2Translator]] = MappingProxyType(
    {
        each.family: each
        for each in (NllbTranslator, M2m100Translator, MadladTranslator, MarianTranslator)
    }
)
"""Families by their name in ``translate.family``."""

_TOKENS = MappingProxyType(
    {
        "nllb": LANGUAGE_TOKEN,
        "m2m100": re.compile(r"^__[a-z]{2,3}__$"),
        "madlad": re.compile(r"^<2[a-z]{2,3}(_\w+)?>$"),
    }
)


def family_of(vocabulary: Iterable[str], files: Iterable[str]) -> str | None:
    """Return the family that a model's language tokens and file names indicate; None unless there is exactly one."""
    tokens = list(vocabulary)
    families = {
        name for name, pattern in _TOKENS.items() if any(pattern.match(token) for token in tokens)
    }
    if {"source.spm", "target.spm"} <= set(files):
        families.add("marian")
    return families.pop() if len(families) == 1 else None
