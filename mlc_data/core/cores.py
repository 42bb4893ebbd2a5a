"""Number of processor cores, on every operating system."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Return the number of cores that this process may use; all of the machine's where that is not known."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
