"""The command as a user calls it: one message, an exit code, no traceback."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from in_process import Done, call

from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe


@pytest.fixture
def mlc_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Call the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    return partial(call, monkeypatch, capsys)


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
        (["run", "quickstart", "--set", "checks.language_identifiers=none.ftz"], "does not exist"),
        (
            ["run", "quickstart", "--set", "checks.language_identifier=none.ftz"],
            "did you mean 'language_identifiers'?",
        ),
        (["run", "quickstart", "--with", "none.yaml"], "there is no file none.yaml"),
        (["translate", "quickstart", "--set", "translate.compute_type=int3"], "not supported"),
        (["explain", "nowhere", "abc"], "not a run's folder"),
        (["recipes", "show", "none"], "No recipe 'none'"),
        (["run"], "Missing argument"),
        (["run", "quickstart", "--surprise"], "No such option"),
        (["align", "--surprise"], "No such option"),
        (["align"], "Missing argument 'RECIPE'"),
        (["align", "probe"], "Missing argument 'RUN'"),
        (["align", "prob"], "No recipe 'prob'"),
        (["align", "probe", "nowhere"], "not a run's folder"),
        (["probe", "nowhere"], "No such command 'probe'"),
        (["trian", "quickstart"], "Did you mean 'align'?"),
        (["evalute", "quickstart"], "Did you mean 'evaluate'?"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_code_2(
    arguments: list[str], told: str, tmp_path: Path, mlc_data: Callable[..., Done]
) -> None:
    done = mlc_data(*arguments)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.count("Error") == 1
    assert not list(tmp_path.rglob("*.parquet"))


def test_help_has_examples_for_every_command(mlc_data: Callable[..., Done]) -> None:
    top = mlc_data("--help")
    for command in ("run", "translate", "check", "sets", "align", "evaluate", "explain", "doctor"):
        assert command in top.stdout
        told = mlc_data(command, "--help")
        assert told.returncode == 0
        assert "Example" in told.stdout


def test_align_and_its_probe_are_told_apart(mlc_data: Callable[..., Done]) -> None:
    told = mlc_data("align", "--help").stdout
    assert "RECIPE" in told
    assert "mlc-data align probe" in told
    assert "--force" in told
    told = mlc_data("align", "probe", "--help").stdout
    assert "RUN" in told
    assert "--plot" in told
    assert "align probe" in mlc_data("--help").stdout
    # A recipe comes first or after options, as with any other stage.
    for arguments in (["nowhere.yaml", "--force"], ["--force", "nowhere.yaml"]):
        assert "nowhere.yaml" in mlc_data("align", *arguments).stderr


@pytest.mark.integration
def test_help_waits_for_no_heavy_library() -> None:
    program = (
        "import sys; from mlc_data.cli.main import app\n"
        "try: app(['align', '--help'])\n"
        "except SystemExit: pass\n"
        "print({'torch', 'transformers', 'trl'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "set()"


def test_recipes_can_be_listed_shown_copied_and_validated(
    tmp_path: Path, mlc_data: Callable[..., Done]
) -> None:
    assert "recommended-qwen2.5-7b" in mlc_data("recipes", "list").stdout
    assert mlc_data("recipes", "copy", "quickstart", "mine.yaml").returncode == 0
    again = mlc_data("recipes", "copy", "quickstart", "mine.yaml")
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert "is valid" in mlc_data("recipes", "validate", "mine.yaml").stdout
    shown = mlc_data("recipes", "show", "mine.yaml")
    (tmp_path / "shown.yaml").write_text(shown.stdout)
    assert mlc_data("recipes", "validate", "shown.yaml").returncode == 0


def test_languages_can_be_searched(mlc_data: Callable[..., Done]) -> None:
    found = mlc_data("languages", "kurdish")
    assert "kmr_Latn" in found.stdout
    assert "ckb_Arab" in found.stdout
    assert mlc_data("languages", "klingon").returncode == 1


def test_doctor_finds_the_quickstart_and_misses_what_is_away(
    mlc_data: Callable[..., Done],
) -> None:
    good = mlc_data("doctor")
    assert good.returncode == 0, good.stdout
    bad = mlc_data("doctor", "--set", "translate.model=./none")
    assert bad.returncode == 1
    assert "missing" in bad.stdout
    cluster = mlc_data("doctor", "--set", "runner.type=dask")
    assert cluster.returncode == 1
    assert "PREFECT_API_URL" in cluster.stdout


@pytest.mark.integration
def test_in_a_process_of_its_own_nothing_else_is_said(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from mlc_data.cli.main import main; main()"]
    done = subprocess.run(
        [*program, "run", "quickstart", "--set", "align.bta=1"],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert "align.bta: unknown key; did you mean 'beta'?" in done.stderr
    assert not list(tmp_path.iterdir())


def test_under_a_launcher_only_align(
    mlc_data: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "RANK": "1",
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "1",
        "MASTER_ADDR": "a",
        "MASTER_PORT": "1",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    done = mlc_data("run", "quickstart")
    assert done.returncode == 2
    assert "`mlc-data run` was launched 2 times" in done.stderr
    assert "build first (`mlc-data sets RECIPE`, started once)" in done.stderr
    assert not Path("runs").exists()


def test_a_run_that_is_named_from_elsewhere_says_where_its_paths_start(
    tmp_path: Path, small: dict[str, Any], mlc_data: Callable[..., Done]
) -> None:
    run = tmp_path / "project" / "runs" / "mine"
    (run.parents[1] / "data").mkdir(parents=True)
    (run.parents[1] / "data" / "mine.jsonl").write_text('{"prompt": "How can I bake bread?"}\n')
    small["sources"]["prompts"]["path"] = "data/mine.jsonl"
    Run.create(parse_recipe(small, "test"), run)
    done = mlc_data("sets", str(run))
    assert done.returncode == 2
    assert "data/mine.jsonl does not exist" in done.stderr
    assert f"was used in {run.parents[1]}: give the command there" in done.stderr
