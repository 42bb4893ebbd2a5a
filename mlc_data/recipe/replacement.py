"""Sources that take another's place: nothing of the former source lives on in the new one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from mlc_data.recipe.sources import Source

log = logging.getLogger(__name__)

_PLACE = ("path", "files", "hub", "glob")
_DEFAULTS = Source(path="-").model_dump(mode="json")


def drop_replaced(
    before: Mapping[str, Any], given: Mapping[str, Any], after: dict[str, Any]
) -> None:
    """Take out of a recipe, in place, what belongs to a source that another one replaces.

    A source is replaced where its `path` or `hub` is another one than before. The new one has the keys that
    are given with it, and no others: no columns, licence, split or limit of the former. The pairs of
    `sources.preferences` belong to the former prompts, and go with them unless they are given as well.

    Args:
        before: the recipe as it was.
        given: what overrides and fragments say, by itself.
        after: the recipe with that merged into it; its own dictionaries are changed.
    """
    if not isinstance(after.get("sources"), Mapping):
        return
    was, now, new = (_section(one, "sources") for one in (before, after, given))
    dropped: list[str] = []
    for role in ("prompts", "preferences"):
        old = _section(was, role)
        if old and _is_replaced(old, _section(now, role)):
            now[role] = dict(_section(new, role))
            dropped += _settings(role, old, now[role])
    replaced = _is_replaced(_section(was, "prompts"), _section(now, "prompts"))
    pairs = _section(was, "preferences")
    if replaced and pairs and "preferences" not in new:
        now["preferences"] = None
        dropped.append(
            f"the pairs of {_place(pairs)} (keep them with sources.preferences.{_key(pairs)}={_place(pairs)})"
        )
    after["sources"] = now
    if dropped:
        log.warning("recipe: another source takes the place of the recipe's own, so these are dropped with it: "
                    "%s. Give the new source its own with --set", "; ".join(dropped))  # fmt: skip
    if replaced:
        _say_what_stays(after)


def _section(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = data.get(name)
    return dict(section) if isinstance(section, Mapping) else {}


def _is_replaced(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    # A path that is given beside the former data set wins over it.
    places = [{key: one.get(key) for key in _PLACE} for one in (old, new)]
    return bool(new) and places[0] != places[1]


def _key(source: Mapping[str, Any]) -> str:
    return next((key for key in _PLACE if source.get(key)), _PLACE[0])


def _place(source: Mapping[str, Any]) -> str:
    return str(source.get(_key(source)))


def _settings(role: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Name the settings of the former source that are not the defaults, and were not given anew."""
    for key, value in old.items():
        if key in _PLACE or key in new:
            continue
        usual, changed = _DEFAULTS.get(key), value
        if isinstance(value, Mapping) and isinstance(usual, Mapping):
            changed = {name: one for name, one in value.items() if one != usual.get(name)}
        if changed not in (None, {}, usual):
            yield f"sources.{role}.{key} ({_shown(changed)})"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {one}" for name, one in value.items())
    return str(value)


def _say_what_stays(recipe: Mapping[str, Any]) -> None:
    """Warn of categories of the former prompts that the evaluation still counts as harmless."""
    prompts = _section(_section(recipe, "evaluate"), "safety").get("prompts")
    for entry in prompts if isinstance(prompts, list) else []:
        harmless = entry.get("harmless") if isinstance(entry, Mapping) else None
        if (
            isinstance(harmless, list)
            and harmless
            and not entry.get("path")
            and not entry.get("hub")
            and not entry.get("suite")
        ):
            log.warning("recipe: evaluate.safety.prompts takes these categories for harmless, as the former "
                        "prompts had them: %s. Prompts of all other categories should be refused; name your "
                        "own with --set evaluate.safety.prompts=...", ", ".join(map(str, harmless)))  # fmt: skip
