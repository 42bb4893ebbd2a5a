"""A run's data set as a folder that `datasets`, the Hub and people can read.

README.md  kept.svg  report.html  sets/  variants/  preferences/  recipe.yaml  manifest.json  SHA256SUMS  publication.json
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from mlc_data.core.checksummed import CHECKSUM
from mlc_data.core.files import atomic_folder, write_text
from mlc_data.core.manifest import ContentHash, Manifest
from mlc_data.core.redaction import without_folders
from mlc_data.errors import UsageError
from mlc_data.pipeline.layout import REPORT
from mlc_data.pipeline.lineage.build import hashes
from mlc_data.pipeline.report_state import current_report
from mlc_data.pipeline.run import Run
from mlc_data.publish import license, pictures, record
from mlc_data.publish.card import Facts, as_yaml, languages_of, render
from mlc_data.publish.license import UNKNOWN, LicenseDecision, Part
from mlc_data.publish.record import PartRecord, Publication
from mlc_data.publish.tables import require, write_tables
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.sources import Source

log = logging.getLogger(__name__)

CHECKSUMS = "SHA256SUMS"
"""Checksums of all files but itself and `publication.json`, as ``sha256sum -c`` reads them."""


_SHOWN = 5  # names in a message


@dataclass(frozen=True)
class LicenseRequest:
    """License chosen by the publisher.

    Attributes:
        license: SPDX identifier; None takes the strictest of the parts.
        rights: why the parts' licenses do not apply; the card shows it.
        declared: licenses of parts that do not name their own, by the part's name.
    """

    license: str | None = None
    rights: str | None = None
    declared: Mapping[str, str] = field(default_factory=dict)

    def decide(self, parts: Sequence[Part]) -> LicenseDecision:
        """Return the license of a work made of ``parts``; declarations of other parts are ignored.

        Raises:
            LicenseError: see `license.declare` and `license.check_license`.
        """
        names = {part.name for part in parts}
        declared = {name: known for name, known in self.declared.items() if name in names}
        return license.check_license(license.declare(parts, declared), self.license, self.rights)


def source_part(name: str, source: Source) -> Part:
    """Return a source as a part of the publication."""
    where = source.hub or ", ".join(str(without_folders(path)) for path in source.paths)
    at = f"@{source.revision}" if source.hub and source.revision else ""
    return Part(name, where + at, source.licence or UNKNOWN)


def has_licensed_pairs(recipe: Recipe, declared: Collection[str] = ()) -> bool:
    """Return whether the license of the pairs is known: that of the prompts, or one of their own source."""
    own = recipe.sources.preferences
    return own is None or own.licence is not None or "preferences" in declared


def data_parts(
    recipe: Recipe, manifest: Manifest, declared: Collection[str] = ()
) -> tuple[Part, ...]:
    """Return the parts of the data set: the prompts, pairs of another source, and every translator.

    Pairs whose license is not known, or ``declared``, are not published, so they are no part. Language identifiers
    only judge the texts, so they are none either.
    """
    parts = [source_part("prompts", recipe.sources.prompts)]
    if recipe.sources.preferences and has_licensed_pairs(recipe, declared):
        parts.append(source_part("preferences", recipe.sources.preferences))
    used = ["translator"] + (["second_translator"] if recipe.rescue.model else [])
    for name in used:
        model = manifest.models.get(name)
        what = str(without_folders(model.id)) if model else "not in the manifest"
        parts.append(Part(name, what, model.licence if model else UNKNOWN))
    return tuple(parts)


def build(
    run: Run,
    folder: Path,
    request: LicenseRequest,
    *,
    repo: str | None,
    gated: bool,
    changes: str | None = None,
    report: bool = True,
) -> Publication:
    """Write everything into ``folder``, which is empty.

    Args:
        run: its variant sets are built.
        folder: an empty folder.
        request: license chosen by the publisher.
        repo: ``organisation/name``, as the card names it; None for a folder.
        gated: True where the Hub asks readers for consent.
        changes: changes in this revision, for the card; not part of the content hash.
        report: publish the run's report too, if it is up to date.

    Raises:
        UsageError: a stage has not been done.
        LicenseError: the license is refused.
        MlcDataError: a file of the run is missing or was changed.
    """
    with run.locked():
        recipe, manifest = run.recipe, run.manifest
        decision = request.decide(data_parts(recipe, manifest, request.declared))
        require(run, "sources", "check", "sets")
        if recipe.hash != manifest.recipe_hash:
            raise UsageError(
                f"{run.path('recipe.yaml')} is not the recipe that {run.folder} was built with: bring "
                f"the run up to date with mlc-data sets {run.folder}"
            )
        tables = write_tables(run, folder, pairs=has_licensed_pairs(recipe, request.declared))
    if tables.unlicensed:
        log.warning(
            "publish: the preference pairs are left out, since their source has no recorded license: write "
            "sources.preferences.licence into the recipe, or name it with --declare preferences=SPDX"
        )
    drawn = pictures.kept(languages_of(manifest.counts.by_language or {}))
    if drawn is not None:
        write_text(folder / pictures.KEPT, drawn)
    picture = None if drawn is None else pictures.KEPT
    facts = Facts(recipe, manifest, tables, decision, repo, gated, picture=picture)
    card = render(replace(facts, repo=None))  # the same data have the same hash wherever they go
    write_text(folder / "README.md", render(replace(facts, changes=changes)))
    write_text(folder / "recipe.yaml", as_yaml(without_folders(recipe.model_dump(mode="json"))))
    public = without_folders(manifest.model_dump(mode="json", exclude={CHECKSUM}))
    text = json.dumps(public, indent=2, ensure_ascii=False)
    write_text(folder / "manifest.json", f"{text}\n")
    if report and (page := current_report(run)):
        shutil.copyfile(page, folder / REPORT)
    sums = hashes(folder)
    write_text(folder / CHECKSUMS, "".join(f"{sums[path]}  {path}\n" for path in sums))
    publication = Publication.make(
        card,
        kind="dataset",
        name=recipe.name,
        content={config: _content_hash(manifest, config) for config in tables.rows},
        rows=tables.rows,
        licence=decision.name,
        parts=part_records(decision),
        rights=decision.rights,
        recipe_hash=manifest.recipe_hash,
        files=sorted([*sums, CHECKSUMS, record.FILE]),
    )
    write_text(folder / record.FILE, publication.model_dump_json(indent=2) + "\n")
    return publication


def _content_hash(manifest: Manifest, config: str) -> str:
    # Translated pairs are made of variants, and have no content hash of their own.
    table = config if config in ContentHash.model_fields else "variants"
    return getattr(manifest.content_hash, table) or ""


def part_records(decision: LicenseDecision) -> list[PartRecord]:
    """Return the parts as `publication.json` has them."""
    return [
        PartRecord(name=part.name, what=part.what, licence=part.license, declared=part.declared)
        for part in decision.parts
    ]


@contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``folder`` at the end, unless an error is raised.

    A link stays: what it points to is replaced.

    Raises:
        UsageError: ``folder`` holds something else than a published data set, or something besides it.
    """
    folder = folder.expanduser().resolve()
    refuse_foreign(folder)
    try:
        with atomic_folder(folder) as new:
            yield new
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from error


def refuse_foreign(folder: Path) -> None:
    """Refuse to replace what no publication has written.

    Raises:
        UsageError: see `replace_folder`.
        MlcDataError: the record of the publication cannot be read.
    """
    path = folder / record.FILE
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not path.is_file()):
        raise UsageError(
            f"{folder} exists and is not a published data set: choose another --to, or empty it"
        )
    if not path.is_file():
        return
    former = record.read_publication(path.read_bytes(), str(path))
    parents = {str(parent) for file in former.files for parent in PurePosixPath(file).parents}
    present = {inside.relative_to(folder).as_posix() for inside in folder.rglob("*")}
    others = sorted(present - parents.union(former.files))
    if others:
        names = ", ".join(others[:_SHOWN]) + (" ..." if others[_SHOWN:] else "")
        raise UsageError(
            f"{folder} holds more than the data set that was published there, and publishing replaces the whole "
            f"folder: {names}. Move it away, or choose another --to"
        )
