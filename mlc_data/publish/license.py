"""License check: the licenses of all parts together decide the license of a publication.

A license is reduced to six terms. A work made of several parts has the terms of all of them, so the
strictest license applies; a laxer one is refused. The license of a model that restricts use stands beside that of
the data. This is a safety net for publishers, not legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path

from mlc_data.core.messages import shown
from mlc_data.errors import UsageError
from mlc_data.publish.use_restrictions import UseRestriction, find_restriction

UNKNOWN = "unknown"
"""License that nobody named, as manifests write it."""


_NAMES = Path(__file__).parent / "license_names.txt"
_OWN_NAME = re.compile(r"LicenseRef-[A-Za-z0-9.-]+\Z")

BASE = "base"
"""Name of the part that is the model that was aligned."""


class LicenseError(UsageError):
    """The parts' licenses do not allow the publication."""


class LicenseTerm(StrEnum):
    """Condition of a license for passing the work on."""

    ATTRIBUTION = "attribution"  # name the authors, or keep the notice
    SHARE_ALIKE = "share-alike"  # derived works have the same license
    NON_COMMERCIAL = "non-commercial"
    NO_DERIVATIVES = "no derivatives"  # a translation is one
    OWN_TERMS = "terms of its own"  # a license that is not listed here
    USE_RESTRICTIONS = "use restrictions"  # what the model is used for


_BY, _SA, _NC, _ND, _OWN, _USE = LicenseTerm


@dataclass(frozen=True, slots=True)
class License:
    """A license and its terms.

    Attributes:
        id: SPDX identifier, or the name of a license of one's own.
        hub: the Hub's identifier; `other` where it has none.
        terms: its conditions.
        restriction: its use restrictions, if it has any.
    """

    id: str
    hub: str
    terms: frozenset[LicenseTerm]
    restriction: UseRestriction | None = None

    @property
    def family(self) -> str:
        """Return the identifier without its version: share-alike allows later versions."""
        return re.sub(r"-[\d.]+(-only|-or-later)?$", "", self.id)

    @property
    def version(self) -> tuple[int, ...]:
        """Return (4, 0) for ``CC-BY-SA-4.0``; empty if there is no version."""
        match = re.search(r"-([\d.]+)(?:-only|-or-later)?$", self.id)
        return tuple(int(number) for number in match[1].split(".")) if match else ()


# From the laxest to the strictest; of two with the same terms, the later one is chosen.
_LISTED: Mapping[tuple[LicenseTerm, ...], str] = {
    (): "CC0-1.0 Unlicense PDDL WTFPL",
    (_BY,): "ISC MIT BSD-2-Clause BSD-3-Clause Zlib BSL-1.0 AFL-3.0 ECL-2.0 NCSA PostgreSQL MS-PL "
    "Artistic-2.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 ODC-BY Apache-2.0 CC-BY-2.0 CC-BY-2.5 "
    "CC-BY-3.0 CC-BY-4.0",
    (_BY, _SA): "CDLA-Sharing-1.0 GFDL MPL-2.0 EPL-1.0 EPL-2.0 OSL-3.0 EUPL-1.1 EUPL-1.2 LGPL-2.1 "
    "LGPL-3.0 GPL-2.0 GPL-3.0 AGPL-3.0 ODbL CC-BY-SA-3.0 CC-BY-SA-4.0",
    (_BY, _NC): "CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0",
    (_BY, _SA, _NC): "CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0",
    (_BY, _ND): "CC-BY-ND-4.0",
    (_BY, _NC, _ND): "CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0",
}  # every name in small letters is an identifier of the Hub
_LICENSES = {
    name.lower(): License(name, name.lower(), frozenset(terms))
    for terms, names in _LISTED.items()
    for name in names.split()
}
_ORDER = {license.id: number for number, license in enumerate(_LICENSES.values())}
# SPDX identifier to the Hub's.
_ALIASES = {
    "odbl-1.0": "odbl",
    "pddl-1.0": "pddl",
    "odc-by-1.0": "odc-by",
    "cc0": "cc0-1.0",
    **{f"gfdl-1.{number}": "gfdl" for number in (1, 2, 3)},
    **{
        f"{name}-{version}{ending}": f"{name}-{version}"
        for name in ("gpl", "lgpl", "agpl")
        for version in ("2.0", "2.1", "3.0")
        for ending in ("-only", "-or-later")
    },
}
# "Apache License, Version 2.0" and "CC BY-NC 4.0" are written so on cards.
_WORDS = re.compile(r"[a-z0-9.+]+")
_FILLING = frozenset({"the", "license", "licence", "version"})
_STRICTEST = (_LICENSES["cc-by-nc-sa-4.0"], _LICENSES["cc-by-nc-nd-4.0"])


@dataclass(frozen=True, slots=True)
class Part:
    """Part that a published work is made from.

    Attributes:
        name: its name in ``--declare``: ``prompts``, ``translator``, ``base``.
        what: the file, data set or model.
        license: SPDX identifier; several joined by `` AND ``; or `UNKNOWN`.
        declared: True where the publisher named the license.
        carried: False for a base model whose weights are not in the work, which holds adapters alone.
    """

    name: str
    what: str
    license: str
    declared: bool = False
    carried: bool = True


@dataclass(frozen=True, slots=True)
class LicenseDecision:
    """License of a publication that passed the check.

    Attributes:
        license: of the publication.
        parts: what it is made from.
        objections: terms of the parts that the license breaks; only with ``rights``.
        rights: the publisher's reason why it may.
        beside: licenses of models that restrict use, which apply beside the license.
    """

    license: License
    parts: tuple[Part, ...]
    objections: tuple[str, ...] = ()
    rights: str | None = None
    beside: tuple[License, ...] = ()

    @property
    def name(self) -> str:
        """Identifiers of all licenses that apply, such as ``CC-BY-NC-4.0 AND gemma``."""
        return " AND ".join(item.id for item in (self.license, *self.beside))

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences that licenses with use restrictions want a card to show, each with the address of its text."""
        found = [item.restriction for item in (self.license, *self.beside) if item.restriction]
        return tuple(dict.fromkeys(f"{each.notice} ({each.link})" for each in found))


_LONGEST = 100
"""Characters of a license's name."""


def parse(name: str) -> License:
    """Return the license of an SPDX or Hub identifier; an unlisted name has terms of its own.

    Raises:
        LicenseError: the name is empty or `UNKNOWN`, or no name: several lines, markup, control characters.
    """
    folded = name.strip().lower()
    no_name = not folded.isprintable() or set("<>") & set(folded) or len(folded) > _LONGEST
    if no_name or folded in ("", UNKNOWN, "other", "none", "noassertion"):
        raise LicenseError(
            f"{shown(name)} is not a license: write an SPDX identifier, such as CC-BY-4.0"
        )
    spelled = "-".join(word for word in _WORDS.findall(folded) if word not in _FILLING)
    listed = next(
        (
            _LICENSES[key]
            for name in (folded, spelled)
            if (key := _ALIASES.get(name, name)) in _LICENSES
        ),
        None,
    )
    if listed is not None:
        return listed
    if restriction := find_restriction(folded):
        known = folded in restriction.hub
        return License(
            folded if known else name.strip(),
            folded if known else "other",
            frozenset({_BY, _USE}),
            restriction,
        )
    return License(name.strip(), "other", frozenset({_BY, _OWN}))


def require_known(name: str, option: str) -> None:
    """Refuse a name that is no identifier of SPDX or the Hub, nor one of the publisher's own (``LicenseRef-mine``).

    Args:
        name: as it was typed; several may be joined by `` AND ``.
        option: what was typed it into, for the message.

    Raises:
        LicenseError: a name is unknown.
    """
    for one in _each(name):
        listed = one.id.lower() in _LICENSES or one.restriction is not None
        if listed or one.id.lower() in _known_names() or _OWN_NAME.match(one.id):
            continue
        near = get_close_matches(one.id.lower(), _known_names(), n=1)
        hint = f"Did you mean {_known_names()[near[0]]}? " if near else ""
        raise LicenseError(
            f"{option}: {shown(one.id)} is no license of SPDX or the Hub. {hint}A license of your own is named "
            "LicenseRef-NAME"
        )


@cache
def _known_names() -> dict[str, str]:
    """Return every identifier of SPDX and of the Hub by its lower case."""
    lines = _NAMES.read_text(encoding="utf-8").splitlines()
    return {line.lower(): line for line in lines if line and not line.startswith("#")}


def declare(parts: Sequence[Part], declared: Mapping[str, str]) -> tuple[Part, ...]:
    """Return the parts with the licenses that ``declared`` names.

    Raises:
        LicenseError: there is no such part, or its license is known to be another.
    """
    names = {part.name for part in parts}
    if unknown := sorted(declared.keys() - names):
        raise LicenseError(
            f"--declare {unknown[0]}: there is no such part; there are {', '.join(sorted(names))}"
        )
    result = []
    for part in parts:
        license = declared.get(part.name)
        if license is None:
            result.append(part)
            continue
        parse(license)
        if _is_known(part.license) and license.lower() != part.license.lower():
            raise LicenseError(
                f"--declare {part.name}={license}: {part.what} says {part.license} itself. If that is "
                "wrong, correct it there or in the recipe; if you have another license, publish with "
                "--i-have-the-rights"
            )
        result.append(replace(part, license=license, declared=True))
    return tuple(result)


def check_license(
    parts: Sequence[Part], wanted: str | None = None, rights: str | None = None
) -> LicenseDecision:
    """Return the license of a work made of ``parts``.

    Args:
        parts: everything that it is made from.
        wanted: the license that the publisher chose; None takes the strictest of the parts.
        rights: why the parts' licenses do not apply; the card shows it.

    Raises:
        LicenseError: a part's license is unknown; or ``wanted`` is laxer than the parts allow, or
            the parts' licenses exclude each other, and no ``rights`` are claimed.
    """
    if rights is not None and not rights.strip():
        raise LicenseError("--i-have-the-rights needs a reason: the card shows it to everyone")
    unknown = [part for part in parts if not _is_known(part.license)]
    if unknown:
        named = "; ".join(f"{part.name} ({part.what})" for part in unknown)
        hint = " ".join(f"--declare {part.name}=CC-BY-4.0" for part in unknown)
        raise LicenseError(
            f"the license of {named} is not known, so nothing can be published. Find out what it is "
            f"and name it, for example {hint}, or in the recipe (sources.prompts.licence, "
            "translate.licence)"
        )
    owed = [(part, item) for part in parts for item in _each(part.license)]
    license = parse(wanted) if wanted else _chosen(owed)
    objections = tuple(dict.fromkeys(_objections(license, owed)))
    if objections and rights is None:
        raise LicenseError(
            f"cannot be published under {license.id}:\n  "
            + "\n  ".join(objections)
            + f"\n{_hint(wanted, owed)}"
        )
    reason = rights.strip() if rights else None
    return LicenseDecision(license, tuple(parts), objections, reason, _beside(license, owed))


def _is_known(name: str) -> bool:
    try:
        _each(name)
    except LicenseError:
        return False
    return True


def _each(name: str) -> list[License]:
    return [parse(item) for item in re.split(r"\s+AND\s+", name.strip())]


def _strictest(licenses: Sequence[License]) -> License:
    """Return the license among them that has all their terms, else the strictest known one."""
    terms: frozenset[LicenseTerm] = frozenset().union(*(item.terms for item in licenses))
    enough = [item for item in licenses if item.terms >= terms]
    if not enough:
        enough = [item for item in _STRICTEST if item.terms >= terms - {_OWN}] or [_STRICTEST[-1]]
        return enough[0]
    return max(enough, key=lambda item: _ORDER.get(item.id, -1))


def _chosen(owed: Sequence[tuple[Part, License]]) -> License:
    """Return the strictest license of the parts; use restrictions that are not its own stand beside it."""
    restricted = [item for part, item in owed if item.restriction and part.carried]
    rest = [item for _, item in owed if not item.restriction]
    if restricted and all(item.terms <= restricted[0].terms for item in rest):
        return restricted[0]
    return _strictest(rest or [item for _, item in owed])


def _beside(license: License, owed: Sequence[tuple[Part, License]]) -> tuple[License, ...]:
    restricted = (item for _, item in owed if item.restriction and item.id != license.id)
    return tuple(dict.fromkeys(restricted))


def _objections(license: License, owed: Sequence[tuple[Part, License]]) -> Iterable[str]:
    for part, item in owed:
        source = f"{part.name} ({part.what}) is {item.id}"
        if LicenseTerm.NO_DERIVATIVES in item.terms:
            yield f"{source}, which allows no derivatives, and translations are derivatives"
        lacking = item.terms - license.terms - {_OWN, _SA, _ND, _USE}
        if lacking and not item.restriction:
            yield f"{source}, which asks for {', '.join(sorted(lacking))}; {license.id} does not"
        same = item.family == license.family and item.version <= license.version
        if LicenseTerm.SHARE_ALIKE in item.terms and not same:
            yield f"{source}, and works derived from it must have that license"
        if LicenseTerm.OWN_TERMS in item.terms and item.id.lower() != license.id.lower():
            yield f"{source}, whose terms are not known here, so only that license has them"
    yield from _restrictions_broken(license, owed)


def _restrictions_broken(license: License, owed: Sequence[tuple[Part, License]]) -> Iterable[str]:
    """Yield what speaks against the licenses that restrict use."""
    names = {item.id for part, item in owed if item.restriction and part.carried}
    alone = all(item.restriction for _, item in owed)
    bases = (item.restriction for part, item in owed if part.name == BASE and item.restriction)
    own = next((each.family for each in bases), None)
    for part, item in owed:
        if not item.restriction:
            continue
        source = f"{part.name} ({part.what}) is {item.id}"
        if part.name != BASE and not item.restriction.teaches and item.restriction.family != own:
            yield (
                f"{source}, whose outputs may improve no models but its own, and this is made to train others"
            )
        if not part.carried or item.id == license.id:
            continue
        if alone or len(names) > 1 or license.restriction:
            yield f"{source}, which restricts use, and only that license has them all"
        elif LicenseTerm.OWN_TERMS in license.terms:
            yield f"{source}, which restricts use; {license.id}, whose terms are not known here, may not allow that"
        elif LicenseTerm.SHARE_ALIKE in license.terms:
            yield f"{source}, which restricts use, and {license.id} allows no further restrictions"


def _hint(wanted: str | None, owed: Sequence[tuple[Part, License]]) -> str:
    best = _chosen(owed)
    if wanted and not list(_objections(best, owed)):
        return (
            f"Publish under {best.id} (leave --license out), or say why you may: "
            '--i-have-the-rights "...", which the card shows'
        )
    left = [(replace(part, carried=part.name != BASE), item) for part, item in owed]
    adapters = any(part.name == BASE and part.carried and item.restriction for part, item in owed)
    if adapters and not list(_objections(_chosen(left), left)):
        return (
            "Publish adapters alone, without the weights of the base: train with `lora` and align.merge: false. "
            'Or say why you may: --i-have-the-rights "...", which the card shows'
        )
    return (
        "No single license satisfies all of them. Leave a part out, or say why you may: "
        '--i-have-the-rights "...", which the card shows'
    )
