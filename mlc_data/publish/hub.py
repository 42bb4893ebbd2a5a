"""Pushes to the Hub, in one commit each: readers see the old revision or the new one, never a part.

Files are uploaded first, invisibly; the commit shows all of them at once. A repository is made private and
gated before the commit, and opened only after it.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit, urlunsplit

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import RepositoryNotFoundError

from mlc_data.core.parquet import read_parquet
from mlc_data.errors import UsageError
from mlc_data.publish import record
from mlc_data.publish.calls import ATTEMPTS, call_hub
from mlc_data.publish.record import Publication, read_publication

log = logging.getLogger(__name__)

T = TypeVar("T")

Kind = Literal["dataset", "model"]

# Files that `datasets` reads in addition to the card, or would mistake for our shards.
_STALE: Mapping[str, tuple[str, ...]] = {
    "dataset": ("sets/*.parquet", "variants/*.parquet", "dataset_infos.json"),
    "model": (),
}
_REPO = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}/[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)
_ROWS_AT_ONCE = 10_000
_BINARY = (".parquet", ".safetensors", ".model", ".bin")
GATE: Literal["manual"] = "manual"
"""Access to a gated repository: its owners approve readers one by one."""


@dataclass(frozen=True)
class Target:
    """A repository and its visibility.

    ``private`` and ``gated`` None: True for a new repository; an existing one is never opened or closed
    without an explicit choice.
    """

    repo: str
    kind: Kind = "dataset"
    private: bool | None = None
    gated: bool | None = None

    def __post_init__(self) -> None:
        if not _REPO.fullmatch(self.repo) or "--" in self.repo or ".." in self.repo:
            raise UsageError(
                f"--repo {self.repo}: write organisation/name, in letters, digits, '-', '_' and '.'"
            )


@dataclass(frozen=True)
class Upload:
    """Files of a push by their path in the repository, with the record among them."""

    publication: Publication
    files: Mapping[str, Path | bytes]
    message: str


@dataclass(frozen=True)
class Pushed:
    """Result of a push; ``changed`` is False where the repository already had these contents."""

    repo: str
    kind: Kind
    url: str
    revision: str
    changed: bool


@dataclass(frozen=True)
class Hub:
    """The Hub at ``endpoint`` (None: ``HF_ENDPOINT``, else huggingface.co), with the user's token."""

    endpoint: str | None = None
    attempts: int = ATTEMPTS

    @property
    def api(self) -> HfApi:
        """Return the client, which finds the token by itself."""
        return HfApi(endpoint=self.endpoint)

    def address(self, target: Target) -> str:
        """Return the repository's page, without a user and password that the endpoint may have."""
        parts = urlsplit(self.api.endpoint)
        host = parts.netloc.rpartition("@")[2]
        prefix = "datasets/" if target.kind == "dataset" else ""
        return urlunsplit((parts.scheme, host, f"{parts.path}/{prefix}{target.repo}", "", ""))

    def push(self, target: Target, upload: Upload) -> Pushed:
        """Push the upload in one commit, unless the repository already has it.

        Raises:
            UsageError: there is no token, or the repository's visibility is not what it should be.
            HubError: the Hub refuses or keeps failing; the repository is unchanged then.
        """
        token = _token()
        _refuse_secrets(upload, token)
        self._close(target, token)
        tries = 0

        def once() -> Pushed:
            nonlocal tries
            tries += 1
            head, present = self._head(target)
            former = self._publication(target, head, present)
            if former and _is_there(former, upload.publication, present):
                # After a failed try: its commit had arrived, and only the response was lost.
                return self._pushed(target, head, changed=tries > 1)
            operations = _operations(target.kind, upload, former, present)
            log.info("%s: pushing %s in one commit", target.repo, _amount(upload))
            commit = self.api.create_commit(
                target.repo, operations, commit_message=upload.message, repo_type=target.kind,
                parent_commit=head,
            )  # fmt: skip
            return self._pushed(target, commit.oid, changed=True)

        pushed = self._call(f"publishing to {target.repo}", once, token)
        self._open(target, token)
        return pushed

    def _call(self, action: str, work: Callable[[], T], token: str) -> T:
        return call_hub(action, work, token, self.attempts)

    def _pushed(self, target: Target, revision: str, *, changed: bool) -> Pushed:
        return Pushed(target.repo, target.kind, self.address(target), revision, changed)

    def _close(self, target: Target, token: str) -> None:
        """Create the repository if it does not exist, and restrict access to it."""
        looking = f"looking for {target.repo}"
        settings = self._call(looking, lambda: self._settings(target), token)
        if settings is None:
            options: dict[str, Any] = {"private": True, "exist_ok": True}
            create = partial(self.api.create_repo, target.repo, repo_type=target.kind, **options)
            self._call(f"creating {target.repo}", create, token)
        private, gated = settings or (True, False)
        _check_visibility(target, private, gated)
        wanted: dict[str, Any] = {}
        if target.private and not private:
            wanted["private"] = True
        if target.gated is not False and not gated:
            wanted["gated"] = GATE
        self._set(target, token, wanted)

    def _open(self, target: Target, token: str) -> None:
        """Open the repository as asked, after the commit."""
        action = f"looking at {target.repo}"
        private, gated = self._call(action, lambda: self._settings(target), token) or (True, True)
        wanted: dict[str, Any] = {}
        if target.gated is False and gated:
            wanted["gated"] = False
        if target.private is False and private:
            wanted["private"] = False
        self._set(target, token, wanted)

    def _set(self, target: Target, token: str, wanted: Mapping[str, Any]) -> None:
        if wanted:
            action = f"setting {target.repo} to {', '.join(f'{k}={v}' for k, v in wanted.items())}"
            kind = target.kind
            change = partial(self.api.update_repo_settings, target.repo, repo_type=kind, **wanted)
            self._call(action, change, token)

    def _settings(self, target: Target) -> tuple[bool, bool] | None:
        """Return whether the repository is private and gated; None if there is none."""
        try:
            info = self.api.repo_info(target.repo, repo_type=target.kind)
        except RepositoryNotFoundError:
            return None
        return bool(info.private), bool(info.gated)

    def _head(self, target: Target) -> tuple[str, frozenset[str]]:
        """Return the newest revision and the files in it."""
        info = self.api.repo_info(target.repo, repo_type=target.kind, revision="main")
        files = getattr(info, "siblings", None) or ()
        return str(info.sha), frozenset(file.rfilename for file in files)

    def _publication(
        self, target: Target, revision: str, present: frozenset[str]
    ) -> Publication | None:
        if record.FILE not in present:
            if foreign := sorted(present - {".gitattributes", "README.md"}):
                log.warning(
                    "%s was not published by mlc-data; its files stay (%s ...)",
                    target.repo, ", ".join(foreign[:3]),
                )  # fmt: skip
            return None
        with tempfile.TemporaryDirectory() as folder:
            path = self.api.hf_hub_download(
                target.repo, record.FILE, repo_type=target.kind, revision=revision, local_dir=folder
            )
            return read_publication(Path(path).read_bytes(), f"{target.repo}/{record.FILE}")


def _token() -> str:
    token = get_token()
    if not token:
        raise UsageError(
            "there is no token for the Hub: log in with `hf auth login`, or set HF_TOKEN. Without "
            "the Hub: --to FOLDER"
        )
    return token


def _refuse_secrets(upload: Upload, token: str) -> None:
    """Refuse to publish a file that contains the token."""
    for path, content in upload.files.items():
        if _has(path, content, token):
            raise UsageError(f"{path} contains your token of the Hub, so nothing was published")


def _has(path: str, content: bytes | Path, token: str) -> bool:
    """Return whether a file contains the token; tables are packed, so their rows are looked at."""
    if path.endswith(".parquet") and isinstance(content, Path):
        rows = read_parquet(content).iter_slices(_ROWS_AT_ONCE)
        return any(token in part.write_ndjson() for part in rows)
    if path.endswith(_BINARY):
        return False
    return token.encode() in (content if isinstance(content, bytes) else content.read_bytes())


def _check_visibility(target: Target, private: bool, gated: bool) -> None:
    if target.private is None and not private:
        raise UsageError(
            f"{target.repo} is public. Add --public to publish there, or --private to close it"
        )
    if target.gated is None and not gated and not private:
        raise UsageError(
            f"{target.repo} is public and not gated. Add --no-gated to leave it open, or --gated"
        )


def _is_there(former: Publication, wanted: Publication, present: frozenset[str]) -> bool:
    return former.content_hash == wanted.content_hash and set(wanted.files) <= present


def _operations(
    kind: Kind, upload: Upload, former: Publication | None, present: frozenset[str]
) -> list[CommitOperationAdd | CommitOperationDelete]:
    """Return additions of all files, and deletions of other files of an earlier publication."""
    old = set(former.files) if former else set()
    old |= {path for path in present if any(fnmatch(path, stale) for stale in _STALE[kind])}
    gone = sorted((old & present) - set(upload.files))
    return [
        *(CommitOperationAdd(path, content) for path, content in upload.files.items()),
        *(CommitOperationDelete(path) for path in gone),
    ]


def _amount(upload: Upload) -> str:
    files = upload.files.values()
    size = sum(len(file) if isinstance(file, bytes) else file.stat().st_size for file in files)
    return f"{len(files)} files, {size / 1e6:,.1f} MB"
