"""The dataset card: a head in YAML that the Hub reads, and how the data were made.

The head follows the Hub's specification (hub-docs, datasetcard.md). The card says nothing that two
publications of the same data would say differently, no dates above all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from huggingface_hub import DatasetCard, RepoCard
from jinja2 import Environment, PackageLoader, StrictUndefined

from mlc_data.core.manifest import Manifest, VariantCounts
from mlc_data.core.redaction import without_folders
from mlc_data.errors import MlcDataError
from mlc_data.languages.flores import get_language
from mlc_data.publish.license import Granted
from mlc_data.publish.tables import Tables
from mlc_data.recipe.recipe import Recipe

WEAK = 0.9
"""A language is weak where its kept share is below this part of the best language's."""

_SIZES = (
    "n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B",
    "1B<n<10B", "10B<n<100B", "100B<n<1T", "n>1T",
)  # fmt: skip
_VERSIONS = ("mlc-data", "ctranslate2", "sentencepiece", "fasttext-community", "polars")

GATED_PROMPT = (
    "The prompts ask for harmful things on purpose. By asking for access you agree to use them only "
    "to make language models safer, and to keep to the licence."
)
"""What the Hub asks of those who want to see a gated data set or model."""


@dataclass(frozen=True)
class Facts:
    """What the card is made from.

    ``repo`` is ``organisation/name``, None for a folder; ``gated`` whether the Hub asks for consent;
    ``changes`` what is new since the revision before, in Markdown.
    """

    recipe: Recipe
    manifest: Manifest
    tables: Tables
    granted: Granted
    repo: str | None = None
    gated: bool = True
    changes: str | None = None


@dataclass(frozen=True)
class LanguageRow:
    """Counts of one language; ``share`` of the requested variants was kept (0 to 1)."""

    code: str
    name: str
    tag: str
    counts: VariantCounts
    share: float


def languages_of(counts: Mapping[str, VariantCounts]) -> list[LanguageRow]:
    """A row a target language, the one with the lowest kept share first."""
    rows = []
    for code, one in counts.items():
        language = get_language(code)
        share = one.kept / one.requested if one.requested else 0.0
        rows.append(LanguageRow(code, language.name, language.bcp47, one, share))
    return sorted(rows, key=lambda row: (row.share, row.code))


def weak_languages(rows: Iterable[LanguageRow]) -> list[LanguageRow]:
    """Those whose kept share is below `WEAK` times the best one's."""
    rows = list(rows)
    best = max((row.share for row in rows), default=0.0)
    return [row for row in rows if row.share < WEAK * best]


def size_category(rows: int) -> str:
    """The Hub's word for so many rows: each is ten times the one before."""
    below = 1000
    for word in _SIZES[:-1]:
        if rows < below:
            return word
        below *= 10
    return _SIZES[-1]


def licence_head(granted: Granted) -> dict[str, str]:
    """``license`` for a card's head, with the name of one that the Hub does not list."""
    licence = granted.licence
    if licence.hub != "other":
        return {"license": licence.hub}
    name = "-".join(licence.id.lower().split())
    return {"license": "other", "license_name": name}


def head(facts: Facts) -> dict[str, Any]:
    """The card's metadata."""
    recipe = facts.recipe
    codes = (recipe.languages.source, *recipe.languages.targets)
    tags = [get_language(code).bcp47 for code in codes]
    told: dict[str, Any] = {
        "pretty_name": recipe.name,
        **licence_head(facts.granted),
        # `language` takes ISO 639 codes alone; what script or variety is meant stands below it.
        "language": list(dict.fromkeys(tag.partition("-")[0] for tag in tags)),
        "language_bcp47": tags,
        "language_creators": ["machine-generated"],
        "multilinguality": ["multilingual", "translation"],
        "size_categories": [size_category(sum(facts.tables.rows["sets"].values()))],
        "task_categories": ["text-generation", "translation"],
        "tags": ["mlc-data", "safety", "alignment", "parallel", "not-for-all-audiences"],
    }
    if recipe.sources.prompts.hub:
        told["source_datasets"] = [recipe.sources.prompts.hub]
    if facts.gated:
        told["extra_gated_prompt"] = GATED_PROMPT
    told["configs"] = [
        {
            "config_name": config,
            **({"default": True} if config == "sets" else {}),
            "data_files": [
                {"split": split, "path": f"{config}/{split}-*.parquet"} for split in splits
            ],
        }
        for config, splits in facts.tables.rows.items()
    ]
    return told


def render(facts: Facts) -> str:
    """The card in Markdown.

    Raises:
        MlcDataError: the Hub's client reads something else from it than was meant.
    """
    environment = Environment(
        loader=PackageLoader("mlc_data", "publish"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML
    )
    environment.filters["cell"] = _cell
    manifest, recipe = facts.manifest, facts.recipe
    rows = languages_of(manifest.counts.by_language or {})
    meant = head(facts)
    checks = without_folders(recipe.checks.model_dump(mode="json"))
    card = environment.get_template("dataset_card.md.j2").render(
        facts=facts,
        recipe=recipe,
        manifest=manifest,
        head=as_yaml(meant),
        languages=rows,
        weak=weak_languages(rows),
        models={
            name: without_folders(one.model_dump())
            for name, one in manifest.models.items()
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
    check(card, meant)
    return card


def check(card: str, meant: Mapping[str, Any]) -> None:
    """Read the card as the Hub's client does.

    Raises:
        MlcDataError: it finds other metadata than ``meant``.
    """
    found = read_head(DatasetCard(card))
    if found != dict(meant):
        differing = sorted(
            key for key in found.keys() | meant.keys() if found.get(key) != meant.get(key)
        )
        raise MlcDataError(f"the card's head does not hold what it should: {', '.join(differing)}")


def read_head(card: RepoCard) -> dict[str, Any]:
    """The metadata that the Hub's client finds in a card."""
    told: dict[str, Any] = card.data.to_dict()  # type: ignore[no-untyped-call]
    return told


def as_yaml(value: Any) -> str:
    """YAML in the order given."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)


def _cell(value: object) -> str:
    """Text that stays within its cell of a table."""
    return " ".join(str(value).split()).replace("|", "\\|")
