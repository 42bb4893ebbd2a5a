"""Replies of a served model: what comes back, what fails, and where the key is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from chat_server import Behavior, ChatServer, cut, fails, hangs, raw, says, serving
from pydantic import ValidationError

from mlc_data.errors import UsageError
from mlc_data.evaluate.safety.served import ask, identify_endpoint
from mlc_data.lm.reply import Reply
from mlc_data.recipe.replies import Replies, ReplyEndpoint
from mlc_data.text.reasoning import split_reasoning

SECRET = "sk-do-not-tell-0123456789"


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with serving(says("No.")) as made:
        yield made


def settings(url: str, **changes: Any) -> ReplyEndpoint:
    values = {"url": url, "before": "base", "after": "adapter", "tries": 1, "timeout": 0.5}
    return ReplyEndpoint.model_validate(values | changes)


def asked(
    server: ChatServer, *behaviors: Behavior, **changes: Any
) -> tuple[dict[int, Reply], dict[int, str]]:
    """Replies and failures of as many prompts as there are behaviors."""
    prompts = [f"Question {number}?" for number in range(len(behaviors))]
    for prompt, behavior in zip(prompts, behaviors, strict=True):
        server.planned[prompt] = [behavior]
    kept: dict[int, Reply] = {}

    def keep(places: Sequence[int], replies: Sequence[Reply]) -> None:
        kept.update(zip(places, replies, strict=True))

    return kept, ask(settings(server.url, **changes), "after", prompts, 8, keep)


def test_replies_come_back_in_place_with_their_tokens(server: ChatServer) -> None:
    kept, failed = asked(server, says("One."), says("Two.", finish="length"))
    assert kept == {0: Reply("One.", 5, True), 1: Reply("Two.", 5, False)}
    assert not failed


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_beside_the_reply_is_marked(server: ChatServer, field: str) -> None:
    kept, _ = asked(server, says("No.", **{field: "Harmful."}))
    assert split_reasoning(kept[0].text) == ("Harmful.", "No.")


def test_reasoning_that_the_limit_cuts_is_a_reply(server: ChatServer) -> None:
    kept, failed = asked(server, says(None, finish="length", reasoning_content="Harmful, I"))
    assert split_reasoning(kept[0].text) == ("Harmful, I", "")
    assert (kept[0].finished, failed) == (False, {})


def test_every_prompt_has_a_reply_or_a_reason(server: ChatServer) -> None:
    behaviors = (says("Yes."), fails(500), cut, hangs(1.0), raw(b"<html>"), says(None), fails(400))
    kept, failed = asked(server, *behaviors)
    assert list(kept) == [0]
    assert failed == {
        1: "http_status", 2: "connection", 3: "timeout", 4: "unreadable_answer",
        5: "unreadable_answer", 6: "http_status",
    }  # fmt: skip


def test_a_model_that_the_server_lacks_is_an_error(server: ChatServer) -> None:
    with pytest.raises(UsageError, match=r"evaluate\.safety\.replies\.endpoint.*'adapter'"):
        asked(server, fails(404))


def test_the_key_is_read_from_the_environment_and_in_no_reply(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLY_KEY", SECRET)
    kept, _ = asked(server, says(f"It is {SECRET}.", reasoning=SECRET), key_variable="REPLY_KEY")
    assert server.headers[-1]["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in kept[0].text
    chosen = settings(server.url, key_variable="REPLY_KEY")
    assert SECRET not in str(identify_endpoint(chosen, "before"))


def test_a_key_that_is_not_set_is_an_error(server: ChatServer) -> None:
    with pytest.raises(UsageError, match="NOT_SET"):
        asked(server, says("No."), key_variable="NOT_SET")


@pytest.mark.parametrize(
    "change", [{"after": "base"}, {"key_variable": "sk-1"}, {"url": "http://a:b@c/v1"}]
)
def test_sections_that_make_no_sense_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**{"url": "http://127.0.0.1/v1", **change})


def test_a_dtype_beside_an_endpoint_is_refused() -> None:
    with pytest.raises(ValidationError, match="the server decides"):
        Replies(dtype="bfloat16", endpoint=settings("http://127.0.0.1/v1"))
