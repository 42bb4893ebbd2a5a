"""A run's data set as a folder that `datasets`, the Hub and people can read.

README.md  sets/  variants/  recipe.yaml  manifest.json  croissant.json  SHA256SUMS  publication.json
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from mlc_data.core.files import write_text
from mlc_data.core.hashing import hash_file
from mlc_data.core.manifest import Manifest
from mlc_data.core.redaction import without_folders
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.publish import croissant, license, record
from mlc_data.publish.card import Facts, render
from mlc_data.publish.license import UNKNOWN, Granted, Part
from mlc_data.publish.record import PartRecord, Publication
from mlc_data.publish.tables import require, write_tables
from mlc_data.recipe.recipe import Recipe, Source

CHECKSUMS = "SHA256SUMS"
"""Checksums of all other files but `publication.json`, as ``sha256sum -c`` reads them."""


@dataclass(frozen=True)
class Wishes:
    """What whoever publishes asks for.

    Attributes:
        licence: SPDX identifier; None takes the strictest of the parts.
        rights: why the parts' licences do not bind; the card shows it.
        declared: licences of parts that do not tell theirs, by the part's name.
    """

    licence: str | None = None
    rights: str | None = None
    declared: Mapping[str, str] = field(default_factory=dict)

    def grant(self, parts: Sequence[Part]) -> Granted:
        """The licence of a work made of ``parts``; what is declared of other parts is left alone.

        Raises:
            LicenceError: see `license.declare` and `license.gate`.
        """
        names = {part.name for part in parts}
        declared = {name: one for name, one in self.declared.items() if name in names}
        return license.gate(license.declare(parts, declared), self.licence, self.rights)


def source_part(name: str, source: Source) -> Part:
    """A source as a part of what is published."""
    where = source.hub or str(without_folders(source.path or ""))
    at = f"@{source.revision}" if source.hub and source.revision else ""
    return Part(name, where + at, source.licence or UNKNOWN)


def data_parts(recipe: Recipe, manifest: Manifest) -> tuple[Part, ...]:
    """What the variant sets are made from: the prompts, and every translator.

    Language identifiers only judge the texts, and leave nothing of theirs in them.
    """
    found = [source_part("prompts", recipe.sources.prompts)]
    used = ["translator"] + (["second_translator"] if recipe.rescue.model else [])
    for name in used:
        model = manifest.models.get(name)
        what = str(without_folders(model.id)) if model else "not in the manifest"
        found.append(Part(name, what, model.licence if model else UNKNOWN))
    return tuple(found)


def build(
    run: Run,
    folder: Path,
    wishes: Wishes,
    *,
    repo: str | None,
    url: str,
    gated: bool,
    changes: str | None = None,
) -> Publication:
    """Write everything into ``folder``, which is empty.

    Args:
        run: its variant sets are built.
        folder: an empty folder.
        wishes: licence and rights.
        repo: ``organisation/name``, as the card names it; None for a folder.
        url: address of the data set.
        gated: whether the Hub asks for consent.
        changes: what is new in this revision, for the card; it is no part of the content hash.

    Raises:
        UsageError: a stage has not been done.
        LicenceError: the licence is refused.
        MlcDataError: a file of the run is missing or was changed.
    """
    with run.locked():
        recipe, manifest = run.recipe, run.manifest
        granted = wishes.grant(data_parts(recipe, manifest))
        require(run, "sources", "check", "sets")
        if recipe.hash != manifest.recipe_hash:
            raise UsageError(
                f"{run.path('recipe.yaml')} is not the recipe that {run.folder} was made by: bring the "
                f"run up to date, mlc-data sets {run.folder}"
            )
        tables = write_tables(run, folder)
    facts = Facts(recipe, manifest, tables, granted, repo, gated)
    card = render(facts)
    told = without_folders(recipe.model_dump(mode="json"))
    write_text(folder / "README.md", render(replace(facts, changes=changes)))
    write_text(folder / "recipe.yaml", yaml.safe_dump(told, sort_keys=False, allow_unicode=True))
    shared = without_folders(manifest.model_dump(mode="json"))
    write_text(folder / "manifest.json", _json(shared))
    sums = checksums(folder)
    published = manifest.stages["sets"].finished[:10]
    write_text(folder / croissant.FILE, _json(croissant.croissant(facts, url, published, sums)))
    sums = checksums(folder)
    write_text(folder / CHECKSUMS, "".join(f"{sums[path]}  {path}\n" for path in sums))
    made = Publication.make(
        card,
        kind="dataset",
        name=recipe.name,
        content={config: getattr(manifest.content_hash, config) or "" for config in tables.rows},
        rows=tables.rows,
        licence=granted.licence.id,
        parts=part_records(granted),
        rights=granted.rights,
        recipe_hash=manifest.recipe_hash,
        files=sorted([*sums, CHECKSUMS, record.FILE]),
    )
    write_text(folder / record.FILE, made.model_dump_json(indent=2) + "\n")
    return made


def part_records(granted: Granted) -> list[PartRecord]:
    """The parts as `publication.json` has them."""
    return [
        PartRecord(name=part.name, what=part.what, licence=part.licence, declared=part.declared)
        for part in granted.parts
    ]


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file by its path within the folder, in order."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in files}


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder beside ``folder`` that takes its place when all went well.

    Raises:
        UsageError: ``folder`` holds something that was not published into it.
    """
    folder = folder.expanduser().absolute()
    foreign = folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not (folder / record.FILE).is_file()
    )
    if foreign:
        raise UsageError(
            f"{folder} exists and is no published data set: choose another --to, or empty it"
        )
    made = folder.with_name(f".{folder.name}.{os.getpid()}")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        made.mkdir(parents=True)
        yield made
        if folder.exists():
            folder.rename(old)
        made.rename(folder)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
