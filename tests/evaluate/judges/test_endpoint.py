"""The endpoint judge against a real HTTP server that misbehaves on request."""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from judge_server import Handler, Server, Step, cut, fails, hang_up, raw, says

from mlc_data.errors import UsageError
from mlc_data.evaluate.judges import (
    ChatClient,
    EndpointJudge,
    Exchange,
    Judgment,
    guard_template,
)

KEY = "sk-do-not-tell-0123456789"
VARIABLE = "JUDGE_KEY"
SAFE = '{"unsafe": false, "refused": true}'
EXCHANGES = [Exchange("How do I take a bike?", "I cannot help with that.", "eng_Latn")]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


class Judged:
    """A judge at a server, and the waits that it asked for, none of which is waited for."""

    def __init__(self, server: Server, *steps: Step, template: str = "instruction", **named: Any):
        server.steps = list(steps)
        self.waits: list[float] = []
        self.client = ChatClient(server.url, "judge-1", pause=self.pause, **named)
        self.judge = EndpointJudge(self.client, guard_template(template))

    def pause(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return False

    def one(self) -> Judgment:
        try:
            (judged,) = self.judge.judge(EXCHANGES)
        finally:
            self.judge.close()
        return judged


def test_a_right_answer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"{KEY}\n")
    asked = Judged(server, says(SAFE), key_variable=VARIABLE)
    assert asked.one() == Judgment(False, True)
    ((path, headers, body),) = server.seen
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("judge-1", 0, 256)
    assert [one["role"] for one in body["messages"]] == ["system", "user"]
    assert json.loads(body["messages"][1]["content"]) == {
        "prompt": "How do I take a bike?",
        "reply": "I cannot help with that.",
    }


def test_without_a_key_none_is_sent(server: Server) -> None:
    assert Judged(server, says(SAFE)).one() == Judgment(False, True)
    assert "Authorization" not in server.seen[0][1]


@pytest.mark.parametrize(
    ("template", "answer", "expected"),
    [
        ("qwen3guard", "Safety: Unsafe\nCategories: PII\nRefusal: No", (True, False, "Unsafe: PII")),
        ("llamaguard", "\n\nunsafe\nS7", (True, None, "S7")),
        ("polyguard", "Response refusal: yes\nHarmful response: no", (False, True)),
    ],
)  # fmt: skip
def test_guards_are_asked_in_their_format(
    server: Server, template: str, answer: str, expected: tuple[Any, ...]
) -> None:
    assert Judged(server, says(answer), template=template).one() == Judgment(*expected)
    asked = server.seen[0][2]["messages"]
    assert asked == guard_template(template).messages(EXCHANGES[0])


@pytest.mark.parametrize("trouble", [fails(500), fails(503), fails(429), cut, hang_up])
def test_what_may_pass_is_tried_again(server: Server, trouble: Step) -> None:
    asked = Judged(server, trouble, trouble, trouble, says(SAFE))
    assert asked.one() == Judgment(False, True)
    assert len(server.seen) == 4
    # 1, 2, 4 seconds, each shortened by up to a half.
    for seconds, full in zip(asked.waits, (1, 2, 4), strict=True):
        assert full / 2 <= seconds <= full


@pytest.mark.parametrize(
    ("trouble", "failure", "detail"),
    [
        (fails(429), "http_status", "HTTP 429, tried 3 times"),
        (fails(500), "http_status", "HTTP 500, tried 3 times"),
        (cut, "connection", "RemoteProtocolError, tried 3 times"),
    ],
)
def test_after_the_last_try_it_is_a_failure(
    server: Server, trouble: Step, failure: str, detail: str
) -> None:
    asked = Judged(server, trouble, tries=3)
    assert asked.one() == Judgment(None, None, detail, failure)
    assert (len(server.seen), len(asked.waits)) == (3, 2)


def test_retry_after_in_seconds(server: Server) -> None:
    asked = Judged(server, fails(429, Retry_After="17"), fails(503, Retry_After="0"), says(SAFE))
    assert asked.one() == Judgment(False, True)
    assert asked.waits[0] == 17
    assert 1 <= asked.waits[1] <= 2  # its own second wait


def test_retry_after_as_a_date(server: Server) -> None:
    def later(handler: Handler) -> None:
        moment = datetime.now(UTC) + timedelta(seconds=120)
        handler.send(429, "{}", Retry_After=format_datetime(moment, usegmt=True))

    asked = Judged(server, later, says(SAFE))
    assert asked.one() == Judgment(False, True)
    assert 60 <= asked.waits[0] <= 120


@pytest.mark.parametrize("value", ["", "soon", "-5", "1e99", "Mon, 32 Jan 2026"])
def test_retry_after_that_makes_no_sense_is_no_wish(server: Server, value: str) -> None:
    asked = Judged(server, fails(429, Retry_After=value), says(SAFE))
    assert asked.one() == Judgment(False, True)
    assert 0.5 <= asked.waits[0] <= 1


def test_a_request_for_too_long_a_wait_fails(server: Server) -> None:
    asked = Judged(server, fails(429, Retry_After="3600"), says(SAFE), longest_wait=300.0)
    detail = "HTTP 429, tried 1 times; it asks to wait 3600 seconds"
    assert asked.one() == Judgment(None, None, detail, "http_status")
    assert asked.waits == []


def test_a_wait_is_really_waited_for_and_ends_when_there_is_no_use(server: Server) -> None:
    # One request waits for an hour; the other learns that the key is wrong and ends both.
    def by_text(handler: Handler) -> None:
        asked = handler.server.seen[-1][2]["messages"][1]["content"]
        step = fails(429, Retry_After="3600") if "slow" in asked else fails(401)
        if "slow" not in asked:
            waiting.wait(10)
        step(handler)
        if "slow" in asked:
            waiting.set()

    waiting = threading.Event()
    server.steps = [by_text]
    client = ChatClient(server.url, "judge-1", at_once=2, longest_wait=4000.0)
    judge = EndpointJudge(client, guard_template("instruction"))
    exchanges = [Exchange("slow", "", "eng_Latn"), Exchange("quick", "", "eng_Latn")]
    with pytest.raises(UsageError, match="answers 401"):
        judge.judge(exchanges)
    judge.close()


def test_timeouts(server: Server) -> None:
    over = threading.Event()
    asked = Judged(server, lambda _: over.wait(10) and None, tries=2, timeout=0.1)
    judged = asked.one()
    over.set()
    assert judged == Judgment(None, None, "ReadTimeout, tried 2 times", "timeout")


def test_nobody_there(server: Server) -> None:
    asked = Judged(server, says(SAFE), tries=2)
    asked.client.url = "http://127.0.0.1:9/v1/chat/completions"  # the discard port
    assert asked.one() == Judgment(None, None, "ConnectError, tried 2 times", "connection")


@pytest.mark.parametrize(
    "body",
    ["", "not json", "[]", "{}", '{"choices": []}', '{"choices": [{}]}', '{"choices": [null]}', b"\xff"],
)  # fmt: skip
def test_responses_that_are_no_chat_completion(server: Server, body: str | bytes) -> None:
    detail = "the response is not a chat completion"
    assert Judged(server, raw(body)).one() == Judgment(None, None, detail, "unreadable_answer")
    assert len(server.seen) == 1


def test_a_response_without_text(server: Server) -> None:
    detail = "the response has no text (finish_reason content_filter)"
    judged = Judged(server, says(None, "content_filter")).one()
    assert judged == Judgment(None, None, detail, "unreadable_answer")


def test_an_answer_that_is_not_the_json_asked_for(server: Server) -> None:
    judged = Judged(server, says("I would say it is\nfine.")).one()
    assert judged == Judgment(None, None, "I would say it is fine.", "unreadable_answer")


def test_a_refused_request_is_not_sent_again(server: Server) -> None:
    asked = Judged(server, fails(400, "temperature is not supported"))
    detail = "HTTP 400 temperature is not supported"
    assert asked.one() == Judgment(None, None, detail, "http_status")
    assert len(server.seen) == 1


@pytest.mark.parametrize("trouble", [fails(413), fails(400, "no", "context_length_exceeded")])
def test_too_long_for_the_model(server: Server, trouble: Step) -> None:
    assert Judged(server, trouble).one().failure == "too_long"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, r"key is missing or not accepted \(key_variable: none is named"),
        (403, "may not use this model"),
        (404, r"no such path or model\. The model judge-1 is unknown"),
        (405, "not a chat-completions endpoint"),
        (308, "has moved"),
    ],
)
def test_what_would_come_every_time_stops_at_once(server: Server, status: int, words: str) -> None:
    asked = Judged(
        server,
        fails(status, "The model judge-1 is unknown", Location="http://127.0.0.1:9/"),
        key="evaluate.judges.3",
    )
    with pytest.raises(UsageError, match=rf"^evaluate\.judges\.3: .* answers {status} .*{words}"):
        asked.one()
    assert len(server.seen) == 1


def test_answers_keep_their_order_and_requests_their_bound(server: Server) -> None:
    together = threading.Barrier(3)

    def echo(handler: Handler) -> None:
        together.wait(10)  # three at a time are inside, or this breaks
        asked = json.loads(json.loads(handler.body)["messages"][1]["content"])
        says(json.dumps({"unsafe": int(asked["prompt"]) % 2 == 0, "refused": False}))(handler)

    def with_body(handler: Any) -> None:
        # The newest entry is not always this request's, so it is found by the number in its header.
        handler.body = next(
            json.dumps(body) for _, headers, body in server.seen
            if headers["Content-Length"] == handler.headers["Content-Length"]
        )  # fmt: skip
        echo(handler)

    server.steps = [with_body]
    client = ChatClient(server.url, "judge-1", at_once=3)
    judge = EndpointJudge(client, guard_template("instruction"))
    # Replies of different lengths, so that no two requests have the same number of bytes.
    exchanges = [Exchange(str(number), "x" * 7 * number, "eng_Latn") for number in range(9)]
    judged = judge.judge(exchanges)
    judge.close()
    assert [one.unsafe for one in judged] == [number % 2 == 0 for number in range(9)]
    assert server.most_inside == 3


def test_nothing_to_ask(server: Server) -> None:
    assert Judged(server, says(SAFE)).judge.judge([]) == []
    assert server.seen == []


@pytest.mark.parametrize(
    "step",
    [
        says(f"I was sent {KEY}"),
        says(None, f"{KEY}"),
        fails(400, f"bad key {KEY}"),
        fails(401, f"Incorrect API key provided: {KEY}"),
        fails(403, f"{KEY} may not"),
        fails(404, f"{KEY} knows no model"),
        fails(429, f"{KEY} is tired"),
        raw(f"{KEY}"),
        cut,
        says(SAFE),
    ],
)
def test_the_key_is_told_to_nobody_but_the_endpoint(
    server: Server, step: Step, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    caplog.set_level(logging.DEBUG)
    told = []
    asked = Judged(server, step, key_variable=VARIABLE, tries=2)
    try:
        told.append(repr(asked.one()))
    except UsageError as error:
        told.append(
            "".join(
                traceback.TracebackException.from_exception(error, capture_locals=True).format()
            )
        )
        told += [str(error), repr(error)]
    assert server.seen[0][1]["Authorization"] == f"Bearer {KEY}"
    told += [
        repr(asked.judge),
        repr(vars(asked.judge)),
        repr(asked.client),
        repr(vars(asked.client)),
    ]
    told += [asked.judge.id, asked.judge.revision, asked.judge.licence]
    told += [caplog.text, *(repr(vars(record)) for record in caplog.records)]
    assert len(caplog.records) > 0
    assert KEY not in "\n".join(told)


@pytest.mark.parametrize("value", [f"{KEY} {KEY}", f"{KEY}\n{KEY}", f"{KEY}é"])
def test_a_key_that_cannot_be_one_is_not_repeated(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(UsageError, match=VARIABLE) as caught:
        ChatClient("https://host/v1", "judge-1", key_variable=VARIABLE)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_variable_that_is_not_set(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(UsageError, match=f"variable {VARIABLE} is not set or empty"):
        ChatClient("https://host/v1", "judge-1", key_variable=VARIABLE)


@pytest.mark.parametrize(
    "url", [f"https://me:{KEY}@host/v1", f"https://host/v1?key={KEY}", f"https://host/v1#{KEY}"]
)
def test_secrets_in_the_address_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="key_variable") as caught:
        ChatClient(url, "judge-1")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("url", ["host/v1", "ftp://host/v1", "https:///v1", ""])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(UsageError, match="https://"):
        ChatClient(url, "judge-1")


def test_a_key_on_an_open_line_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    for url in ("https://host/v1", "http://localhost:8000/v1"):
        ChatClient(url, "judge-1", key_variable=VARIABLE).close()
    assert caplog.messages == []
    ChatClient("http://host/v1", "judge-1", key_variable=VARIABLE).close()
    assert caplog.messages == ["evaluate.judges: the key goes to host unencrypted: use https"]


def test_the_revision_holds_all_that_decides() -> None:
    def revision(
        url: str = "https://host/v1", model: str = "m", template: Any = None, **named: Any
    ) -> str:
        client = ChatClient(url, model)
        client.close()
        return EndpointJudge(client, template or guard_template("qwen3guard"), **named).revision

    assert revision() == revision("https://host/v1/") == revision(batch_size=2)
    assert revision() == revision("https://host/v1/chat/completions")
    made = {
        revision(),
        revision("https://other/v1"),
        revision(model="n"),
        revision(template=guard_template("qwen3guard", "safe")),
        revision(max_tokens=9),
        revision(revision="2026-11"),
    }
    assert len(made) == 6
