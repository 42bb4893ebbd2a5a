"""From a run to what is published: to a folder, or to the Hub, with or without the checkpoint."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mlc_data.lineage.published import Published, record_publication
from mlc_data.pipeline.run import Run
from mlc_data.publish import checkpoint
from mlc_data.publish.dataset import Wishes, build, data_parts, replacing
from mlc_data.publish.hub import Hub, Pushed, Target, Upload
from mlc_data.publish.license import declare
from mlc_data.publish.record import Publication
from mlc_data.publish.tables import require

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is going to be published, told before it is.

    Attributes:
        publication: of the data set.
        folder: where its files are now.
        bytes: of all of them.
        target: the repository; None for a folder.
        checkpoint: whether the checkpoint follows.
    """

    publication: Publication
    folder: Path
    bytes: int
    target: Target | None = None
    checkpoint: bool = False


Show = Callable[[Plan], None]


@dataclass(frozen=True)
class Order:
    """Whatever the user may choose.

    Attributes:
        repo: ``organisation/name``; the checkpoint's model repository has the same name.
        private: see `Target`.
        gated: see `Target`.
        wishes: licence and rights.
        checkpoint: push the checkpoint too.
        dry: build and show all, publish nothing.
        changes: what is new since the last revision, in Markdown, for the card. Data that have not
            changed are not pushed for its sake.
    """

    repo: str
    private: bool | None = None
    gated: bool | None = None
    wishes: Wishes = field(default_factory=Wishes)
    checkpoint: bool = False
    dry: bool = False
    changes: str | None = None


def to_folder(run: Run, folder: Path, wishes: Wishes, repo: str | None = None) -> Publication:
    """Write the data set into a folder, in place of what was published there before.

    Raises:
        UsageError: the folder holds something else, or the run is not ready.
        LicenceError: the licence is refused.
    """
    declare(data_parts(run.recipe, run.manifest), wishes.declared)
    url = Hub().address(Target(repo)) if repo else "."
    with replacing(folder) as empty:
        made = build(run, empty, wishes, repo=repo, url=url, gated=repo is not None)
    log.info("%s: %s written, content hash %s", folder, made.name, made.content_hash)
    return made


def to_hub(
    run: Run, order: Order, hub: Hub | None = None, show: Show | None = None
) -> list[Pushed]:
    """Push the data set, and the checkpoint after it; what is there already is not pushed again.

    Everything is built and every licence is looked at before the Hub is asked for anything.

    Args:
        run: its variant sets are built.
        order: what goes where.
        hub: where to; None is the Hub of the user's settings.
        show: called with the plan before anything is pushed.

    Returns:
        The data set, and the checkpoint if it was ordered; nothing with ``order.dry``.

    Raises:
        UsageError: the run is not ready, or see `Hub.push`.
        LicenceError: the licence is refused.
        HubError: see `Hub.push`.
    """
    hub = hub or Hub()
    with run.locked():
        parts = data_parts(run.recipe, run.manifest)
        if order.checkpoint:
            parts = checkpoint.model_parts(run)
        declare(parts, order.wishes.declared)
        if order.checkpoint:
            order.wishes.grant(parts)
            require(run, "align")
        data = _push_data(run, order, hub, show)
        if data is None:
            return []
        if not order.checkpoint:
            return [data]
        target = Target(order.repo, "model", order.private, order.gated)
        upload = checkpoint.upload(run, order.wishes, target, data)
        model = hub.push(target, upload)
        _record(run, model, upload.publication)
    return [data, model]


def _push_data(run: Run, order: Order, hub: Hub, show: Show | None) -> Pushed | None:
    target = Target(order.repo, "dataset", order.private, order.gated)
    with tempfile.TemporaryDirectory(prefix="mlc-data-publish-") as name:
        folder = Path(name)
        made = build(
            run,
            folder,
            order.wishes,
            repo=order.repo,
            url=hub.address(target),
            gated=order.gated is not False,
            changes=order.changes,
        )
        files: dict[str, Path | bytes] = {path: folder / path for path in made.files}
        if show:
            size = sum((folder / path).stat().st_size for path in made.files)
            show(Plan(made, folder, size, target, order.checkpoint))
        if order.dry:
            return None
        message = f"Publish {made.name} ({made.content_hash[:12]})"
        data = hub.push(target, Upload(made, files, message))
    _record(run, data, made)
    return data


def _record(run: Run, pushed: Pushed, made: Publication) -> None:
    record_publication(
        run.folder,
        Published(
            kind=pushed.kind,
            repo=pushed.repo,
            revision=pushed.revision,
            url=pushed.url,
            content=made.content,
        ),
    )
    if pushed.changed:
        log.info("%s: published as revision %s", pushed.url, pushed.revision)
    else:
        log.info(
            "%s: revision %s has this already; nothing was pushed", pushed.url, pushed.revision
        )
