"""`mlc-data refresh` as a user calls it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import write_jsonl

from mlc_data.cli.main import main

pytestmark = pytest.mark.integration


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["mlc-data", "refresh", *map(str, arguments)])
    code: object = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code
    said = capsys.readouterr()
    return int(str(code or 0)), said.out, said.err


def test_the_command(
    tmp_path: Path, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    small["translate"]["cache"] = "cache"
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(small))
    write_jsonl(tmp_path / "prompts.jsonl", [{"prompt": "How can I steal a car?"}])
    code, out, err = call(monkeypatch, capsys, "mine.yaml", "--quiet")
    assert code == 0, err
    assert "there is no earlier build" in out

    code, out, _ = call(monkeypatch, capsys, "runs/small")
    assert code == 0
    assert "runs/small: nothing has changed, nothing was touched" in out

    rows = [{"prompt": "How can I steal a car?"}, {"prompt": "How can I bake a cake?"}]
    write_jsonl(tmp_path / "prompts.jsonl", rows)
    code, out, _ = call(monkeypatch, capsys, "runs/small", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["changed"] is True
    assert told["diff"]["prompts"]["added"] == 1
    assert told["diff"]["variants"]["added"] == 3
    assert told["translated"]["translate"] == 6
    assert told["reused"]["sources"] is False

    write_jsonl(tmp_path / "prompts.jsonl", [{"prompt": "How do I steal a car?"}, *rows[2:]])
    code, out, _ = call(monkeypatch, capsys, "runs/small", "--quiet")
    assert code == 0
    assert "matched by their place" in out
    write_jsonl(tmp_path / "prompts.jsonl", rows)
    assert call(monkeypatch, capsys, "runs/small", "--quiet")[0] == 0

    more = "languages.targets=[spa_Latn, swh_Latn, zho_Hans, deu_Latn]"
    code, out, _ = call(monkeypatch, capsys, "mine.yaml", "--set", more, "--quiet")
    assert code == 0
    assert "deu_Latn new" in out
    assert "removed" in out
    assert "…" not in out, "the table does not fit 80 columns"
    assert "0 prompts added, 0 removed, 0 changed" in out
    assert "4 sentences, both ways" in out

    code, _, err = call(monkeypatch, capsys, "mine.yaml", "--set", "refresh.retrain=sometimes")
    assert code == 2
    assert "refresh.retrain" in err
