"""The licence gate: the licences of all parts together decide under which one a work may go out.

What a licence asks for is reduced to five demands. A work made of several parts owes the demands of
all of them together, so it goes out under the strictest; a laxer licence is refused. This is a safety
net for those who publish, not legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mlc_data.errors import UsageError

UNKNOWN = "unknown"
"""What a manifest says of a licence that nobody named."""


class LicenceError(UsageError):
    """The parts' licences do not allow what is asked for."""


class Demand(StrEnum):
    """What a licence asks of whoever passes the work on."""

    ATTRIBUTION = "attribution"  # the authors, or the notice, are to be named
    SHARE_ALIKE = "share-alike"  # what is made from it goes out under the same licence
    NON_COMMERCIAL = "non-commercial"
    NO_DERIVATIVES = "no derivatives"  # and a translation is one
    OWN_TERMS = "terms of its own"  # a licence not listed here: only it repeats what it asks for


_BY, _SA, _NC, _ND, _OWN = Demand


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence and its demands.

    Attributes:
        id: SPDX identifier, or the name of a licence of one's own.
        hub: the Hub's identifier; `other` where it has none.
        demands: what it asks for.
    """

    id: str
    hub: str
    demands: frozenset[Demand]

    @property
    def family(self) -> str:
        """The identifier without its version: later versions of a share-alike licence will do."""
        return re.sub(r"-[\d.]+(-only|-or-later)?$", "", self.id)

    @property
    def version(self) -> tuple[int, ...]:
        """(4, 0) of ``CC-BY-SA-4.0``; empty where it has none."""
        found = re.search(r"-([\d.]+)(?:-only|-or-later)?$", self.id)
        return tuple(int(number) for number in found[1].split(".")) if found else ()


# From the laxest to the strictest; of two that ask for the same, the later one is written.
_LISTED: Mapping[tuple[Demand, ...], str] = {
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
_LICENCES = {
    name.lower(): Licence(name, name.lower(), frozenset(demands))
    for demands, names in _LISTED.items()
    for name in names.split()
}
_ORDER = {licence.id: number for number, licence in enumerate(_LICENCES.values())}
# What SPDX writes, and what the Hub writes.
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
_STRICTEST = (_LICENCES["cc-by-nc-sa-4.0"], _LICENCES["cc-by-nc-nd-4.0"])


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a published work is made from.

    Attributes:
        name: how ``--declare`` names it: ``prompts``, ``translator``, ``base``.
        what: the file, data set or model.
        licence: SPDX identifier; several joined by `` AND ``; or `UNKNOWN`.
        declared: whether whoever publishes has named the licence.
    """

    name: str
    what: str
    licence: str
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """What the gate has let through.

    Attributes:
        licence: under which the work goes out.
        parts: what it is made from.
        objections: what the parts' licences say against it; there are some only with ``rights``.
        rights: the reason that whoever publishes gave.
    """

    licence: Licence
    parts: tuple[Part, ...]
    objections: tuple[str, ...] = ()
    rights: str | None = None


def parse(name: str) -> Licence:
    """The licence of an SPDX or Hub identifier; an unlisted name is a licence of its own terms.

    Raises:
        LicenceError: the name is empty or `UNKNOWN`.
    """
    folded = name.strip().lower()
    if folded in ("", UNKNOWN, "other", "none", "noassertion"):
        raise LicenceError(
            f"{name!r} names no licence: write an SPDX identifier, such as CC-BY-4.0"
        )
    found = _LICENCES.get(_ALIASES.get(folded, folded))
    if found is not None:
        return found
    return Licence(name.strip(), "other", frozenset({_BY, _OWN}))


def declare(parts: Sequence[Part], declared: Mapping[str, str]) -> tuple[Part, ...]:
    """The parts with the licences that ``declared`` names for them.

    Raises:
        LicenceError: no part is so called, or a licence that is known already is contradicted.
    """
    names = {part.name for part in parts}
    if strange := sorted(declared.keys() - names):
        raise LicenceError(
            f"--declare {strange[0]}: there is no such part; there are {', '.join(sorted(names))}"
        )
    made = []
    for part in parts:
        told = declared.get(part.name)
        if told is None:
            made.append(part)
            continue
        parse(told)
        if _is_known(part.licence) and told.lower() != part.licence.lower():
            raise LicenceError(
                f"--declare {part.name}={told}: {part.what} says {part.licence} itself. If that is "
                "wrong, mend it there or in the recipe; if you have another licence, publish with "
                "--i-have-the-rights"
            )
        made.append(replace(part, licence=told, declared=True))
    return tuple(made)


def gate(parts: Sequence[Part], wanted: str | None = None, rights: str | None = None) -> Granted:
    """Under which licence a work made of ``parts`` goes out.

    Args:
        parts: everything that it is made from.
        wanted: the licence that whoever publishes asks for; None takes the strictest of the parts.
        rights: why the parts' licences do not bind, in words that the card will show.

    Raises:
        LicenceError: a part's licence is unknown; or ``wanted`` is laxer than the parts allow, or
            the parts' licences exclude each other, and no ``rights`` are claimed.
    """
    if rights is not None and not rights.strip():
        raise LicenceError("--i-have-the-rights needs a reason: the card shows it to everyone")
    unknown = [part for part in parts if not _is_known(part.licence)]
    if unknown:
        named = "; ".join(f"{part.name} ({part.what})" for part in unknown)
        hint = " ".join(f"--declare {part.name}=CC-BY-4.0" for part in unknown)
        raise LicenceError(
            f"the licence of {named} is not known, so nothing can be published. Find out what it is "
            f"and say so, for example {hint}, or in the recipe (sources.prompts.licence, "
            "translate.licence)"
        )
    owed = [(part, one) for part in parts for one in _each(part.licence)]
    licence = parse(wanted) if wanted else _strictest([one for _, one in owed])
    objections = tuple(dict.fromkeys(_objections(licence, owed)))
    if objections and rights is None:
        raise LicenceError(
            f"cannot be published under {licence.id}:\n  "
            + "\n  ".join(objections)
            + f"\n{_way_out(wanted, [one for _, one in owed])}"
        )
    return Granted(licence, tuple(parts), objections, rights.strip() if rights else None)


def _is_known(name: str) -> bool:
    try:
        _each(name)
    except LicenceError:
        return False
    return True


def _each(name: str) -> list[Licence]:
    return [parse(one) for one in re.split(r"\s+AND\s+", name.strip())]


def _strictest(licences: Sequence[Licence]) -> Licence:
    """The one of them that asks for all that they all ask for, else the strictest that there is."""
    demands = _union(licences)
    enough = [one for one in licences if one.demands >= demands]
    if not enough:
        enough = [one for one in _STRICTEST if one.demands >= demands - {_OWN}] or [_STRICTEST[-1]]
        return enough[0]
    return max(enough, key=lambda one: _ORDER.get(one.id, -1))


def _union(licences: Iterable[Licence]) -> frozenset[Demand]:
    return frozenset().union(*(one.demands for one in licences))


def _objections(licence: Licence, owed: Sequence[tuple[Part, Licence]]) -> Iterable[str]:
    for part, one in owed:
        source = f"{part.name} ({part.what}) is {one.id}"
        if Demand.NO_DERIVATIVES in one.demands:
            yield f"{source}, which allows no derivatives, and translations are derivatives"
        lacking = one.demands - licence.demands - {_OWN, _SA, _ND}
        if lacking:
            yield f"{source}, which asks for {', '.join(sorted(lacking))}; {licence.id} does not"
        same = one.family == licence.family and one.version <= licence.version
        if Demand.SHARE_ALIKE in one.demands and not same:
            yield f"{source}, and what is made from it must go out under that licence"
        if Demand.OWN_TERMS in one.demands and one.id.lower() != licence.id.lower():
            yield f"{source}, whose terms are not known here, so only that licence repeats them"


def _way_out(wanted: str | None, licences: Sequence[Licence]) -> str:
    strictest = _strictest(licences)
    parts: list[tuple[Part, Licence]] = [(Part("", "", one.id), one) for one in licences]
    fits = not list(_objections(strictest, parts))
    if wanted and fits:
        return (
            f"Publish under {strictest.id} (leave --licence out), or give a reason that you may: "
            '--i-have-the-rights "...", which the card shows'
        )
    return (
        "No single licence keeps all of them. Leave a part out, or give a reason that you may: "
        '--i-have-the-rights "...", which the card shows'
    )
