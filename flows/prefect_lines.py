"""Prefect's own log lines in the terminal: warnings only. Its server gets all of them."""

from __future__ import annotations

import logging

from mlc_data.core.stopping import is_stopping

_RUNS = ("prefect.flow_runs", "prefect.task_runs")


class _OnlyWarnings(logging.Filter):
    """Drop Prefect's lines below WARNING, those about runs (the command shows its error itself), and everything
    about a server that is about to end."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.split(".")[0] not in ("prefect", "uvicorn", "httpx", "websockets"):
            return True
        if is_stopping() or record.name.startswith(_RUNS):
            return False
        return record.levelno >= logging.WARNING


def only_warnings() -> None:
    """Filter what Prefect has installed on the loggers of this process."""
    only = _OnlyWarnings()
    for name in ("", "prefect", "prefect._internal"):
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(only)
