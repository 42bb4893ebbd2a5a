"""The live view: a row for each stage, bars, and what is printed above it."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
from rich.console import Console

from mlc_data.core import console as display
from mlc_data.core import progress
from mlc_data.core.live import LiveView, NoteHandler, bars
from mlc_data.core.wording import duration, rate

STAGES = ("sources", "translate", "check")


def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)


def text_of(view: LiveView) -> str:
    shown = console()
    shown.print(view._render())
    return shown.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def view() -> LiveView:
    return LiveView(console(), Path("runs/mine"), STAGES)


def test_every_stage_has_a_row_from_the_beginning(view: LiveView) -> None:
    assert "Run runs/mine" in text_of(view)
    for stage in STAGES:
        assert stage in text_of(view)


def test_a_stage_that_ended_shows_its_last_message(view: LiveView) -> None:
    with progress.watched_by(view), progress.stage("sources") as end:
        view.note("sources: 3 prompts kept of 4 rows")
        end.reused = False
    assert "+ sources   3 prompts kept of 4 rows" in text_of(view)


def test_a_reused_stage_is_marked(view: LiveView) -> None:
    with progress.watched_by(view), progress.stage("check") as end:
        end.reused = True
    assert "- check" in text_of(view)


def test_a_failed_stage_is_marked(view: LiveView) -> None:
    with pytest.raises(KeyError), progress.watched_by(view), progress.stage("check"):
        raise KeyError
    assert "! check" in text_of(view)


def test_a_bar_has_its_count_while_it_lasts(view: LiveView) -> None:
    with view.bar("translating", 8, "sentences") as bar:
        bar.advance(2)
        assert "translating sentences" in text_of(view)
        assert "2/8" in text_of(view)
    assert "translating" not in text_of(view)


def test_no_line_is_wider_than_the_terminal(view: LiveView) -> None:
    with progress.watched_by(view), progress.stage("check"):
        view.note("check: " + "many reasons, " * 20)
        with view.bar("generating replies before alignment", 123456, "prompts"):
            assert max(map(len, text_of(view).splitlines())) <= 80


def test_messages_of_stages_become_notes_and_warnings_lines(view: LiveView) -> None:
    lines: list[str] = []
    other = logging.Handler()
    other.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    handler = NoteHandler(view, other)
    with progress.watched_by(view), progress.stage("check"):
        for level, message in (
            (logging.INFO, "check: 3 kept"),
            (logging.WARNING, "check: only 1 kept"),
            (logging.INFO, "unpacking a model, once"),
        ):
            handler.emit(logging.LogRecord("x", level, "", 0, message, (), None))
    assert lines == ["check: only 1 kept", "unpacking a model, once"]


def test_a_warning_has_its_word_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = console()
    monkeypatch.setattr(display, "err", shown)
    record = logging.LogRecord("x", logging.WARNING, "", 0, "a row is absent", (), None)
    display.ConsoleHandler().emit(record)
    assert "WARNING a row is absent" in shown.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("speed", "words"), [(312.4, "312/s"), (2.41, "2.4/s"), (0.029, "34 s each"), (0, "")]
)
def test_a_rate_is_never_zero(speed: float, words: str) -> None:
    assert rate(speed) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3.21, "3.2 s"), (42.2, "42 s"), (310, "5 min 10 s"), (12000, "3 h 20 min")],
)
def test_a_duration_has_its_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_steps_of_a_minute_have_a_rate() -> None:
    shown = bars(console())
    now = 0.0
    shown.get_time = lambda: now
    task = shown.add_task("aligning steps", total=16)
    for _ in range(3):
        now += 70
        shown.advance(task)
    assert rate(shown.tasks[0].speed or 0) == "70 s each"


def test_a_log_line_breaks_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Console(file=io.StringIO(), force_terminal=True, width=40, color_system=None)
    monkeypatch.setattr(display, "err", shown)
    text = "hardly reliable in swh_Latn, so few wrong ones are found there"
    record = logging.LogRecord("x", logging.WARNING, "", 0, text, (), None)
    display.ConsoleHandler().emit(record)
    lines = shown.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 40
    assert " ".join(line.strip() for line in lines).endswith(text)
