"""A run of the quickstart whose translations are a file, from the command line, without an engine."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from mlc_data.cli.main import app
from scripts.phrasebook.phrasebook import FOLDER, TARGETS, reference

pytestmark = pytest.mark.integration

PROMPTS = 40


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A wide file with the phrasebook's own translations of the first prompts."""
    lines = (FOLDER / "prompts.jsonl").read_text(encoding="utf-8").splitlines()[:PROMPTS]
    prompts = [json.loads(line)["prompt"] for line in lines]
    rows = [{"prompt": one} | {code: reference(one, code) for code in TARGETS} for one in prompts]
    pl.DataFrame(rows).write_csv(tmp_path / "wide.csv")
    return tmp_path / "wide.csv"


def test_a_file_becomes_variant_sets(wide: Path, tmp_path: Path) -> None:
    columns = ", ".join(f"{code}: {code}" for code in TARGETS)
    settings = (
        f"sources.prompts.limit={PROMPTS + 1}",
        "translate.model=null",
        f"translate.import.path={wide}",
        f"translate.import.wide={{{columns}}}",
    )
    words = ["sets", "quickstart", "--run-dir", str(tmp_path / "run"), "--quiet"]
    words += [part for setting in settings for part in ("--set", setting)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    variants, phrasebook = manifest["counts"]["variants"], len(TARGETS) * PROMPTS
    assert variants["requested"] == phrasebook + len(TARGETS)
    assert variants["failed"] == {"no_variant": len(TARGETS)}
    # Exact translations: at most 2 in 100 are rejected.
    assert variants["kept"] >= 0.98 * phrasebook
    assert manifest["counts"]["sets"]["kept"] == PROMPTS
    assert manifest["models"]["translator"]["id"] == "import"
