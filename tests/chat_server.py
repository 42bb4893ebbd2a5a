"""A loopback server that speaks the OpenAI-compatible chat-completions protocol, and misbehaves on request."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

import judge_server

Behavior = Callable[["Handler", str], None]


class Handler(judge_server.Handler):
    """Answers by what the last line of the question says."""

    server: ChatServer  # type: ignore[assignment]
    model: str
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.model = body["model"]
        question = body["messages"][-1]["content"]
        text = question.rpartition("\n\n")[2]
        with self.server.lock:
            self.server.asked[question] += 1
            self.server.headers.append(dict(self.headers))
            self.server.bodies.append(body)
            planned = self.server.planned[text]
            behavior = planned.pop(0) if planned else self.server.usual
            self.server.inside += 1
            self.server.most_inside = max(self.server.most_inside, self.server.inside)
        time.sleep(self.server.delay)
        with self.server.lock:
            self.server.inside -= 1
        behavior(self, question)


class ChatServer(ThreadingHTTPServer):
    """``planned`` has behaviors by text, which come before the ``usual`` one; ``asked`` counts questions."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, usual: Behavior) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.usual, self.delay = usual, 0.0
        self.planned: dict[str, list[Behavior]] = defaultdict(list)
        self.asked: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.inside = self.most_inside = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


def says(
    reply: Callable[[str], str] | str | None, finish: str = "stop", **message: str
) -> Behavior:
    """Answer with a reply, or with what a function makes of the question; ``message`` has more of its fields."""

    def behave(handler: Handler, question: str) -> None:
        text = reply(question) if callable(reply) else reply
        choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}}
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        body = {"choices": [{**choice, "finish_reason": finish}], "usage": usage}
        handler.send(200, json.dumps(body).encode(), Content_Type="application/json")

    return behave


def fails(status: int, **headers: str) -> Behavior:
    body = json.dumps({"error": {"message": "no", "code": None}}).encode()
    return lambda handler, _: handler.send(status, body, **headers)


def raw(data: bytes) -> Behavior:
    return lambda handler, _: handler.send(200, data)


def cut(handler: Handler, _: str) -> None:
    """Promise more than is sent, and close."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def hangs(seconds: float) -> Behavior:
    return lambda handler, _: time.sleep(seconds)


@contextmanager
def serving(usual: Behavior) -> Iterator[ChatServer]:
    """Run a server in a thread."""
    made = ChatServer(usual)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()
