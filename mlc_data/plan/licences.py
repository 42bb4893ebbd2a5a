"""Licences of the outcome, by the same rules as `mlc-data publish`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlc_data.core.manifest import Manifest, ModelRecord
from mlc_data.core.redaction import without_folders
from mlc_data.plan.models import Model
from mlc_data.publish.dataset import LicenseRequest, data_parts, source_part
from mlc_data.publish.license import BASE, UNKNOWN, LicenseError, Part
from mlc_data.recipe.recipe import Recipe


@dataclass(frozen=True)
class Licence:
    """Licence of a publication: its SPDX identifier, or None with the reason why there is none."""

    what: str
    licence: str | None
    parts: tuple[Part, ...]
    reason: str = ""


def licences(
    recipe: Recipe, models: Sequence[Model], engines: Mapping[str, ModelRecord]
) -> tuple[Licence, ...]:
    """Return the licences of the variant sets and of the checkpoint.

    Args:
        recipe: the recipe.
        models: the recipe's models.
        engines: records of the translators that could be loaded, which know their licence best.
    """
    known = Manifest(models={**_records(models), **engines})
    data = data_parts(recipe, known)
    base = known.models.get("base")
    trained = [
        Part(
            BASE,
            str(without_folders(recipe.align.model)),
            base.licence if base else UNKNOWN,
            carried=recipe.align.merge,
        )
    ]
    if recipe.sources.preferences:
        trained.append(source_part("preferences", recipe.sources.preferences))
    absent = [model.location for model in models if model.path is None and model.licence == UNKNOWN]
    return tuple(
        _decided(what, parts, [name for name in absent if any(name in part.what for part in parts)])
        for what, parts in (
            ("variant sets", data),
            ("checkpoint", tuple(dict.fromkeys((*trained, *data)))),
        )
    )


def _records(models: Sequence[Model]) -> dict[str, ModelRecord]:
    """Return a record for each role; that of several translators has all their licences."""
    roles: dict[str, list[Model]] = {}
    for model in models:
        roles.setdefault(model.role.replace(" ", "_"), []).append(model)
    return {
        role: ModelRecord(
            id=", ".join(each.location for each in several),
            revision="",
            licence=_joined([each.licence for each in several]),
        )
        for role, several in roles.items()
    }


def _joined(names: Sequence[str]) -> str:
    return UNKNOWN if UNKNOWN in names else " AND ".join(dict.fromkeys(names))


def _decided(what: str, parts: tuple[Part, ...], absent: Sequence[str]) -> Licence:
    try:
        return Licence(what, LicenseRequest().decide(parts).name, parts)
    except LicenseError as error:
        if absent:
            reason = f"unknown until {', '.join(absent)} is fetched: its card names the license"
            return Licence(what, None, parts, reason)
        return Licence(what, None, parts, str(error))
