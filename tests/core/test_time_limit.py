"""Work that hangs ends at its limit."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from mlc_data.core.time_limit import time_limit
from mlc_data.errors import StageTimeoutError

SECOND = 1 / 3600
DEAF = """
import threading, time
from mlc_data.core import time_limit
time_limit.END_PROCESS, time_limit.GRACE_SECONDS = True, 0.2
def hang():
    with time_limit.time_limit("translate", 0.1 / 3600):
        time.sleep(60)
thread = threading.Thread(target=hang)
thread.start()
thread.join()
"""


def test_work_that_hangs_is_stopped() -> None:
    begun = time.monotonic()
    with (
        pytest.raises(
            StageTimeoutError, match=r"translate has taken longer than runner\.stage_limit"
        ),
        time_limit("translate", 0.1 * SECOND),
    ):
        threading.Event().wait(30)
    assert time.monotonic() - begun < 20


def test_work_in_time_is_not_stopped() -> None:
    with time_limit("translate", 0.2 * SECOND):
        pass
    time.sleep(0.3)


def test_no_limit_is_no_limit() -> None:
    with time_limit("translate", None):
        pass


def test_a_command_that_does_not_react_is_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEAF], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 1
    assert "the same command resumes" in done.stderr
