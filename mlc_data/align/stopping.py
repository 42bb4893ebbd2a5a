"""Stopping a training in an orderly way: Ctrl-C, SIGTERM, or another thread."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mlc_data.align.distributed.environment import current_rank

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_REPEATED_WITHIN = 5
"""Seconds within which a second signal to a launched process is the first one again, passed on by its launcher:
Slurm, for example, sends it to both."""

_requested = threading.Event()


def request_stop() -> None:
    """Let the training that is running in this process finish its step, save, and stop.

    May be called from any thread. Without a running training it does nothing.
    """
    _requested.set()


def stop_requested() -> bool:
    """Return whether a stop of the running training has been requested."""
    return _requested.is_set()


@contextmanager
def orderly_stop() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into `request_stop`; a second one acts at once, in a launched process
    only some seconds later.

    Python allows signal handlers in the main thread only. In another thread no handler is installed:
    the code that runs the training there calls `request_stop`.
    """
    _requested.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interval = _REPEATED_WITHIN if current_rank() else 0
    first: float | None = None
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            # None: installed by C code, which cannot be restored from Python.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal first
        if first is not None:
            if time.monotonic() - first >= interval:
                restore()
                signal.raise_signal(number)
            return
        first = time.monotonic()
        if not interval:
            restore()
        _requested.set()
        log.warning(
            "%s: finishing this step and saving; a second one stops at once",
            signal.Signals(number).name,
        )

    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
        _requested.clear()
