"""The dataset card: metadata in YAML for the Hub, and how the data were made.

The metadata follow the Hub's specification (hub-docs, datasetcard.md). Two publications of the same data
have the same card: it contains no dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from mlc_data.core.manifest import Manifest, VariantCounts
from mlc_data.core.redaction import without_folders
from mlc_data.core.templates import environment
from mlc_data.errors import MlcDataError
from mlc_data.languages.flores import get_language
from mlc_data.publish.license import LicenseDecision
from mlc_data.publish.tables import Tables
from mlc_data.recipe.recipe import Recipe

if TYPE_CHECKING:
    from huggingface_hub import RepoCard

WEAK = 0.9
"""A language is weak if its kept share is below this fraction of the best language's."""

_SIZES = (
    "n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B",
    "1B<n<10B", "10B<n<100B", "100B<n<1T", "n>1T",
)  # fmt: skip
_VERSIONS = ("mlc-data", "ctranslate2", "sentencepiece", "fasttext-community", "polars")

GATED_PROMPT = (
    "The prompts ask for harmful things on purpose. By asking for access you agree to use them only "
    "to make language models safer, and to keep to the license."
)
"""Question of the Hub to those who ask for access to a gated data set."""


@dataclass(frozen=True)
class Facts:
    """Contents of the card.

    ``repo`` is ``organisation/name``, None for a folder; ``gated`` is True where the Hub asks for consent;
    ``changes`` lists the changes since the revision before, in Markdown; ``picture`` is the file of
    `pictures.kept`, None where there is none.
    """

    recipe: Recipe
    manifest: Manifest
    tables: Tables
    decision: LicenseDecision
    repo: str | None = None
    gated: bool = True
    changes: str | None = None
    picture: str | None = None


@dataclass(frozen=True)
class LanguageRow:
    """Counts of one language; ``share`` of the requested variants was kept (0 to 1)."""

    code: str
    name: str
    tag: str
    counts: VariantCounts
    share: float


def languages_of(counts: Mapping[str, VariantCounts]) -> list[LanguageRow]:
    """Return one row for each target language, the one with the lowest kept share first."""
    rows = []
    for code, count in counts.items():
        language = get_language(code)
        share = count.kept / count.requested if count.requested else 0.0
        rows.append(LanguageRow(code, language.name, language.bcp47, count, share))
    return sorted(rows, key=lambda row: (row.share, row.code))


def weak_languages(rows: Iterable[LanguageRow]) -> list[LanguageRow]:
    """Return the languages whose kept share is below `WEAK` times the best one's."""
    rows = list(rows)
    best = max((row.share for row in rows), default=0.0)
    return [row for row in rows if row.share < WEAK * best]


def size_category(rows: int) -> str:
    """Return the Hub's size category of a number of rows; each is ten times the one before."""
    below = 1000
    for word in _SIZES[:-1]:
        if rows < below:
            return word
        below *= 10
    return _SIZES[-1]


def license_head(decision: LicenseDecision) -> dict[str, str]:
    """Return ``license`` for a card's metadata, with name and address of one that the Hub does not list.

    Several licenses that apply together are one of the card's own, since the Hub's list has none of them together.
    """
    licenses = (decision.license, *decision.beside)
    if len(licenses) == 1 and decision.license.hub != "other":
        return {"license": decision.license.hub}
    name = "-".join(re.findall(r"[a-z0-9.]+", decision.name.lower()))
    links = [item.restriction.link for item in licenses if item.restriction]
    return {
        "license": "other",
        "license_name": name,
        **({"license_link": links[0]} if links else {}),
    }


def head(facts: Facts) -> dict[str, Any]:
    """Return the card's metadata."""
    recipe = facts.recipe
    codes = (recipe.languages.source, *recipe.languages.targets)
    tags = [get_language(code).bcp47 for code in codes]
    metadata: dict[str, Any] = {
        "pretty_name": recipe.name,
        **license_head(facts.decision),
        # `language` takes ISO 639 codes only; script and variety are in `language_bcp47`.
        "language": list(dict.fromkeys(tag.partition("-")[0] for tag in tags)),
        "language_bcp47": tags,
        "language_creators": ["machine-generated"],
        "multilinguality": ["multilingual", "translation"],
        "size_categories": [size_category(sum(facts.tables.rows["sets"].values()))],
        "task_categories": ["text-generation", "translation"],
        "tags": ["mlc-data", "safety", "alignment", "parallel", "not-for-all-audiences"],
    }
    if recipe.sources.prompts.hub:
        metadata["source_datasets"] = [recipe.sources.prompts.hub]
    if facts.gated:
        metadata["extra_gated_prompt"] = GATED_PROMPT
    metadata["configs"] = [
        {
            "config_name": config,
            **({"default": True} if config == "sets" else {}),
            "data_files": [
                {"split": split, "path": f"{config}/{split}-*.parquet"} for split in splits
            ],
        }
        for config, splits in facts.tables.rows.items()
    ]
    return metadata


def render(facts: Facts) -> str:
    """Return the card in Markdown.

    Raises:
        MlcDataError: the Hub's client reads other metadata from it.
    """
    templates = environment("publish")
    templates.filters["cell"] = _cell
    manifest, recipe = facts.manifest, facts.recipe
    rows = languages_of(manifest.counts.by_language or {})
    metadata = head(facts)
    checks = without_folders(recipe.checks.model_dump(mode="json"))
    card = templates.get_template("dataset_card.md.j2").render(
        facts=facts,
        recipe=recipe,
        manifest=manifest,
        head=as_yaml(metadata),
        languages=rows,
        weak=weak_languages(rows),
        models={
            name: without_folders(model.model_dump())
            for name, model in manifest.models.items()
            if name != "base"
        },
        versions={name: manifest.versions.get(name, "unknown") for name in _VERSIONS},
        source_name=get_language(recipe.languages.source).name,
        enabled=[
            name.replace("_", " ")
            for name, section in checks.items()
            if isinstance(section, dict) and section.get("enabled")
        ],
        checks=as_yaml({"checks": checks}),
        completeness=as_yaml({"sets": recipe.sets.model_dump(mode="json")}),
        place=facts.repo or "path/to/this/folder",
    )
    check(card, metadata)
    return card


def check(card: str, wanted: Mapping[str, Any]) -> None:
    """Read the card as the Hub's client does.

    Raises:
        MlcDataError: it finds other metadata than ``wanted``.
    """
    from huggingface_hub import DatasetCard

    metadata = read_head(DatasetCard(card))
    if metadata != dict(wanted):
        differing = sorted(
            key for key in metadata.keys() | wanted.keys() if metadata.get(key) != wanted.get(key)
        )
        raise MlcDataError(f"the card's metadata are not as intended: {', '.join(differing)}")


def read_head(card: RepoCard) -> dict[str, Any]:
    """Return the metadata that the Hub's client finds in a card."""
    metadata: dict[str, Any] = card.data.to_dict()  # type: ignore[no-untyped-call]
    return metadata


def as_yaml(value: Any) -> str:
    """Return YAML with the keys in their given order."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)


def _cell(value: object) -> str:
    """Return text that stays within its table cell."""
    return " ".join(str(value).split()).replace("|", "\\|")
