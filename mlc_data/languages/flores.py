"""The FLORES-200 languages: the only codes that recipes, tables and models use here.

A language is a language *and* a script, so codes that leave the script or the variety open (``ku``,
``zh``) are refused with the choices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from mlc_data.errors import UnknownLanguageError
from mlc_data.languages.table import MACRO_CODES, ROWS

_UNSPACED_SCRIPTS = frozenset({"Hans", "Hant", "Jpan", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"})


@dataclass(frozen=True, slots=True)
class Language:
    """One language in one script.

    Attributes:
        code: FLORES-200 code, ``swh_Latn``.
        name: English name.
        script: ISO 15924 code.
        bcp47: shortest BCP 47 tag; it has a script only where that is not the usual one.
        lid176: labels that lid.176 gives to text in this language; empty if it does not know it.
        spaced: whether words are separated by blanks.
    """

    code: str
    name: str
    script: str
    bcp47: str
    lid176: tuple[str, ...]
    spaced: bool


def _language(code: str, name: str, bcp47: str, labels: str) -> Language:
    script = code.partition("_")[2]
    return Language(
        code, name, script, bcp47, tuple(labels.split()), script not in _UNSPACED_SCRIPTS
    )


_LANGUAGES: Mapping[str, Language] = MappingProxyType({row[0]: _language(*row) for row in ROWS})


def all_languages() -> tuple[Language, ...]:
    """Every FLORES-200 language (204), in order of its code."""
    return tuple(_LANGUAGES.values())


def get_language(code: str) -> Language:
    """The language of a FLORES-200 code.

    Raises:
        UnknownLanguageError: ``code`` is none. Names the choices if it is an ISO 639 code or BCP 47
            tag, and the nearest codes if it looks misspelt.
    """
    language = _LANGUAGES.get(code)
    if language is None:
        raise UnknownLanguageError(_refusal(code))
    return language


def find_language(name: str) -> Language:
    """The language that a FLORES-200 code, an ISO 639 code, a BCP 47 tag or an English name means.

    Raises:
        UnknownLanguageError: it means none, or may mean several. Names the choices.
    """
    choices = _choices(name.strip().casefold().replace("-", "_"))
    if name in _LANGUAGES:
        return _LANGUAGES[name]
    if len(choices) != 1:
        raise UnknownLanguageError(_refusal(name))
    return _LANGUAGES[choices[0]]


def _refusal(code: str) -> str:
    wanted = code.strip().casefold().replace("-", "_")
    choices = _choices(wanted)
    if len(choices) == 1:
        return f"{code!r} is not a FLORES-200 code: write {_named(choices[0])}"
    if choices:
        return f"{code!r} is ambiguous: {', '.join(map(_named, choices))}"
    folded = {known.casefold(): known for known in _LANGUAGES}
    names = {language.name.casefold(): language.code for language in _LANGUAGES.values()}
    near = [folded[match] for match in get_close_matches(wanted, folded, 3, 0.7)]
    near += [names[match] for match in get_close_matches(wanted, names, 3, 0.8)]
    hint = (
        f"did you mean {' or '.join(map(_named, dict.fromkeys(near)))}?"
        if near
        else "`mlc-data languages` lists them all; they look like swh_Latn"
    )
    return f"{code!r} is not a FLORES-200 code: {hint}"


def _choices(wanted: str) -> tuple[str, ...]:
    """What an alias may mean; a script after it (``swa_Latn``, ``zh_Hant``) narrows that down."""
    if found := _aliases().get(wanted):
        return found
    language, _, script = wanted.partition("_")
    found = _aliases().get(language, ())
    return tuple(code for code in found if code.casefold().endswith(f"_{script}")) or found


def _named(code: str) -> str:
    return f"{code} ({_LANGUAGES[code].name})"


@cache
def _aliases() -> Mapping[str, tuple[str, ...]]:
    """Other ways to write languages, case folded, and the codes that each may mean."""
    found: dict[str, list[str]] = {}
    for code, language in _LANGUAGES.items():
        tag = language.bcp47.casefold().replace("-", "_")
        bare, script = tag.partition("_")[0], language.script.casefold()
        names = {code.casefold(), code.partition("_")[0], tag, bare, f"{bare}_{script}"}
        for name in names | {language.name.casefold()}:
            found.setdefault(name, []).append(code)
    # A macro code stands for all that it covers, not only for the one that has it as its tag.
    found.update({name: codes.split() for name, codes in MACRO_CODES.items()})
    return {name: tuple(codes) for name, codes in found.items()}
