"""Frozen results: no change of the code may change them under an unchanged version.

The files in ``tests/golden/`` hold what a small run gave. To write them anew after a result was
changed on purpose, raise the ``version`` of the stage or check that changed, and run

    MLC_DATA_WRITE_GOLDEN=1 python -m pytest tests/test_golden.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import golden_run
import pytest

WRITE = "MLC_DATA_WRITE_GOLDEN"
RUN = golden_run.FOLDER / "run.json"
LOSS = golden_run.FOLDER / "loss.json"
STAGE_OF = {
    "prompts": "sources",
    "preferences": "sources",
    "translations": "translate",
    "scores": "score",
    "attempts": "rescue",
    "variants": "check",
    "sets": "sets",
}
RULE = (
    "Results changed under an unchanged version. Raise the `version` of the stage or check that "
    f"changed and write the file anew ({WRITE}=1 python -m pytest tests/test_golden.py), or mend "
    "the change."
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Results of the run; written to the file if asked for."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        run = golden_run.run_golden(tmp_path_factory.mktemp("golden"), monkeypatch)
    results: dict[str, Any] = json.loads(json.dumps(golden_run.collect(run)))
    if os.environ.get(WRITE):
        write(results)
    return results


@pytest.fixture(scope="module")
def frozen(results: dict[str, Any]) -> dict[str, Any]:
    """Results in the file."""
    frozen: dict[str, Any] = json.loads(RUN.read_text("utf-8"))
    return frozen


def write(results: dict[str, Any]) -> None:
    """Write both files; refused where a table changed and its inputs and versions did not."""
    if RUN.exists():
        before = json.loads(RUN.read_text("utf-8"))
        table = first_change(before, results)
        assert table is None or may_change(table, before, results), f"{table}: {RULE}"
    save(RUN, results)
    save(LOSS, golden_run.losses())


def first_change(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """Return the first table, in the order of the pipeline, whose content hash differs."""
    hashes = before["content_hash"], after["content_hash"]
    return next((table for table in STAGE_OF if hashes[0][table] != hashes[1][table]), None)


def may_change(table: str, before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Return whether the inputs, or a version that decides the table's rows, differ."""
    owners = [STAGE_OF[table]]
    if table in ("scores", "attempts", "variants"):
        owners += [name for name in after["versions"] if name.startswith("checks.")]
    raised = any(before["versions"].get(name) != after["versions"][name] for name in owners)
    return raised or before["inputs"] != after["inputs"]


def save(path: Path, value: Any) -> None:
    """Write a JSON object with a line for each row of each of its lists."""
    parts = [f"{json.dumps(key)}: {lines(part)}" for key, part in value.items()]
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", "utf-8")


def lines(value: Any) -> str:
    """Return JSON, a list with a line for each row."""
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in value) + "\n]"


def test_the_frozen_run_is_that_of_the_inputs(
    results: dict[str, Any], frozen: dict[str, Any]
) -> None:
    assert results["inputs"] == frozen["inputs"], f"The inputs changed; {WRITE}=1 writes the file"


@pytest.mark.parametrize("table", list(STAGE_OF))
def test_content_hash(results: dict[str, Any], frozen: dict[str, Any], table: str) -> None:
    same = results["versions"] == frozen["versions"]
    advice = RULE if same else f"Versions changed; {WRITE}=1 writes the file"
    assert results["content_hash"][table] == frozen["content_hash"][table], advice


@pytest.mark.parametrize("part", ["counts", "verdicts", "variants", "attempts", "sets"])
def test_rows(results: dict[str, Any], frozen: dict[str, Any], part: str) -> None:
    assert results[part] == frozen[part], RULE


def test_versions_are_those_of_the_frozen_results(
    results: dict[str, Any], frozen: dict[str, Any]
) -> None:
    assert results["versions"] == frozen["versions"], f"Versions changed; {WRITE}=1 writes the file"


def test_every_check_rejects_something(results: dict[str, Any]) -> None:
    given = {reason for row in results["verdicts"] for reason in row[4].split()}
    assert given >= golden_run.CHECK_REASONS


def test_every_rescue_strategy_saves_something(results: dict[str, Any]) -> None:
    kept = {row[3] for row in results["verdicts"] if row[2] == "kept"}
    assert kept == {"first", "split", "search", "nbest", "model"}


def test_losses(results: dict[str, Any]) -> None:
    frozen = json.loads(LOSS.read_text("utf-8"))
    assert golden_run.losses() == pytest.approx(frozen, abs=1e-6), RULE
