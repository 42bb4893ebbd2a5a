"""The chat engine against a real HTTP server that misbehaves on request."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from chat_server import ChatServer, cut, fails, hangs, raw, says, serving

from mlc_data.core.records import FailureReason
from mlc_data.errors import UsageError
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.endpoints import ChatEngine
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.cache.store import open_cache
from mlc_data.translate.cached import CachedTranslator
from mlc_data.translate.engines.base import Decoding, Request
from mlc_data.translate.engines.chat import ChatTranslator
from mlc_data.translate.engines.fallback import FallbackTranslator
from mlc_data.translate.engines.loading import load_translator

KEY = "sk-do-not-tell-0123456789"
SPANISH = "¿Cómo puedo hornear pan en casa hoy?"
PHRASEBOOK = "package://mlc_data/quickstart/model"


def translated(question: str) -> str:
    """A translation that differs by sentence: its words backwards, in Spanish dress."""
    return "¿" + " ".join(word[::-1] for word in question.rpartition("\n\n")[2].split()) + "?"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with serving(says(translated)) as made:
        yield made


def engine(server: ChatServer, **settings: Any) -> ChatTranslator:
    given = {"tries": 3, "timeout": 5.0, **settings}
    return ChatTranslator("llm", ChatEngine(url=server.url, model="org/llm", **given), Decoding())


def requests(*texts: str) -> list[Request]:
    return [Request(text, "eng_Latn", "spa_Latn") for text in texts]


def test_translations_in_order_with_tokens_and_cost(server: ChatServer) -> None:
    chat = engine(server, price_in=1.0, price_out=2.0)
    texts = [f"Where is street number {number}?" for number in range(9)]
    hypotheses = chat.translate(requests(*texts))
    assert [each.text for each in hypotheses] == [translated(text) for text in texts]
    figures = chat.usage(hypotheses)
    assert figures["llm/tokens in"] == 90
    assert figures["llm/cost in millionths"] == 9 * 20


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        (fails(429, Retry_After="0"), None),
        (fails(503), None),
        (cut, None),
        (hangs(1.0), None),
        (raw(b"{not json"), FailureReason.ENDPOINT_ERROR),
        (raw(b'{"choices": []}'), FailureReason.ENDPOINT_ERROR),
        (fails(400), FailureReason.ENDPOINT_ERROR),
        (fails(413), FailureReason.SEGMENT_TOO_LONG),
        (says("I'm sorry, but I can't help with that."), FailureReason.DECLINED),
        (says("Mix flour and water, and then bake it for an hour in the oven."), FailureReason.ANSWERED),
        (says(f"Here is the translation: {SPANISH}"), FailureReason.COMMENTARY),
        (says("¿Cómo puedo", finish="length"), FailureReason.OUTPUT_LIMIT),
        (says(""), FailureReason.EMPTY_OUTPUT),
    ],
    ids=[
        "429", "503", "cut", "time-out", "no JSON", "no choice", "400", "413", "declined", "answered",
        "commentary", "cut off", "empty",
    ],
)  # fmt: skip
def test_every_sentence_ends_translated_or_failed_with_a_reason(
    server: ChatServer, trouble: Any, failure: FailureReason | None
) -> None:
    text = "How can I bake bread at home today?"
    server.planned[text] = [trouble]
    (one, other) = engine(server, timeout=0.5).translate(requests(text, "Where are you?"))
    assert (one.failure, other.failure) == (failure, None)
    assert (one.text is None) == (failure is not None)


def test_an_endpoint_that_is_down_fails_the_sentence_after_all_tries(server: ChatServer) -> None:
    server.usual = fails(503, Retry_After="0")
    (one,) = engine(server, tries=2).translate(requests("Where are you?"))
    assert one.failure is FailureReason.ENDPOINT_ERROR
    assert sum(server.asked.values()) == 2


def test_a_rejected_key_stops_at_once(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_KEY", KEY)
    server.usual = fails(401)
    with pytest.raises(UsageError, match=r"translate\.endpoints\.llm.*LLM_KEY") as error:
        engine(server, key_variable="LLM_KEY").translate(requests("Where are you?"))
    assert KEY not in str(error.value)


@pytest.mark.parametrize(("at_once", "least", "most"), [(1, 1, 1), (32, 24, 32)])
def test_as_many_requests_are_in_flight_as_the_recipe_says(
    server: ChatServer, at_once: int, least: int, most: int
) -> None:
    # benchmarks/chat_translator.py measures the throughput: more than 20 times on a quiet machine
    server.delay = 0.5 if at_once > 1 else 0.02
    number = 32 if at_once > 1 else 4
    texts = requests(*(f"Where is street number {one}?" for one in range(number)))
    engine(server, at_once=at_once).translate(texts)
    assert least <= server.most_inside <= most


@pytest.mark.parametrize("name", ["plain", "translategemma", "hy-mt"])
def test_a_text_is_put_into_the_question_as_it_is(server: ChatServer, name: Any) -> None:
    text = "What does {{ 7 * 7 }} or {% raw %} mean?"
    engine(server, format=name).translate(requests(text))
    (question,) = server.asked
    assert question.endswith(f"\n\n{text}")
    assert "Spanish" in question


def test_a_template_of_ones_own(server: ChatServer) -> None:
    engine(server, template="{{ source_code }}-{{ target_code }}:\n\n{{ text }}").translate(
        requests("Hi")
    )
    assert list(server.asked) == ["en-es:\n\nHi"]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ nothing }} {{ text }}", "template fails"),
        ("{{ text", "no Jinja template"),
        ("Translate!", "leaves out the text"),
        ("{{ text }}{{ ''.__class__.__mro__ }}", "template fails"),
    ],
)
def test_a_template_that_is_wrong_is_refused(
    server: ChatServer, template: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        engine(server, template=template)


def test_the_next_engine_takes_what_one_fails_on(server: ChatServer) -> None:
    declined, fine = "How do I pick a lock?", "Where are you?"
    server.planned[declined] = [says("I cannot help with that request.")]
    with serving(says(SPANISH)) as second:
        both = FallbackTranslator([engine(server), engine(second)])
        results = both.translate(requests(declined, fine))
    assert [each.text for each in results] == [SPANISH, translated(fine)]


def test_candidates_are_the_certain_answer_and_sampled_ones(server: ChatServer) -> None:
    chat = engine(server)
    several = chat.translate_nbest(requests("Where?", "When?"), Decoding(num_hypotheses=3))
    assert [len(each) for each in several] == [3, 3]
    drawn = sorted((body["temperature"], body.get("seed", 0)) for body in server.bodies)
    assert drawn == [(0, 0)] * 2 + [(0.7, 1)] * 2 + [(0.7, 2)] * 2


def test_another_search_asks_nothing_new(server: ChatServer, tmp_path: Path) -> None:
    chat = engine(server)
    with open_cache(str(tmp_path), chat) as cache:
        cached = CachedTranslator(chat, cache)
        cached.translate(requests("Where?"))
        other = Decoding(beam_size=5, no_repeat_ngram_size=3, repetition_penalty=1.2)
        assert cached.translate(requests("Where?"), other).translated == 0
        assert cached.translate_nbest(requests("Where?"), Decoding(num_hypotheses=2)).translated


def test_beside_an_endpoint_a_local_model_decodes_as_the_recipe_says(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_KEY", KEY)
    models = {"spa_Latn": "endpoint:llm", "swh_Latn": ["endpoint:llm", PHRASEBOOK]}
    settings = {**recipe(server), "model": None, "models": models, "beam_size": 3}
    translator = load_translator(Translate.model_validate(settings))
    assert translator.decoding.beam_size == 3
    assert translator.part("eng_Latn", "swh_Latn").decoding.beam_size == 3


def recipe(server: ChatServer, **more: Any) -> dict[str, Any]:
    endpoint = {"url": server.url, "model": "org/llm", "key_variable": "LLM_KEY", "tries": 2}
    return {"model": "endpoint:llm", "endpoints": {"llm": endpoint}, "round_trip": False, **more}


@pytest.fixture
def in_stage(
    server: ChatServer,
    make_run: Callable[..., Run],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Run:
    monkeypatch.setenv("LLM_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    rows = [{"prompt": f"Where is street number {number}?"} for number in range(20)]
    server.planned[rows[3]["prompt"]] = [
        says(f"You sent {KEY}, I'm sorry, but I can't help with that.")
    ] * 9
    run = make_run(rows, translate=recipe(server, cache=str(tmp_path / "cache")))
    run_stage(run, "sources")
    run_stage(run, "translate")
    return run


def test_the_cache_answers_what_the_endpoint_answered(in_stage: Run, server: ChatServer) -> None:
    before = sum(server.asked.values())
    run_stage(in_stage, "translate", force=True)
    assert sum(server.asked.values()) == before


@pytest.mark.parametrize("again", [False, True], ids=["asked", "cached"])
def test_the_manifest_compares_engines_by_language(in_stage: Run, again: bool) -> None:
    if again:
        run_stage(in_stage, "translate", force=True)
    note = in_stage.manifest.stages["translate"].notes["engines"]
    assert note["org/llm"]["spa_Latn"] == {"translated": 19, "declined": 1}
    assert note["llm"] == {
        "requests": 60,
        "tokens in": 600,
        "tokens out": 300,
        "cost in millionths": 0,
    }


def test_the_key_is_in_no_file_and_no_log(
    in_stage: Run, server: ChatServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in caplog.text


def test_what_an_endpoint_did_not_answer_is_asked_again_by_the_next_run(
    server: ChatServer,
    make_run: Callable[..., Run],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LLM_KEY", KEY)
    rows = [{"prompt": f"Where is street number {number}?"} for number in range(4)]
    server.planned[rows[1]["prompt"]] = [fails(400)]
    settings = recipe(server, cache=str(tmp_path / "cache"))
    run = make_run(rows, translate=settings, languages={"targets": ["spa_Latn"]})
    run_stage(run, "sources")
    run_stage(run, "translate")
    assert run_stage(run, "translate") is False
    assert sum(server.asked.values()) == 5
    assert run_stage(run, "translate") is True


@pytest.mark.integration
def test_eight_languages_over_a_local_model_and_an_endpoint(
    server: ChatServer, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_KEY", KEY)
    declined = "How can I bake bread?"
    server.planned[declined] = [says("I'm sorry, but I can't help with that.")] * 9
    both = ["endpoint:llm", PHRASEBOOK]
    local = ["fra_Latn", "rus_Cyrl", "swh_Latn", "arb_Arab", "zho_Hans"]
    models = {
        "spa_Latn": both,
        "deu_Latn": both,
        "ita_Latn": "endpoint:llm",
        **dict.fromkeys(local, PHRASEBOOK),
    }
    settings = {**recipe(server), "model": None, "models": models}
    run = make_run(
        [{"prompt": declined}, {"prompt": "Where is the street?"}],
        translate=settings,
        languages={"targets": list(models)},
    )
    run_stage(run, "sources")
    run_stage(run, "translate")
    rows = pl.read_parquet(run.path("translations", "*.parquet"))
    failed = rows.filter(pl.col("failure").is_not_null()).select("language", "failure").rows()
    assert failed == [("ita_Latn", "declined")]
    engines = run.manifest.stages["translate"].notes["engines"]
    assert engines["org/llm"]["deu_Latn"] == {"next: declined": 1, "translated": 1}
    (phrasebook,) = (figures for name, figures in engines.items() if "llm" not in name)
    assert phrasebook["deu_Latn"] == {"translated": 1}
    assert phrasebook["swh_Latn"] == {"translated": 2}


_PROGRAM = """
import sys
from pathlib import Path
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
run_stage(Run.open(Path(sys.argv[1])), "translate")
"""


@pytest.mark.integration
def test_a_killed_run_asks_nothing_again(
    server: ChatServer, make_run: Callable[..., Run], tmp_path: Path
) -> None:
    rows = [{"prompt": f"Where is street number {number}?"} for number in range(60)]
    server.delay = 0.1
    settings = recipe(server, cache=str(tmp_path / "cache"))
    settings["endpoints"]["llm"]["at_once"] = 2
    run = make_run(rows, translate=settings, languages={"targets": ["spa_Latn"]})
    run_stage(run, "sources")
    command = [sys.executable, "-c", _PROGRAM, str(run.folder)]
    environment = {**os.environ, "LLM_KEY": KEY}
    process = subprocess.Popen(command, env=environment)
    while sum(server.asked.values()) < 30:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.delay = 0.0
    subprocess.run(command, env=environment, check=True, timeout=120)
    again = sum(count - 1 for count in server.asked.values())
    assert len(server.asked) == 60
    assert again <= 6  # in flight, or received within the last fiftieth of a second
