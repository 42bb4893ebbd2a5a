"""Section ``checks`` of a recipe, assembled from the sections of all checks.

Each section is in the file of its check. Those files, and `mlc_data.checks.registry` which
lists them, import nothing of this package; the stages in `mlc_data.checks` that read a recipe do.
So the order of imports is: stages of the checks, recipe, checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)

from mlc_data.checks.base import Check, CheckSection, Limit
from mlc_data.checks.external.check import external_check
from mlc_data.checks.external.section import ExternalSection
from mlc_data.checks.registry import CHECKS, custom_section, load_check
from mlc_data.core.section import Section


@dataclass(frozen=True)
class ChosenCheck:
    """A check of the recipe, its settings and their key in the recipe."""

    check: type[Check]
    settings: CheckSection
    key: str


@dataclass(frozen=True)
class Threshold:
    """A limit of a check, the settings that hold its value and its key in the recipe."""

    limit: Limit
    settings: CheckSection
    key: str


def _as_list(value: Any) -> Any:
    """Accept a single location for a list, and null for an empty list."""
    return [] if value is None else [value] if isinstance(value, str) else value


def _name_classes(sections: Any) -> Any:
    """Add ``use`` to sections of ``checks.custom`` that leave it out: the entry point of that name."""
    if not isinstance(sections, dict):
        return sections
    named = {name: {} if value is None else value for name, value in sections.items()}
    return {
        name: {"use": name, **value} if isinstance(value, dict) else value
        for name, value in named.items()
    }


def _as_sections(value: Any) -> Any:
    """Accept a mapping by name for a list of sections with names, and null for an empty list."""
    if not isinstance(value, dict):
        return () if value is None else value
    return [
        {"name": name, **section} if isinstance(section, dict) else section
        for name, section in value.items()
    ]


def _custom(value: Any) -> CheckSection:
    """Validate a custom check's settings by its own section."""
    if isinstance(value, CheckSection):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("use"), str):
        raise ValueError("a custom check is a mapping with `use: module:Class`")
    return custom_section(value["use"]).model_validate(value)


Custom = Annotated[
    SerializeAsAny[CheckSection],
    PlainValidator(_custom, json_schema_input_type=dict[str, Any]),
]


class _Checks(Section):
    """Every check's thresholds. Scores are stored, so thresholds can be changed at no cost."""

    language_identifiers: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = (
        "package://mlc_data/language_id/data/lid.176.ftz",
    )
    """Identifiers that vote: locations of fastText models (lid.176, lid218e, GlotLID, OpenLID),
    `lingua` and `heliport` where those packages are installed, and classes of your own as
    `module:Class`. The first also checks the prompts. An empty list skips language identification."""
    custom: Annotated[dict[str, Custom], BeforeValidator(_name_classes)] = Field(default={})
    """Checks of your own by name: `use: module:Class` and the keys of its section. Without `use`, the
    check of an installed package that has this name (entry points `mlc_data.checks`)."""

    external: Annotated[tuple[ExternalSection, ...], BeforeValidator(_as_sections)] = ()
    """Commands that score variants in an environment of their own, such as COMETKiwi or an LLM judge:
    a list, or a mapping by name."""

    @field_validator("external")
    @classmethod
    def _named_once(cls, sections: tuple[ExternalSection, ...]) -> tuple[ExternalSection, ...]:
        names = [section.name for section in sections]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{', '.join(sorted(twice))}: each scorer needs a name of its own")
        return sections

    @model_validator(mode="after")
    def _apart_from_custom(self) -> Self:
        for section in self.external:
            if f"external_{section.name}" in self.custom:
                raise ValueError(f"checks.custom has a check external_{section.name}, too")
        return self

    @field_validator("custom")
    @classmethod
    def _named_as_their_checks(cls, sections: dict[str, CheckSection]) -> dict[str, CheckSection]:
        for name, section in sections.items():
            check = load_check(_use(section))
            if check.name != name:
                raise ValueError(f"{_use(section)} has the name {check.name!r}, not {name!r}")
        return sections

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A recipe without checks of its own keeps the hash that it had before there were any.
        data: dict[str, Any] = handler(self)
        return {k: v for k, v in data.items() if v or k not in ("custom", "external")}

    def chosen(self) -> tuple[ChosenCheck, ...]:
        """Return all checks in the order in which their reasons count: built-in ones first, external ones last."""
        builtin = (
            ChosenCheck(each, getattr(self, each.name), f"checks.{each.name}") for each in CHECKS
        )
        custom = (
            ChosenCheck(load_check(_use(section)), section, f"checks.custom.{name}")
            for name, section in self.custom.items()
        )
        external = (
            ChosenCheck(external_check(section), section, f"checks.external.{section.name}")
            for section in self.external
        )
        return (*builtin, *custom, *external)

    def thresholds(self) -> Iterator[Threshold]:
        """Yield every threshold that scores are compared with."""
        for each in self.chosen():
            for limit in each.check.limits:
                yield Threshold(limit, each.settings, f"{each.key}.{limit.key}")

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Section of a built-in check."""


def _use(section: CheckSection) -> str:
    return str(getattr(section, "use", ""))


if TYPE_CHECKING:
    Checks = _Checks
else:
    Checks = create_model(
        "Checks",
        __base__=_Checks,
        __doc__=_Checks.__doc__,
        __module__=__name__,
        **{each.name: (each.section, each.section()) for each in CHECKS},
    )
