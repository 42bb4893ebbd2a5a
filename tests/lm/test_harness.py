"""lm-evaluation-harness on a task of our own, where it is installed: `pip install lm-eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import write_jsonl

from mlc_data.lm.harness import run_tasks_at

pytest.importorskip("lm_eval")


def test_a_task_gives_its_figures(tmp_path: Path, tiny: Path) -> None:
    rows = [{"q": f"{n}+1=", "choices": [str(n + 1), "99"], "gold": 0} for n in range(4)]
    task: Any = {
        "task": "sums",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(write_jsonl(tmp_path / "sums.jsonl", rows))}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{q}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{gold}}",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    found = run_tasks_at(str(tiny), None, [task], 3)
    assert found["sums"]["sample_len"] == 3
    assert 0 <= found["sums"]["acc,none"] <= 1
