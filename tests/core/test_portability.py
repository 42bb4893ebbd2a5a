"""The pipeline to variant sets uses nothing that only Linux has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, pathlib, sys
# Libraries ask Linux's own calls on Linux; our code must not.
import ctranslate2, fasttext, filelock, numpy, polars, pyarrow.parquet, sacrebleu, sentencex
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None  # an import of it fails
for name in ("sched_getaffinity", "uname", "fork", "pread", "pwrite", "mkfifo", "getuid"):
    if hasattr(os, name):
        delattr(os, name)

import mlc_data
from mlc_data.execute import preflight, run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

recipe = load_recipe("quickstart", ["sources.prompts.limit=12", "translate.cache=null", *sys.argv[2:]])
run = Run.create(recipe, pathlib.Path(sys.argv[1]))
preflight(run, ("sources", "translate", "score", "rescue", "check", "sets"))
run_stages(run, "sets")
assert run.manifest.counts.sets.kept
"""


@pytest.mark.integration
def test_variant_sets_are_built_without_what_only_linux_has(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
