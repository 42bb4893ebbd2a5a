"""The evaluation of a real tiny model: replies, judgments, perplexity; killed, gone on with, forced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlc_data.align import align
from mlc_data.core.parquet import read_table
from mlc_data.errors import UsageError
from mlc_data.evaluate.safety.tables import JUDGMENTS, REPLIES
from mlc_data.execute import preflight, run_stage
from mlc_data.pipeline.run import Run
from mlc_data.stages import EVALUATION

pytestmark = pytest.mark.integration

LID = "package://mlc_data/language_id/data/lid.176.ftz"


@pytest.fixture
def aligned(small: dict[str, Any], tmp_path: Path, make_run: Callable[..., Run]) -> Run:
    text = tmp_path / "text.txt"
    text.write_text("A first paragraph.\n\nAnd a second one.\n", encoding="utf-8")
    small["checks"] = {"language_identifiers": [LID]}
    small["evaluate"] = {
        "safety": {"max_new_tokens": 8, "batch_size": 2, "bootstrap": 100},
        "utility": {"text": str(text)},
    }
    run = make_run(max_steps=1)
    with run.locked():
        align(run)
    return run


def test_every_held_out_text_is_answered_by_both_models_and_judged(aligned: Run) -> None:
    with aligned.locked():
        assert run_stage(aligned, "safety") is False
        assert run_stage(aligned, "safety") is True
    replies = read_table(aligned.path("evaluation", "replies.parquet"), REPLIES)
    held_out = pl.read_parquet(aligned.path("sets") / "test-*.parquet")
    texts = held_out.height + held_out["variants"].list.len().sum()
    assert replies.height == 2 * texts
    judgments = read_table(aligned.path("evaluation", "judgments.parquet"), JUDGMENTS)
    counts = json.loads(aligned.path("evaluation", "safety.json").read_text())["counts"]
    of_judge = counts["judges"]["refusal-phrases"]
    told = of_judge["judged"] + sum(of_judge["invalid"].values()) + sum(of_judge["failed"].values())
    assert told == of_judge["replies"] == judgments.height == replies.height
    # A model of random weights says nothing, least of all something safe.
    assert set(judgments["verdict"].drop_nulls()) <= {"unsafe", "invalid"}


def test_a_killed_evaluation_goes_on_where_it_was(aligned: Run, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mlc_data.pipeline.run import Run; "
        "from mlc_data.execute import run_stage; import mlc_data.evaluate.safety.store as s, time\n"
        "add = s.RowStore.add\n"
        "def slowly(self, rows):\n    add(self, rows); time.sleep(0.4)\n"
        "s.RowStore.add = slowly\n"
        "run = Run.open(Path(sys.argv[1]))\n"
        "with run.locked():\n    run_stage(run, 'safety')"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(aligned.folder)], env=os.environ)
    deadline = time.monotonic() + 600
    while _stored(aligned) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = _lines(aligned)
    assert before and "safety" not in aligned.manifest.stages
    with aligned.locked():
        run_stage(aligned, "safety")
    assert _lines(aligned)[: len(before)] == before
    written = aligned.path("evaluation", "replies.parquet").read_bytes()
    with aligned.locked():
        run_stage(aligned, "safety", force=True)
    assert aligned.path("evaluation", "replies.parquet").read_bytes() == written


def _stored(run: Run) -> int:
    return len(_lines(run))


def _lines(run: Run) -> list[bytes]:
    """Whole lines of the base model's replies, which are the first that are asked for."""
    files = sorted(run.path(".evaluation").glob("replies-*.jsonl"), key=lambda f: f.stat().st_ctime)
    if not files:
        return []
    return [
        line
        for file in files
        for line in file.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
    ]


def test_perplexity_of_both_models(aligned: Run) -> None:
    with aligned.locked():
        assert run_stage(aligned, "utility") is False
        assert run_stage(aligned, "utility") is True
    found = json.loads(aligned.path("evaluation", "utility.json").read_text())
    for when in ("before", "after"):
        assert found[when]["text"]["texts"] == 2
        assert found[when]["text"]["perplexity"] > 1
    assert found["before"] != found["after"]


def test_text_that_is_not_utf8_is_named(aligned: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(b"caf\xe9 au lait")
    with aligned.locked(), pytest.raises(UsageError, match=r"text\.txt is not UTF-8 \(byte 4\)"):
        run_stage(aligned, "utility")


def test_two_judges_of_one_name_are_refused(aligned: Run) -> None:
    data = aligned.recipe.model_dump(mode="json")
    data["evaluate"]["safety"]["judges"] = [{"kind": "refusal-phrases"}] * 2
    with pytest.raises(ValueError, match="could not be distinguished"):
        type(aligned.recipe).model_validate(data)


def test_what_is_missing_is_told_before_anything_is_done(
    aligned: Run, small: dict[str, Any]
) -> None:
    def with_(**changes: Any) -> Any:
        data = aligned.recipe.model_dump(mode="json")
        data["evaluate"] |= changes
        return Run(type(aligned.recipe).model_validate(data), aligned.folder)

    with pytest.raises(UsageError, match=r"evaluate\.utility\.text: .*gone\.txt does not exist"):
        preflight(with_(utility={"text": "gone.txt"}), EVALUATION)
    with pytest.raises(UsageError, match=r"safety\.prompts\[0\]\.path: gone\.csv"):
        preflight(with_(safety={"prompts": [{"path": "gone.csv"}]}), EVALUATION)
    guard = {"kind": "guard", "model": "no/such/folder", "template": "polyguard"}
    with pytest.raises(UsageError, match=r"safety\.judges\[0\]\.model: .*no/such/folder"):
        preflight(with_(safety={"judges": [guard]}), EVALUATION)
    endpoint = {
        "kind": "endpoint",
        "url": "http://localhost:1",
        "model": "m",
        "key_variable": "NOT_SET",
    }
    with pytest.raises(UsageError, match="NOT_SET"):
        preflight(with_(safety={"judges": [endpoint]}), EVALUATION)
