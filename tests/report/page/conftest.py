"""Runs for tests of the report, made once for all of them."""

from __future__ import annotations

import pytest
import report_run

from mlc_data.pipeline.run import Run


@pytest.fixture(scope="session")
def page_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run with rescue and a training, not to be changed."""
    # Undone at once: other tests of this process load engines of their own.
    with pytest.MonkeyPatch.context() as monkeypatch:
        run = report_run.build(tmp_path_factory.mktemp("report"), monkeypatch)
    report_run.train(run)
    return run


@pytest.fixture(scope="session")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of variant sets without rescue and training, not to be changed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return report_run.build(tmp_path_factory.mktemp("plain"), monkeypatch, rescue={"rungs": []})
