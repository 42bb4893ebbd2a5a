"""What a loopback Hub holds: repositories as lists of commits, uploaded objects, planted faults."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

TOKEN = "hf_thisTokenIsASecretOfTheTests0123"


@dataclass(frozen=True)
class Commit:
    oid: str
    message: str
    files: dict[str, bytes]
    lfs: frozenset[str]


@dataclass
class Repo:
    private: bool
    gated: Any = False
    commits: list[Commit] = field(default_factory=list)
    # What anyone could see at any moment: (private, gated, number of commits).
    history: list[tuple[bool, Any, int]] = field(default_factory=list)

    @property
    def head(self) -> Commit:
        return self.commits[-1]

    def at(self, revision: str) -> Commit | None:
        if revision == "main":
            return self.head
        return next((one for one in self.commits if one.oid == revision), None)

    def note(self) -> None:
        self.history.append((self.private, self.gated, len(self.commits)))


@dataclass
class Fault:
    """Happens to the next ``times`` requests that match.

    ``kind``: a status; ``cut`` closes the connection amid the request's body; ``lost`` does what was
    asked, and closes it instead of answering; ``hold`` waits until the fault is released;
    ``echo`` refuses (403) and repeats the Authorization header in its answer.
    """

    method: str
    path: str
    kind: int | str
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


class LoopbackHub:
    """The server's state, and what the tests ask and tell it."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, int]] = []
        self.lock = threading.RLock()
        self.url = ""

    def repo(self, name: str, kind: str = "dataset") -> Repo:
        return self.repos[kind, name]

    def fail(self, method: str, path: str, kind: int | str, times: int = 1, **more: Any) -> Fault:
        made = Fault(method, path, kind, times, **more)
        self.faults.append(made)
        return made

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for one in self.faults:
                if one.times and one.method == method and re.search(one.path, path):
                    one.times -= 1
                    return one
        return None

    def add_commit(self, repo: Repo, message: str, files: dict[str, bytes], lfs: set[str]) -> str:
        told = json.dumps([len(repo.commits), message, sorted(files), time.time()])
        oid = hashlib.sha1(told.encode()).hexdigest()
        repo.commits.append(Commit(oid, message, files, frozenset(lfs)))
        repo.note()
        return oid

    def count(self, method: str, path: str) -> int:
        return sum(1 for m, p, _ in self.requests if m == method and re.search(path, p))


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
