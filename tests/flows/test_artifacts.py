"""What a flow shows in the UI, and that a server which cannot take it stops nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from mlc_data.flows import artifacts
from support import put

from mlc_data.core import progress
from mlc_data.core.manifest import Counts, VariantCounts
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What would have gone to the server, in order."""
    told: list[tuple[str, Any]] = []

    def create(progress_: float, key: str, description: str) -> UUID:
        told.append((key, (progress_, description)))
        return uuid4()

    def update(_artifact: UUID, progress_: float, description: str) -> None:
        told.append(("again", (progress_, description)))

    monkeypatch.setattr(artifacts, "create_progress_artifact", create)
    monkeypatch.setattr(artifacts, "update_progress_artifact", update)
    for name, what in (("table", "table"), ("markdown", "markdown")):
        monkeypatch.setattr(
            artifacts,
            f"create_{name}_artifact",
            lambda what=what, **given: told.append((given["key"], given[what])),
        )
    return told


def test_long_work_shows_how_far_it_is(sent: list[tuple[str, Any]]) -> None:
    with artifacts.ProgressInUi(every=0).bar("Translating, back", 8, "sentences") as bar:
        bar.advance(2)
        bar.advance(4)
        bar.advance(2)
    assert sent == [
        ("translating-back", (25.0, "Translating, back: 2 of 8 sentences")),
        ("again", (75.0, "Translating, back: 6 of 8 sentences")),
        ("again", (100.0, "Translating, back: 8 of 8 sentences")),
        ("again", (100.0, "Translating, back: 8 of 8 sentences")),
    ]


def test_short_work_shows_nothing(sent: list[tuple[str, Any]]) -> None:
    with artifacts.ProgressInUi(every=3600).bar("scoring", 2, "variants") as bar:
        bar.advance(2)
    assert sent == []


def test_progress_goes_to_the_log_and_to_the_ui(
    sent: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress.use(progress.LogReporter(every=0))
    said: list[str] = []
    monkeypatch.setattr(progress.log, "info", lambda text, *given: said.append(text % given))
    try:
        with (
            progress.also_to(artifacts.ProgressInUi(every=0)),
            progress.bar("aligning", 4, "steps") as bar,
        ):
            bar.advance()
        with progress.bar("aligning", 4, "steps") as bar:
            bar.advance(2)
    finally:
        progress.use(progress.LogReporter())
    assert [key for key, _ in sent] == ["aligning", "again"]
    assert [line.split(" steps")[0] for line in said] == [
        "aligning: 1 of 4",
        "aligning: 2 of 4",
    ]


def test_a_run_shows_languages_figures_and_where_it_is(
    sent: list[tuple[str, Any]], make_run: Callable[..., Run]
) -> None:
    run = make_run([{"prompt": "How do I boil an egg?"}])
    by_language = {
        "swh_Latn": VariantCounts(requested=9, kept=5, rejected={"length": 3}, failed={"loop": 1})
    }
    results = {"before": {"sets": 4, "loss": 0.25}, "after": {"sets": 4, "loss": 0.125}}
    for name in (
        "first_share",
        "within_cosine",
        "between_cosine",
        "retrieval",
        "retrieval_centred",
    ):
        for when in results.values():
            when[name] = 0.5
    counts = Counts(by_language=by_language).model_dump(exclude_none=True)
    with run.locked():
        put(run, "check", {}, (), lambda _: StageResult(counts=counts, results=results))
    artifacts.show(run)
    shown = dict(sent)
    assert shown["languages-small"] == [
        {"language": "swh_Latn", "name": "Swahili", "kept": 5, "rejected": 3, "failed": 1}
    ]
    assert "| MLC loss | 0.2500 | 0.1250 |" in shown["summary-small"]
    assert "There is no report yet." in shown["report-small"]


def report_of(run: Run, sent: list[tuple[str, Any]]) -> str:
    """The artifact of a run with a report."""
    run.path("report.html").write_text("<p>")
    artifacts.show(run)
    return str(dict(sent)["report-small"])


def test_the_report_is_linked_where_its_address_is_known(
    sent: list[tuple[str, Any]], make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLC_DATA_REPORT_URL", "https://example.org/all runs/")
    text = report_of(make_run([{"prompt": "How do I boil an egg?"}]), sent)
    assert "[Report of run small](https://example.org/all%20runs/run/report.html)" in text


def test_without_an_address_the_report_s_place_is_told(
    sent: list[tuple[str, Any]], make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLC_DATA_REPORT_URL", raising=False)
    run = make_run([{"prompt": "How do I boil an egg?"}])
    text = report_of(run, sent)
    assert str(run.path("report.html").resolve()) in text
    assert "MLC_DATA_REPORT_URL" in text
    assert "file:" not in text


def test_a_server_that_is_away_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
    make_run: Callable[..., Run],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise httpx.ConnectError("all connection attempts failed")

    for name in ("markdown", "progress", "table"):
        monkeypatch.setattr(artifacts, f"create_{name}_artifact", away)
    logger = logging.getLogger("mlc_data")
    before, logger.propagate = logger.propagate, True
    try:
        artifacts.show(make_run([{"prompt": "How do I boil an egg?"}]))
        with artifacts.ProgressInUi(every=0).bar("scoring", 2, "variants") as bar:
            bar.advance(2)
    finally:
        logger.propagate = before
    assert "all connection attempts failed" in caplog.text
