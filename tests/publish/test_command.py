"""`mlc-data publish` and the flow as a user calls them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_state import TOKEN, LoopbackHub
from published_run import ended

from mlc_data.cli.main import main
from mlc_data.pipeline.run import Run

pytestmark = pytest.mark.integration

Make = Callable[..., Run]


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Call the command in this process; returns its exit code and all that it said."""

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mlc-data", "publish", *map(str, arguments)])
        code: object = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code
        said = capsys.readouterr()
        return int(str(code or 0)), " ".join((said.out + said.err).split())

    return run


Call = Callable[..., tuple[int, str]]


def test_usage_is_told_before_anything_is_done(call: Call, finished: Make, tmp_path: Path) -> None:
    run = finished().folder
    for arguments, told in (
        ((run,), "--repo organisation/name, or --to FOLDER"),
        ((run, "--repo", "a/b", "--to", "out"), "--repo organisation/name, or --to FOLDER"),
        ((run, "--to", tmp_path / "o", "--checkpoint"), "go with --repo"),
        ((run, "--to", tmp_path / "o", "--public"), "go with --repo"),
        ((run, "--repo", "noslash"), "write organisation/name"),
        ((run, "--to", tmp_path / "o", "--declare", "MIT"), "part=license"),
        (
            (run, "--to", tmp_path / "o", "--licence", "MIT"),
            "asks for non-commercial; MIT does not",
        ),
        ((tmp_path / "none", "--to", tmp_path / "o"), "is not a run's folder"),
    ):
        code, said = call(*arguments)
        assert code == 2, said
        assert told in said
    assert not (tmp_path / "o").exists()


def test_to_a_folder_needs_no_hub(call: Call, finished: Make, tmp_path: Path) -> None:
    code, said = call(finished().folder, "--to", tmp_path / "o")
    assert code == 0
    assert "license CC-BY-NC-4.0" in said
    assert "translator nllb-ct2: CC-BY-NC-4.0" in said
    assert (tmp_path / "o" / "README.md").is_file()


@pytest.mark.usefixtures("client")
def test_a_dry_run_tells_all_and_asks_the_hub_for_nothing(
    call: Call, finished: Make, hub: LoopbackHub
) -> None:
    run = finished().folder
    code, said = call(run, "--repo", "org/x", "--dry-run", "--declare", "base=MIT")
    assert code == 2
    assert "no such part" in said
    code, said = call(run, "--repo", "org/x", "--dry-run")
    assert code == 0
    for told in ("sets", "license CC-BY-NC-4.0", "private if it is new", "nothing was pushed"):
        assert told in said
    assert hub.requests == []


@pytest.mark.usefixtures("client")
def test_pushing_twice_says_what_was_done(call: Call, finished: Make, hub: LoopbackHub) -> None:
    run = finished(checkpoint=True).folder
    for told in ("published", "unchanged, nothing was pushed"):
        code, said = call(run, "--repo", "org/x", "--checkpoint", "--quiet")
        assert code == 0, said
        for kind in ("dataset", "model"):
            prefix = "datasets/" if kind == "dataset" else ""
            where = f"{kind} {hub.url}/{prefix}org/x: {told}, revision"
            assert f"{where} {hub.repo('org/x', kind).head.oid}" in said


@pytest.mark.usefixtures("client")
def test_the_license_check_covers_the_checkpoint(
    call: Call, finished: Make, hub: LoopbackHub
) -> None:
    run = finished(checkpoint=True, translator="MIT").folder
    code, said = call(run, "--repo", "org/x", "--checkpoint", "--license", "CC0-1.0")
    assert code == 2
    assert "base (base) is Apache-2.0" in said
    assert not hub.repos


@pytest.mark.end_to_end
def test_the_flow_publishes_and_prefect_learns_no_token(
    child: Callable[..., subprocess.Popen[str]], finished: Make, hub: LoopbackHub, tmp_path: Path
) -> None:
    run = finished()
    code = "import sys, runpy; sys.argv = sys.argv[:]; runpy.run_module('mlc_data.flows.publish', run_name='__main__')"
    home = tmp_path / "prefect"
    start = f"import os; os.environ['PREFECT_HOME'] = {str(home)!r}; {code}"
    out, err = ended(child(start, "--run-dir", str(run.folder), "--repo", "org/x"))
    assert hub.repo("org/x").head.oid in out + err
    assert TOKEN not in out + err
    files = [file for file in home.rglob("*") if file.is_file()]
    assert any(run.folder.name.encode() in file.read_bytes() for file in files)
    assert not [file for file in files if TOKEN.encode() in file.read_bytes()]
    assert len(hub.repo("org/x").commits) == 2
