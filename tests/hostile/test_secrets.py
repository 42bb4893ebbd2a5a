"""A key with odd characters, and servers that send it back in every form: nothing that a command leaves behind has it."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from chat_server import Handler, serving

from mlc_data.cli.main import main
from mlc_data.core.messages import bounded, printable

KEY = "sk-p/l+a=n\"t'e&d<k>e%2Fy\\0123"
HUB = "hf_plantedplantedplantedplanted02"
pytestmark = pytest.mark.integration
FORMS = (KEY, quote(KEY, safe=""), quote(KEY), json.dumps(KEY)[1:-1], repr(KEY)[1:-1])
PROMPTS = [
    f"How do I bake {kind} bread at home?" for kind in ("rye", "oat", "corn", "white", "brown")
]


def answers(handler: Handler, question: str) -> None:
    """Translate, fail or refuse by the bread; always with the key."""
    text = question.rpartition("\n\n")[2]
    if "oat" in text:
        body = {"error": {"message": f"key {KEY} in {quote(KEY, safe='')}", "code": KEY}}
        handler.send(400, json.dumps(body).encode())
        return
    spoken = {
        "rye": f"¿Cómo horneo pan de {KEY}?",
        "corn": f"{quote(KEY, safe='')}: ¿pan?",
        "white": "¿Cómo horneo pan blanco en casa?",
    }
    usual = "¿De qué manera puedo hacer pan integral en mi casa?"
    reply = next((said for word, said in spoken.items() if word in text), usual)
    choice = {"message": {"role": "assistant", "content": reply}, "finish_reason": "stop"}
    handler.send(200, json.dumps({"choices": [choice], "id": KEY}).encode())


@dataclass
class Left:
    """What commands said, and where they worked."""

    folder: Path
    said: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)

    def call(self, patch: pytest.MonkeyPatch, *arguments: str) -> None:
        patch.setattr(sys, "argv", ["mlc-data", *arguments])
        out, code = io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                main()
            except SystemExit as leaving:
                code = int(str(leaving.code or 0))
        self.said[" ".join(arguments)] = out.getvalue()
        self.codes[arguments[0]] = code


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "p.jsonl").write_text("".join(json.dumps({"prompt": one}) + "\n" for one in PROMPTS))
    done = Left(folder)
    with pytest.MonkeyPatch.context() as patch, serving(answers) as server:
        patch.chdir(folder)
        patch.setenv("LLM_KEY", KEY)
        patch.setenv("HF_TOKEN", HUB)
        endpoint = (
            f"{{url: '{server.url}', model: m, key_variable: LLM_KEY, tries: 1, licence: MIT}}"
        )
        settings = {
            "sources.prompts.path": "p.jsonl", "sources.preferences": "null", "languages.targets": "[spa_Latn]",
            "translate.model": "endpoint:llm", "translate.round_trip": "false", "translate.endpoints.llm": endpoint, "translate.cache": "cache",
            "checks.meaning": "{}", "runner.workers": "1", "sources.prompts.licence": "MIT",
            "evaluate.safety.judges": f"[{{kind: endpoint, url: '{server.url}', model: m, key_variable: LLM_KEY}}]",
        }  # fmt: skip
        given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        done.call(patch, "sets", "quickstart", *given, "--run-dir", "run")
        for command in (
            ["report", "run"], ["show", "run"], ["lineage", "run"], ["explain", "run", "row:1"], ["explain", "run", "row:2"],
            ["publish", "run", "--to", "out"],
            ["recipes", "validate", "quickstart", "--set", f"translate.endpoints.llm.key_variable={KEY}"],
            ["recipes", "validate", "quickstart", "--set", f"name={KEY}"],
            ["recipes", "validate", f"https://me:{HUB}@host/r.yaml"],
            ["audit", f"{KEY}.csv", "--out", "audited"],
        ):  # fmt: skip
            done.call(patch, *command)
        yield done


@pytest.mark.parametrize("secret", [*FORMS, HUB, base64.b64encode(KEY.encode()).decode()])
def test_no_command_says_it(left: Left, secret: str) -> None:
    assert not [command for command, said in left.said.items() if secret in said]


@pytest.mark.parametrize("secret", [*FORMS, HUB])
def test_no_file_has_it(left: Left, secret: str) -> None:
    files = [path for path in left.folder.rglob("*") if path.is_file()]
    assert len(files) > 15
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_no_table_has_it(left: Left) -> None:
    import polars as pl

    tables = list(left.folder.rglob("*.parquet"))
    assert len(tables) > 3
    for path in tables:
        told = pl.read_parquet(path, glob=False).write_json()
        assert not [secret for secret in (*FORMS, HUB) if json.dumps(secret)[1:-1] in told], path


def test_the_run_was_made_and_published(left: Left) -> None:
    assert left.codes["sets"] == left.codes["report"] == left.codes["explain"] == 0
    assert (left.folder / "out" / "README.md").is_file(), left.said


@pytest.mark.parametrize(
    "value", [KEY, "a b c d e f", "пароль-секрет", "x" * 4000, "%s%n{0}%s%n{0}", "$1\\1$2\\2"]
)
def test_a_message_has_no_secret_of_the_environment(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", value)
    said = bounded(f"error: {value} and {quote(value, safe='')} and {json.dumps(value)}")
    assert said.count("***") == 3
    assert value not in printable(f"x {value}")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("GET https://me:hunter2@host/x failed", "GET https://***@host/x failed"),
        ("GET https://hunter2@host:80/ failed", "GET https://***@host:80/ failed"),
        ("https://host/x?a=1&token=hunter2&b=2", "https://host/x?a=1&token=***&b=2"),
        ("https://host/x?api_key=hunter2", "https://host/x?api_key=***"),
        ("mail me@host.org about //x", "mail me@host.org about //x"),
        ("https://host/@user and me@x.org", "https://host/@user and me@x.org"),
    ],
)
def test_a_message_has_no_credentials_of_an_address(message: str, told: str) -> None:
    assert bounded(message) == told
