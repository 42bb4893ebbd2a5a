"""The FLORES-200 languages: the only codes that recipes, tables and models use here.

``flores.csv`` has a row for each language; its labels of lid.176 are those that this identifier gives to text
in the language, so dialects share their relatives'. ``macrolanguages.csv`` lists codes of a family or
macrolanguage with the FLORES-200 codes that they may mean.

A language is a language *and* a script, so codes that leave the script or the variety open (``ku``,
``zh``) are refused with the choices.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType

from mlc_data.errors import UnknownLanguageError

_UNSPACED_SCRIPTS = frozenset({"Hans", "Hant", "Jpan", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"})


@dataclass(frozen=True, slots=True)
class Language:
    """A language in a script.

    Attributes:
        code: FLORES-200 code, ``swh_Latn``.
        name: English name.
        script: ISO 15924 code.
        bcp47: shortest BCP 47 tag; it has a script only where that is not the usual one.
        lid176: labels that lid.176 gives to text in this language; empty if it does not know it.
        spaced: whether blanks separate words.
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


def _rows(name: str) -> Iterator[list[str]]:
    """Yield the rows of a CSV file of this folder, without its header."""
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        yield from rows


_LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {row[0]: _language(*row) for row in _rows("flores.csv")}
)


def all_languages() -> tuple[Language, ...]:
    """Return every FLORES-200 language (204), in order of code."""
    return tuple(_LANGUAGES.values())


def get_language(code: str) -> Language:
    """Return the language of a FLORES-200 code.

    Raises:
        UnknownLanguageError: ``code`` is not one. Names the choices if it is an ISO 639 code or BCP 47
            tag, and the nearest codes if it looks misspelt.
    """
    language = _LANGUAGES.get(code)
    if language is None:
        raise UnknownLanguageError(_refusal(code))
    return language


def find_language(name: str) -> Language:
    """Return the language that a FLORES-200 code, ISO 639 code, BCP 47 tag or English name means.

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
    """Return the codes that an alias may mean; a script after it (``swa_Latn``) narrows them down."""
    if codes := _aliases().get(wanted):
        return codes
    language, _, script = wanted.partition("_")
    codes = _aliases().get(language, ())
    return tuple(code for code in codes if code.casefold().endswith(f"_{script}")) or codes


def _named(code: str) -> str:
    return f"{code} ({_LANGUAGES[code].name})"


@cache
def _aliases() -> Mapping[str, tuple[str, ...]]:
    """Return other names of languages, case folded, with the codes that each may mean."""
    aliases: dict[str, list[str]] = {}
    for code, language in _LANGUAGES.items():
        tag = language.bcp47.casefold().replace("-", "_")
        bare, script = tag.partition("_")[0], language.script.casefold()
        names = {code.casefold(), code.partition("_")[0], tag, bare, f"{bare}_{script}"}
        for name in names | {language.name.casefold()}:
            aliases.setdefault(name, []).append(code)
    # A macrolanguage's code means all its members, not only the language that has it as its tag.
    aliases.update({name: codes.split() for name, codes in _rows("macrolanguages.csv")})
    return {name: tuple(codes) for name, codes in aliases.items()}
