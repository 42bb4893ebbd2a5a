"""Signals that stop a command: Ctrl-C, SIGTERM, a terminal that is closed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130
HOW_TO_GO_ON = "what was finished is kept, and the same command resumes"

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_at_once: list[Callable[[], None]] = []
_state = {"stopping": False}


def is_stopping() -> bool:
    """Return whether this process was asked to stop."""
    return _state["stopping"]


@contextmanager
def at_second_signal(action: Callable[[], None]) -> Iterator[None]:
    """Call ``action`` before the process ends at once, while the context lasts."""
    _at_once.append(action)
    try:
        yield
    finally:
        _at_once.remove(action)


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn the first signal into KeyboardInterrupt, so that everything is closed in order; a second one ends
    the process at once with code 130.

    Python allows signal handlers in the main thread only; elsewhere nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state["stopping"] = False
    before = {
        number: signal.getsignal(number)
        for number in _SIGNALS
        # Ignored signals stay ignored: nohup, or a job in the background of a script.
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    for number in before:
        signal.signal(number, _handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: installed by C code, which cannot be restored from Python.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _handle(number: int, _: FrameType | None) -> None:
    if not _state["stopping"]:
        _state["stopping"] = True
        raise KeyboardInterrupt
    for action in _at_once:
        action()
    sys.stderr.write(f"\nStopped at once; {HOW_TO_GO_ON}\n")
    sys.stderr.flush()
    os._exit(EXIT_CODE)
