"""A Hugging Face Hub on loopback: the routes that the client uses, over real HTTP, and faults.

A repository is a list of commits; a commit is a whole mapping of paths to contents and is added in one
step. Uploads lie apart until a commit names them. Xet is not offered.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hub_rules import faults_of_card
from hub_state import TOKEN, Commit, LoopbackHub, Repo, git_hash


class _Refused(Exception):
    def __init__(self, status: int, message: str, code: str = "", body: Any = None) -> None:
        super().__init__(message)
        self.status, self.code, self.body = status, code, body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body that follows its headers waits 40 ms otherwise
    hub: LoopbackHub

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        self.route, self.query = unquote(parts.path), parse_qs(parts.query)
        fault = self.hub.fault_for(self.command, self.route)
        if fault:
            fault.reached.set()
        size = int(self.headers.get("Content-Length") or 0)
        if fault and fault.kind == "cut":
            self.rfile.read(size // 2)
            self._hang_up()
            return
        self.body = (
            self._chunks() if self.headers.get("Transfer-Encoding") else self.rfile.read(size)
        )
        if fault and fault.kind == "hold":
            fault.release.wait(60)
            self._hang_up()
            return
        if fault and isinstance(fault.kind, int):
            self._send(fault.kind, {"error": "planted"}, fault.headers)
            return
        if fault and fault.kind == "echo":
            told = f"planted: you sent {self.headers.get('Authorization')}"
            self._send(403, {"error": told}, {"X-Error-Message": told})
            return
        try:
            status, content, headers = self._dispatch()
        except _Refused as refused:
            self._send(
                refused.status,
                refused.body or {"error": str(refused)},
                {"X-Error-Message": str(refused), "X-Error-Code": refused.code},
            )
            return
        if fault and fault.kind == "lost":
            self._hang_up()
            return
        self._send(status, content, headers)

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _hang_up(self) -> None:
        self.hub.requests.append((self.command, self.route, 0))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        self.hub.requests.append((self.command, self.route, status))
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {key: value for key, value in (headers or {}).items() if value}
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        if "Content-Type" not in headers:
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _dispatch(self) -> tuple[int, Any, dict[str, str]]:
        for method, pattern, action in _ROUTES:
            match = re.fullmatch(pattern, self.route)
            if match and self.command in method.split():
                with self.hub.lock:
                    return action(self, **match.groupdict())
        raise _Refused(404, f"no route {self.command} {self.route}")

    def _json(self) -> Any:
        return json.loads(self.body)

    def _must_be_known(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _Refused(401, "Invalid credentials in Authorization header")

    def _repo(self, kind: str, name: str) -> Repo:
        repo = self.hub.repos.get((kind, name))
        if repo is None:
            raise _Refused(404, "Repository not found", "RepoNotFound")
        if repo.private or repo.gated:
            try:
                self._must_be_known()
            except _Refused:
                raise _Refused(401, "Repository not found", "RepoNotFound") from None
        return repo

    def _commit(self, kind: str, name: str, revision: str) -> Commit:
        found = self._repo(kind, name).at(unquote(revision))
        if found is None:
            raise _Refused(404, f"no revision {revision}", "RevisionNotFound")
        return found

    def create(self) -> Any:
        self._must_be_known()
        asked = self._json()
        kind, name = asked.get("type", "model"), f"{asked['organization']}/{asked['name']}"
        url = f"{self.hub.url}/{'datasets/' if kind == 'dataset' else ''}{name}"
        if (kind, name) in self.hub.repos:
            raise _Refused(
                409, "You already created this repo", body={"url": url, "error": "there"}
            )
        repo = Repo(private=asked.get("visibility") == "private" or bool(asked.get("private")))
        self.hub.repos[kind, name] = repo
        self.hub.add_commit(repo, "initial commit", {".gitattributes": b"*.parquet lfs\n"}, set())
        return 200, {"url": url}, {}

    def settings(self, kind: str, name: str) -> Any:
        self._must_be_known()
        repo, asked = self._repo(kind, name), self._json()
        if "visibility" in asked:
            repo.private = asked["visibility"] == "private"
        if "private" in asked:
            repo.private = asked["private"]
        repo.gated = asked.get("gated", repo.gated)
        repo.note()
        return 200, asked, {}

    def info(self, kind: str, name: str, revision: str = "main") -> Any:
        repo, commit = self._repo(kind, name), self._commit(kind, name, revision)
        told = {
            "id": name, "sha": commit.oid, "private": repo.private, "gated": repo.gated,
            "tags": [], "downloads": 0, "likes": 0, "disabled": False,
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
        }  # fmt: skip
        return 200, told, {}

    def _entry(self, commit: Commit, path: str) -> dict[str, Any]:
        content = commit.files[path]
        entry: dict[str, Any] = {
            "type": "file", "path": path, "size": len(content), "oid": git_hash(content),
        }  # fmt: skip
        if path in commit.lfs:
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 130}
        return entry

    def tree(self, kind: str, name: str, revision: str, path: str = "") -> Any:
        commit = self._commit(kind, name, revision)
        recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        start = f"{path}/" if path else ""
        found: dict[str, dict[str, Any]] = {}
        for file in sorted(commit.files):
            if not file.startswith(start):
                continue
            inner = file.removeprefix(start).split("/")
            for depth in range(1, len(inner) if recursive else min(len(inner), 2)):
                folder = start + "/".join(inner[:depth])
                found[folder] = {
                    "type": "directory", "path": folder, "size": 0,
                    "oid": git_hash(folder.encode()),
                }  # fmt: skip
            if recursive or len(inner) == 1:
                found[file] = self._entry(commit, file)
        if path and not found:
            raise _Refused(404, f"no {path}", "EntryNotFound")
        return 200, list(found.values()), {}

    def paths_info(self, kind: str, name: str, revision: str) -> Any:
        commit = self._commit(kind, name, revision)
        asked = parse_qs(self.body.decode()).get("paths", [])
        found = [self._entry(commit, path) for path in asked if path in commit.files]
        folders = {
            path for path in asked if any(one.startswith(f"{path}/") for one in commit.files)
        }
        found += [
            {"type": "directory", "path": path, "size": 0, "oid": git_hash(path.encode())}
            for path in sorted(folders)
        ]
        return 200, found, {}

    def refs(self, kind: str, name: str) -> Any:
        head = self._repo(kind, name).head.oid
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": head}
        return 200, {"branches": [main], "converts": [], "tags": [], "pullRequests": []}, {}

    def whoami(self) -> Any:
        self._must_be_known()
        return 200, {"type": "user", "name": "tester", "orgs": []}, {}

    def preupload(self, kind: str, name: str, revision: str) -> Any:
        self._must_be_known()
        commit = self._commit(kind, name, revision)
        told = []
        for file in self._json()["files"]:
            large = file["path"].endswith((".parquet", ".safetensors")) or file["size"] > 10**7
            there = self._entry(commit, file["path"]) if file["path"] in commit.files else {}
            told.append(
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if large else "regular",
                    "shouldIgnore": False,
                    "oid": there.get("lfs", there).get("oid"),
                }
            )
        return 200, {"files": told}, {}

    def batch(self, kind: str, name: str) -> Any:
        self._must_be_known()
        self._repo(kind, name)
        told = []
        for one in self._json()["objects"]:
            entry = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.hub.objects:
                entry["actions"] = {
                    "upload": {"href": f"{self.hub.url}/lfs/{one['oid']}", "header": {}},
                    "verify": {"href": f"{self.hub.url}/lfs-verify", "header": {}},
                }
            told.append(entry)
        return 200, {"transfer": "basic", "objects": told}, {}

    def put_object(self, oid: str) -> Any:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise _Refused(400, "the content is not what its name says")
        self.hub.objects[oid] = self.body
        return 200, {}, {}

    def verify(self) -> Any:
        asked = self._json()
        content = self.hub.objects.get(asked["oid"])
        if content is None or len(content) != asked["size"]:
            raise _Refused(404, "not uploaded")
        return 200, {}, {}

    def commit(self, kind: str, name: str, revision: str) -> Any:
        self._must_be_known()
        repo = self._repo(kind, name)
        lines = [json.loads(line) for line in self.body.splitlines() if line]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, repo.head.oid):
            raise _Refused(412, "A commit has happened since. Please refresh and try again.")
        files, lfs = dict(repo.head.files), set(repo.head.lfs)
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
                lfs.discard(value["path"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.hub.objects:
                    raise _Refused(400, f"{value['path']} was never uploaded")
                files[value["path"]] = self.hub.objects[value["oid"]]
                lfs.add(value["path"])
            elif line["key"] == "deletedFile":
                if value["path"] not in files:
                    raise _Refused(404, "A file with this name doesn't exist", "EntryNotFound")
                del files[value["path"]]
                lfs.discard(value["path"])
            elif line["key"] != "header":
                raise _Refused(400, f"unknown operation {line['key']}")
        if "README.md" in files and (wrong := faults_of_card(files["README.md"].decode(), kind)):
            raise _Refused(400, "; ".join(wrong))
        oid = self.hub.add_commit(repo, header["summary"], files, lfs)
        return 200, {"commitUrl": f"{self.hub.url}/{name}/commit/{oid}", "commitOid": oid}, {}

    def resolve(self, kind: str, name: str, revision: str, path: str) -> Any:
        commit = self._commit(kind, name, revision)
        headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
        if path not in commit.files:
            refused = _Refused(404, f"no {path}", "EntryNotFound")
            raise refused
        content = commit.files[path]
        digest = hashlib.sha256(content).hexdigest()
        headers["ETag"] = f'"{digest if path in commit.lfs else git_hash(content)}"'
        if path in commit.lfs:
            headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
        headers["Content-Type"] = "application/octet-stream"
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not wanted:
            return 200, content, headers
        first, last = int(wanted[1]), int(wanted[2] or len(content) - 1)
        part = content[first : last + 1]
        headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
        return 206, part, headers

    def validate(self) -> Any:
        asked = self._json()
        wrong = faults_of_card(asked["content"], asked.get("repoType", "model"))
        body = {"errors": [{"message": one} for one in wrong], "warnings": []}
        if wrong:
            raise _Refused(400, "; ".join(wrong), body=body)
        return 200, body, {}


_API = r"/api/(?P<kind>dataset|model)s/(?P<name>[^/]+/[^/]+)"
_Action = Callable[..., tuple[int, Any, dict[str, str]]]
_ROUTES: list[tuple[str, str, _Action]] = [
    ("POST", "/api/repos/create", _Handler.create),
    ("POST", "/api/validate-yaml", _Handler.validate),
    ("GET", "/api/whoami-v2", _Handler.whoami),
    ("PUT", f"{_API}/settings", _Handler.settings),
    ("GET", _API, _Handler.info),
    ("GET", f"{_API}/revision/(?P<revision>.+)", _Handler.info),
    ("GET", f"{_API}/refs", _Handler.refs),
    ("GET", f"{_API}/tree/(?P<revision>[^/]+)", _Handler.tree),
    ("GET", f"{_API}/tree/(?P<revision>[^/]+)/(?P<path>.+)", _Handler.tree),
    ("POST", f"{_API}/paths-info/(?P<revision>[^/]+)", _Handler.paths_info),
    ("POST", f"{_API}/preupload/(?P<revision>[^/]+)", _Handler.preupload),
    ("POST", f"{_API}/commit/(?P<revision>[^/]+)", _Handler.commit),
    ("PUT", "/lfs/(?P<oid>[0-9a-f]{64})", _Handler.put_object),
    ("POST", "/lfs-verify", _Handler.verify),
]
for _prefix, _kind in (("datasets/", "dataset"), ("", "model")):
    _name = rf"/{_prefix}(?P<name>[^/]+/[^/]+)"

    def _batch(handler: _Handler, name: str, kind: str = _kind) -> Any:
        return handler.batch(kind, name)

    def _resolve(handler: _Handler, name: str, revision: str, path: str, kind: str = _kind) -> Any:
        return handler.resolve(kind, name, revision, path)

    _ROUTES += [
        ("POST", rf"{_name}\.git/info/lfs/objects/batch", _batch),
        ("GET HEAD", rf"{_name}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),
    ]


@contextmanager
def running() -> Iterator[LoopbackHub]:
    """A Hub on a free port of 127.0.0.1."""
    hub = LoopbackHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield hub
    finally:
        for fault in hub.faults:
            fault.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
