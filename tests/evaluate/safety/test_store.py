"""Rows on disk as soon as they are there, and what a killed writer leaves."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mlc_data.evaluate.safety.store import RowStore


def test_rows_come_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    with closing(RowStore(path)) as store:
        store.add([("a", {"reply": "one\ntwo"}), ("b", {"reply": "没有"})])
        assert "a" in store
        assert "c" not in store
    with closing(RowStore(path)) as store:
        assert store["a"] == {"reply": "one\ntwo"}
        assert store["b"] == {"reply": "没有"}


@pytest.mark.parametrize("torn", [b'{"key": "b", "re', b'{"key": "b", "reply": "x"}', b"\xff\n"])
def test_a_torn_end_is_dropped_and_written_over(
    tmp_path: Path, torn: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "rows.jsonl"
    with closing(RowStore(path)) as store:
        store.add([("a", {"n": 1})])
    with path.open("ab") as handle:
        handle.write(torn)
    with caplog.at_level(logging.WARNING), closing(RowStore(path)) as store:
        assert "b" not in store
        store.add([("b", {"n": 2})])
    assert "computed again" in caplog.text
    with closing(RowStore(path)) as store:
        assert (store["a"], store["b"]) == ({"n": 1}, {"n": 2})


@pytest.mark.integration
def test_what_was_added_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    code = (
        "import os, signal, sys; from pathlib import Path; "
        "from mlc_data.evaluate.safety.store import RowStore; "
        "store = RowStore(Path(sys.argv[1])); store.add([('a', {'n': 1})]); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    with closing(RowStore(path)) as store:
        assert store["a"] == {"n": 1}
