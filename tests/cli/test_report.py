"""`mlc-data report` as a user types it."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mlc_data.cli.main import app
from mlc_data.errors import UsageError
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run


@pytest.fixture
def begun(make_run: Callable[..., Run]) -> Run:
    run = make_run([{"prompt": "How do I boil an egg?"}])
    run_stage(run, "sources")
    return run


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["report", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_prints_the_file_that_it_wrote(begun: Run) -> None:
    assert call(begun.folder, "--quiet").strip() == str(begun.path("report.html"))
    assert begun.path("report.html").is_file()


def test_another_file_can_be_named(begun: Run, tmp_path: Path) -> None:
    call(begun.folder, "--out", tmp_path / "other.html")
    assert (tmp_path / "other.html").is_file()
    assert not begun.path("report.html").exists()


def test_it_is_opened_in_the_browser(begun: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(opened.append(address)) or True)
    call(begun.folder, "--open")
    assert opened == [begun.path("report.html").resolve().as_uri()]


def test_no_browser_is_an_error_that_names_the_file(
    begun: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    with pytest.raises(UsageError, match=r"report\.html yourself"):
        call(begun.folder, "--open")


def test_a_folder_that_is_not_there_is_refused(begun: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        call(begun.folder, "--out", tmp_path / "none" / "other.html")
