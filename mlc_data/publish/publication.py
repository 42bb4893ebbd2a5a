"""Publishing a run to a folder, or to the Hub with or without its checkpoint."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mlc_data.lineage.published import Published, record_publication
from mlc_data.pipeline.run import Run
from mlc_data.publish import checkpoint
from mlc_data.publish.dataset import (
    LicenseRequest,
    build,
    data_parts,
    refuse_foreign,
    replace_folder,
)
from mlc_data.publish.hub import Hub, Pushed, Target, Upload
from mlc_data.publish.license import declare
from mlc_data.publish.record import Publication
from mlc_data.publish.tables import require

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """Contents of a publication, shown before it is pushed.

    Attributes:
        publication: of the data set.
        folder: its files.
        bytes: size of all of them.
        target: the repository; None for a folder.
        checkpoint: True if the checkpoint follows.
    """

    publication: Publication
    folder: Path
    bytes: int
    target: Target | None = None
    checkpoint: bool = False


Show = Callable[[Plan], None]


@dataclass(frozen=True)
class PublishOptions:
    """Choices of the publisher.

    Attributes:
        repo: ``organisation/name``; the checkpoint's model repository has the same name.
        private: see `Target`.
        gated: see `Target`.
        request: license chosen by the publisher.
        checkpoint: push the checkpoint too.
        dry: build and show everything, publish nothing.
        changes: changes since the last revision, in Markdown, for the card. Unchanged data are not pushed
            because of it.
        report: publish the run's report with the data set, if it is up to date.
    """

    repo: str
    private: bool | None = None
    gated: bool | None = None
    request: LicenseRequest = field(default_factory=LicenseRequest)
    checkpoint: bool = False
    dry: bool = False
    changes: str | None = None
    report: bool = True


def to_folder(
    run: Run,
    folder: Path,
    request: LicenseRequest,
    repo: str | None = None,
    *,
    report: bool = True,
    dry: bool = False,
) -> Publication:
    """Write the data set into a folder, in place of an earlier publication; with ``dry`` nothing is written.

    Raises:
        UsageError: the folder holds something else, or the run is not ready.
        LicenseError: the license is refused.
    """
    declare(data_parts(run.recipe, run.manifest, request.declared), request.declared)
    refuse_foreign(folder.expanduser().resolve())
    place = tempfile.TemporaryDirectory() if dry else replace_folder(folder)
    with place as empty:
        # The card asks for consent, as that of a repository does.
        publication = build(run, Path(empty), request, repo=repo, gated=True, report=report)
    if dry:
        return publication
    log.info("%s: %s written, content hash %s", folder, publication.name, publication.content_hash)
    return publication


def to_hub(
    run: Run, options: PublishOptions, hub: Hub | None = None, show: Show | None = None
) -> list[Pushed]:
    """Push the data set, and the checkpoint after it; unchanged contents are not pushed again.

    Everything is built and every license is checked before the first request to the Hub.

    Args:
        run: its variant sets are built.
        options: the publisher's choices.
        hub: None is the Hub of the user's settings.
        show: called with the plan before anything is pushed.

    Returns:
        The data set, and the checkpoint if asked for; nothing with ``options.dry``.

    Raises:
        UsageError: the run is not ready, or see `Hub.push`.
        LicenseError: the license is refused.
        HubError: see `Hub.push`.
    """
    hub = hub or Hub()
    with run.locked():
        declared = options.request.declared
        parts = data_parts(run.recipe, run.manifest, declared)
        if options.checkpoint:
            parts = checkpoint.model_parts(run)
        declare(parts, declared)
        if options.checkpoint:
            options.request.decide(parts)
            require(run, "align")
        data = _push_data(run, options, hub, show)
        if data is None:
            return []
        if not options.checkpoint:
            return [data]
        target = Target(options.repo, "model", options.private, options.gated)
        upload = checkpoint.upload(run, options.request, target, data)
        model = hub.push(target, upload)
        _record(run, model, upload.publication)
    return [data, model]


def _push_data(run: Run, options: PublishOptions, hub: Hub, show: Show | None) -> Pushed | None:
    target = Target(options.repo, "dataset", options.private, options.gated)
    with tempfile.TemporaryDirectory(prefix="mlc-data-publish-") as name:
        folder = Path(name)
        gated, changes = options.gated is not False, options.changes
        publication = build(
            run,
            folder,
            options.request,
            repo=options.repo,
            gated=gated,
            changes=changes,
            report=options.report,
        )
        files: dict[str, Path | bytes] = {path: folder / path for path in publication.files}
        if show:
            size = sum((folder / path).stat().st_size for path in publication.files)
            show(Plan(publication, folder, size, target, options.checkpoint))
        if options.dry:
            return None
        message = f"Publish {publication.name} ({publication.content_hash[:12]})"
        data = hub.push(target, Upload(publication, files, message))
    _record(run, data, publication)
    return data


def _record(run: Run, pushed: Pushed, publication: Publication) -> None:
    where = asdict(pushed)
    changed = where.pop("changed")
    record_publication(run.folder, Published(**where, content=publication.content))
    if changed:
        log.info("%s: published as revision %s", pushed.url, pushed.revision)
    else:
        log.info(
            "%s: revision %s has this already; nothing was pushed", pushed.url, pushed.revision
        )
