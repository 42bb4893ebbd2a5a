"""A limit on the time that work may take, for work that may hang."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mlc_data.errors import StageTimeoutError

END_PROCESS = False
"""True if work that does not react to the limit ends the process: so it is for a command, which resumes, and not
where this is somebody's library."""

GRACE_SECONDS = 30.0
"""Time to react; threads and libraries that hang never do."""


@contextmanager
def time_limit(what: str, hours: float | None) -> Iterator[None]:
    """Stop the block after some time; None never does.

    Python allows signal handlers in the main thread only. In another thread, and on Windows, the process ends once
    the limit has passed, if `END_PROCESS` says so.

    Raises:
        StageTimeoutError: the time is over.
    """
    if hours is None:
        yield
        return
    message = (
        f"{what} has taken longer than runner.stage_limit, {hours:g} hours. What was finished is kept: the same "
        "command resumes"
    )
    seconds = hours * 3600
    last = threading.Timer(seconds + GRACE_SECONDS, _end, (message,))
    last.daemon = True
    last.start()
    try:
        with _alarm(message, seconds):
            yield
    finally:
        last.cancel()


@contextmanager
def _alarm(message: str, seconds: float) -> Iterator[None]:
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(_: int, __: FrameType | None) -> None:
        raise StageTimeoutError(message)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _end(message: str) -> None:
    if END_PROCESS:
        sys.stderr.write(f"Error: {message}\n")
        sys.stderr.flush()
        os._exit(1)
