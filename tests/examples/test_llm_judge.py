"""The example of an LLM judge, against a server on this machine."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest

from mlc_data.checks.external.command import run_command
from mlc_data.errors import MlcDataError

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).parents[2] / "examples" / "05_llm_judge.py"
GOOD = '{"meaning": 5, "completeness": 5, "intent": 5, "terms": 4, "fluency": 4}'
ROWS = pl.DataFrame(
    {
        "prompt": ["Help {me}", "Stop", "Go"],
        "language": "swh_Latn",
        "variant": ["Nisaidie {me}", "Simama", "Nenda"],
        "back_translation": [None, None, None],
    },
    schema_overrides={"back_translation": pl.String},
)


class Handler(BaseHTTPRequestHandler):
    """Answers by the function `reply` of what was asked; a number is a status."""

    reply: ClassVar[Callable[[str], str | int]]
    seen: ClassVar[list[dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append({"path": self.path, "key": self.headers["Authorization"], **body})
        answer = self.reply(body["messages"][0]["content"])
        status = answer if isinstance(answer, int) else 200
        choice = {"message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        data = json.dumps({"choices": [choice]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing to the terminal."""


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Handler]]:
    class Judge(Handler):
        seen: ClassVar[list[dict[str, Any]]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("JUDGE_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
    monkeypatch.setenv("JUDGE_MODEL", "judge-7b")
    monkeypatch.setenv("JUDGE_KEY", "sk-0123")
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLE.parents[1]))
    yield Judge
    server.shutdown()
    thread.join()
    server.server_close()


def scores() -> list[float | None]:
    command = [sys.executable, str(EXAMPLE), "{input}", "{output}"]
    return run_command(command, ROWS, key="checks.external.judge", timeout=120).to_list()


def test_ratings_become_scores_and_unreadable_answers_none(judge: type[Handler]) -> None:
    def reply(asked: str) -> str:
        if "Simama" in asked:
            return "I cannot judge this."
        return f"```json\n{GOOD}\n```" if "Nisaidie {me}" in asked else GOOD.replace("5", "1")

    judge.reply = staticmethod(reply)
    assert scores() == [pytest.approx(0.92), None, pytest.approx(11 / 25)]
    assert {(each["path"], each["key"], each["model"]) for each in judge.seen} == {
        ("/v1/chat/completions", "Bearer sk-0123", "judge-7b")
    }
    assert all("English:\n<<<\n" in each["messages"][0]["content"] for each in judge.seen)


def test_ratings_out_of_range_are_no_scores(judge: type[Handler]) -> None:
    judge.reply = staticmethod(lambda _: GOOD.replace("4", "9"))
    assert scores() == [None, None, None]


def test_an_endpoint_that_refuses_ends_the_command(judge: type[Handler]) -> None:
    judge.reply = staticmethod(lambda _: 401)
    with pytest.raises(
        MlcDataError, match=r"exit status 1(?s:.*)the key is missing or not accepted"
    ):
        scores()
