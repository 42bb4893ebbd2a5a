"""Program that has imported everything and forks a process for each command, so that a restart costs little.

    python fault_nursery.py

It reads one JSON object a line: ``argv``, ``cwd``, ``log`` (file for the output) and ``before`` (a statement that the
child executes first). It answers with the child's process id, then with its exit status as Popen names it. Each
child leads a process group of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import ctranslate2  # noqa: F401 - imported for the children
import datasets  # noqa: F401
import polars  # noqa: F401
import torch
import trl  # noqa: F401
from transformers import AutoModelForCausalLM  # noqa: F401
from trl import DPOConfig, DPOTrainer  # noqa: F401

import mlc_data.align.train
import mlc_data.consistency.measures  # noqa: F401
from mlc_data.cli.main import main


def child(order: dict[str, Any]) -> None:
    """Run one command and leave."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(order["cwd"])
    torch.set_num_threads(1)
    sys.argv = ["mlc-data", *order["argv"]]
    status = 1
    try:
        exec(order["before"], {"__name__": "before"})
        main()
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:  # noqa: BLE001 - shown, as Python itself would
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def answer(number: int) -> None:
    """Tell the harness a number."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if not pid:
        child(order)
    answer(pid)
    answer(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
