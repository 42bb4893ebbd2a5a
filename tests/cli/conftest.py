"""Commands that run in the process of the tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from mlc_data.core import progress


@pytest.fixture(autouse=True)
def display_as_before() -> Iterator[None]:
    """Set the display back that a command has chosen for this process."""
    logger = logging.getLogger("mlc_data")
    before = logger.level, logger.propagate, list(logger.handlers)
    yield
    level, logger.propagate, handlers = before
    logger.setLevel(level)
    for handler in set(logger.handlers) - set(handlers):
        logger.removeHandler(handler)
    progress.use(progress.LogReporter())
