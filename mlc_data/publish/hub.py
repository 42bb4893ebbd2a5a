"""One commit a push to the Hub: readers see the old revision or the new one, never a part.

Files are uploaded first, which shows nothing; the commit makes all of them visible at once. A
repository is made private, and its gate closed, before the commit; it is opened only after it.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import RepositoryNotFoundError

from mlc_data.errors import UsageError
from mlc_data.publish import record
from mlc_data.publish.record import Publication, read_publication
from mlc_data.publish.retry import Retry

log = logging.getLogger(__name__)

Kind = Literal["dataset", "model"]

# What `datasets` reads beside a card, and what it would take for our shards.
_STALE: Mapping[str, tuple[str, ...]] = {
    "dataset": ("sets/*.parquet", "variants/*.parquet", "dataset_infos.json"),
    "model": (),
}
_REPO = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}/[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)
_BINARY = (".parquet", ".safetensors", ".model", ".bin")
GATE: Literal["manual"] = "manual"
"""Of a gated repository: its owners let people in one by one."""


@dataclass(frozen=True)
class Target:
    """A repository and who may see it.

    ``private`` and ``gated`` None: both for a new repository; an existing one is never opened or
    closed to the public without being told to.
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
    """The files of a push, by their path in the repository, and the record among them."""

    publication: Publication
    files: Mapping[str, Path | bytes]
    message: str


@dataclass(frozen=True)
class Pushed:
    """What the repository holds now; ``changed`` is False where it held it already."""

    repo: str
    kind: Kind
    url: str
    revision: str
    changed: bool


@dataclass(frozen=True)
class Hub:
    """The Hub at ``endpoint`` (None: ``HF_ENDPOINT``, else huggingface.co), with the user's token."""

    endpoint: str | None = None
    retry: Retry = field(default_factory=Retry)

    @property
    def api(self) -> HfApi:
        """The client; it finds the token by itself."""
        return HfApi(endpoint=self.endpoint)

    def address(self, target: Target) -> str:
        """The repository's page; without a user and password that the endpoint may have."""
        parts = urlsplit(self.api.endpoint)
        host = parts.netloc.rpartition("@")[2]
        prefix = "datasets/" if target.kind == "dataset" else ""
        return urlunsplit((parts.scheme, host, f"{parts.path}/{prefix}{target.repo}", "", ""))

    def push(self, target: Target, upload: Upload) -> Pushed:
        """Make the repository hold the upload, in one commit, unless it does so already.

        Raises:
            UsageError: there is no token, or the repository's visibility is not what it should be.
            HubError: the Hub refuses, or fails again and again; what it held before, it holds still.
        """
        token = _token()
        _refuse_secrets(upload, token)
        self._close(target, token)
        tries = 0

        def once() -> Pushed:
            nonlocal tries
            tries += 1
            head, present = self._head(target)
            found = self._publication(target, head, present)
            if found and _is_there(found, upload.publication, present):
                # After a failed try: that one had arrived, and only its answer was lost.
                return self._pushed(target, head, changed=tries > 1)
            operations = _operations(target.kind, upload, found, present)
            log.info("%s: pushing %s in one commit", target.repo, _amount(upload))
            made = self.api.create_commit(
                target.repo,
                operations,
                commit_message=upload.message,
                repo_type=target.kind,
                parent_commit=head,
            )
            return self._pushed(target, made.oid, changed=True)

        pushed = self.retry.call(f"publishing to {target.repo}", once, token)
        self._open(target, token)
        return pushed

    def _pushed(self, target: Target, revision: str, *, changed: bool) -> Pushed:
        return Pushed(target.repo, target.kind, self.address(target), revision, changed)

    def _close(self, target: Target, token: str) -> None:
        """Make the repository if it is not there, and close what is to be closed."""
        what = f"looking for {target.repo}"
        found = self.retry.call(what, lambda: self._settings(target), token)
        if found is None:
            self.retry.call(
                f"making {target.repo}",
                lambda: self.api.create_repo(
                    target.repo, repo_type=target.kind, private=True, exist_ok=True
                ),
                token,
            )
            found = (True, False)
        private, gated = found
        _refuse_surprises(target, private, gated)
        wanted: dict[str, Any] = {}
        if target.private and not private:
            wanted["private"] = True
        if target.gated is not False and not gated:
            wanted["gated"] = GATE
        self._set(target, token, wanted)

    def _open(self, target: Target, token: str) -> None:
        """Open what is to be open, now that the commit is there."""
        found = self.retry.call(
            f"looking at {target.repo}", lambda: self._settings(target), token
        ) or (True, True)
        wanted: dict[str, Any] = {}
        if target.gated is False and found[1]:
            wanted["gated"] = False
        if target.private is False and found[0]:
            wanted["private"] = False
        self._set(target, token, wanted)

    def _set(self, target: Target, token: str, wanted: Mapping[str, Any]) -> None:
        if wanted:
            self.retry.call(
                f"setting {target.repo} to {', '.join(f'{k}={v}' for k, v in wanted.items())}",
                lambda: self.api.update_repo_settings(target.repo, repo_type=target.kind, **wanted),
                token,
            )

    def _settings(self, target: Target) -> tuple[bool, bool] | None:
        """Whether the repository is private and gated; None where there is none."""
        try:
            info = self.api.repo_info(target.repo, repo_type=target.kind)
        except RepositoryNotFoundError:
            return None
        return bool(info.private), bool(info.gated)

    def _head(self, target: Target) -> tuple[str, frozenset[str]]:
        """The newest revision and the files in it."""
        info = self.api.repo_info(target.repo, repo_type=target.kind, revision="main")
        files = getattr(info, "siblings", None) or ()
        return str(info.sha), frozenset(one.rfilename for one in files)

    def _publication(
        self, target: Target, revision: str, present: frozenset[str]
    ) -> Publication | None:
        if record.FILE not in present:
            if left := sorted(present - {".gitattributes", "README.md"}):
                log.warning(
                    "%s was not published by mlc-data; what it holds stays (%s ...)",
                    target.repo, ", ".join(left[:3]),
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
    """The token must be in nothing that is published, however it came there."""
    for path, content in upload.files.items():
        if path.endswith(_BINARY):
            continue
        text = content if isinstance(content, bytes) else content.read_bytes()
        if token.encode() in text:
            raise UsageError(f"{path} contains your token of the Hub, so nothing was published")


def _refuse_surprises(target: Target, private: bool, gated: bool) -> None:
    if target.private is None and not private:
        raise UsageError(
            f"{target.repo} is public. Say --public to publish there, or --private to close it"
        )
    if target.gated is None and not gated and not private:
        raise UsageError(
            f"{target.repo} is public and not gated. Say --no-gated to leave it open, or --gated"
        )


def _is_there(found: Publication, wanted: Publication, present: frozenset[str]) -> bool:
    return found.content_hash == wanted.content_hash and set(wanted.files) <= present


def _operations(
    kind: Kind, upload: Upload, found: Publication | None, present: frozenset[str]
) -> list[CommitOperationAdd | CommitOperationDelete]:
    """Everything that is published, and away with what an earlier publication had besides."""
    former = set(found.files) if found else set()
    former |= {one for one in present if any(fnmatch(one, stale) for stale in _STALE[kind])}
    gone = sorted((former & present) - set(upload.files))
    return [
        *(CommitOperationAdd(path, content) for path, content in upload.files.items()),
        *(CommitOperationDelete(path) for path in gone),
    ]


def _amount(upload: Upload) -> str:
    size = sum(
        len(one) if isinstance(one, bytes) else one.stat().st_size for one in upload.files.values()
    )
    return f"{len(upload.files)} files, {size / 1e6:,.1f} MB"
