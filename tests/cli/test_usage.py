"""The command as a user calls it, in its own process: one message, an exit code, no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest


def mlc_data(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from mlc_data.cli.main import main; main()", *arguments]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "quikstart"], "Did you mean 'quickstart'?"),
        (["run", "quickstart", "--set", "align.loss.temprature=1"], "did you mean 'temperature'?"),
        (["run", "quickstart", "--set", "languages.targets=[xxx_Xxxx]"], "xxx_Xxxx"),
        (["run", "quickstart", "--set", "languages.targets=[ku]"], "ambiguous"),
        (["run", "quickstart", "--set", "languages.targets=[jpn_Jpan]"], "does not know jpn_Jpan"),
        (["run", "quickstart", "--set", "translate.model=./none"], "./none does not exist"),
        (["run", "quickstart", "--set", "translate.model=package://nosuch/x"], "not installed"),
        (["run", "quickstart", "--set", "align.model=./none"], "./none does not exist"),
        (["run", "quickstart", "--set", "sources.prompts.path=none.jsonl"], "does not exist"),
        (["run", "quickstart", "--set", "checks.language_identifier=none.ftz"], "does not exist"),
        (["translate", "quickstart", "--set", "translate.compute_type=int3"], "not supported"),
        (["explain", "nowhere", "abc"], "no run's folder"),
        (["recipes", "show", "none"], "No recipe 'none'"),
        (["run"], "Missing argument"),
        (["run", "quickstart", "--surprise"], "No such option"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_code_2(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    done = mlc_data(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.count("Error") == 1
    assert not list(tmp_path.rglob("*.parquet"))


def test_help_has_examples_for_every_command(tmp_path: Path) -> None:
    top = mlc_data("--help", cwd=tmp_path)
    for command in ("run", "translate", "check", "sets", "align", "evaluate", "explain", "doctor"):
        assert command in top.stdout
        told = mlc_data(command, "--help", cwd=tmp_path)
        assert told.returncode == 0
        assert "Example" in told.stdout


def test_recipes_can_be_listed_shown_copied_and_validated(tmp_path: Path) -> None:
    assert "nllb-3.3b-gpu" in mlc_data("recipes", "list", cwd=tmp_path).stdout
    assert mlc_data("recipes", "copy", "quickstart", "mine.yaml", cwd=tmp_path).returncode == 0
    again = mlc_data("recipes", "copy", "quickstart", "mine.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert "is valid" in mlc_data("recipes", "validate", "mine.yaml", cwd=tmp_path).stdout
    shown = mlc_data("recipes", "show", "mine.yaml", cwd=tmp_path)
    (tmp_path / "shown.yaml").write_text(shown.stdout)
    assert mlc_data("recipes", "validate", "shown.yaml", cwd=tmp_path).returncode == 0


def test_languages_can_be_searched(tmp_path: Path) -> None:
    found = mlc_data("languages", "kurdish", cwd=tmp_path)
    assert "kmr_Latn" in found.stdout
    assert "ckb_Arab" in found.stdout
    assert mlc_data("languages", "klingon", cwd=tmp_path).returncode == 1


def test_doctor_finds_the_quickstart_and_misses_a_hub_that_is_away(tmp_path: Path) -> None:
    good = mlc_data("doctor", cwd=tmp_path)
    assert good.returncode == 0, good.stdout
    bad = mlc_data("doctor", "--set", "translate.model=./none", cwd=tmp_path)
    assert bad.returncode == 1
    assert "missing" in bad.stdout
