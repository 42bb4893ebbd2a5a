"""A loopback server for judges that takes a list of steps, one for each request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Step = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Takes the next step of the server's list for each request; the last one stays."""

    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.seen.append((self.path, dict(self.headers), body))
            steps = self.server.steps
            step = steps.pop(0) if len(steps) > 1 else steps[0]
            self.server.inside += 1
            self.server.most_inside = max(self.server.most_inside, self.server.inside)
        try:
            step(self)
        finally:
            with self.server.lock:
                self.server.inside -= 1

    def send(self, status: int, body: bytes | str, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing to the terminal."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.steps: list[Step] = []
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.inside = self.most_inside = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


def says(text: str | None, finish: str = "stop") -> Step:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    body = json.dumps({"choices": [{**choice, "finish_reason": finish}]})
    return lambda handler: handler.send(200, body, Content_Type="application/json")


def fails(status: int, message: str = "", code: str | None = None, **headers: str) -> Step:
    body = json.dumps({"error": {"message": message, "code": code}})
    return lambda handler: handler.send(status, body, **headers)


def raw(text: str | bytes) -> Step:
    return lambda handler: handler.send(200, text)


def cut(handler: Handler) -> None:
    """Promise more than is sent, and go."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    """Go without a word."""
    handler.close_connection = True
