"""Every hostile recipe is accepted, or refused with one short message that repeats no secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile.conftest import refuse_unbounded
from hostile.corpus import cases, text_of
from hostile.test_files import RECIPE
from in_process import Done

RECIPES = cases("recipes")
SOURCES = "sources: {prompts: {path: p.jsonl}}\n"
LONG = {
    "many_keys": ("".join(f"k{number}: 1\n" for number in range(200_000)), "characters"),
    "many_faults": ("".join(f"k{number}: 1\n" for number in range(2_000)), "faults more"),
    "many_values": (f"x: [{','.join(map(str, range(60_000)))}]\n", "more than 50000 values"),
    "nested_blocks": (
        "x:\n" + "\n".join("  " * depth + "- " for depth in range(1, 500)) + "\n",
        "nests deeper",
    ),
}
"""Additions to a recipe that are written by a program."""


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    (tmp_path / "p.jsonl").write_text('{"prompt": "How do I bake bread?"}\n')
    return tmp_path


@pytest.mark.parametrize("case", RECIPES, ids=[case["name"] for case in RECIPES])
def test_recipe(case: dict[str, Any], prompts: Path, mlc_data: Callable[..., Done]) -> None:
    text = text_of(case["yaml"])
    (prompts / "r.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    done = mlc_data("sources", "r.yaml", "--quiet", "--run-dir", "run")
    refuse_unbounded(done)
    if "refused" in case:
        assert done.returncode == 2
        assert case["refused"] in done.stderr
        assert ("\n" + done.stderr).count("\nError: ") == 1
        assert "sk-1234567890" not in done.stderr
    else:
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", LONG)
def test_long_recipe(name: str, prompts: Path, mlc_data: Callable[..., Done]) -> None:
    more, told = LONG[name]
    (prompts / "r.yaml").write_text(RECIPE + SOURCES + more)
    done = mlc_data("recipes", "validate", "r.yaml")
    assert done.returncode == 2
    assert told in done.stderr
    refuse_unbounded(done)


@pytest.mark.parametrize(
    "arguments",
    [
        ["recipes", "validate", "~nosuchuser/r.yaml"],
        ["recipes", "validate", "n" * 5000],
        ["recipes", "validate", "a\x1b]0;x\x07"],
        ["recipes", "validate", "."],
        ["recipes", "validate", "/dev/zero"],
        ["recipes", "validate", "/dev/null"],
        ["recipes", "validate", "quickstart", "--with", "/dev/zero"],
        ["recipes", "validate", "quickstart", "--with", "n" * 5000],
        ["recipes", "validate", "quickstart", "--set", "x"],
        ["recipes", "validate", "quickstart", "--set", "=1"],
        ["recipes", "validate", "quickstart", "--set", "seed=" + "9" * 5000],
        ["recipes", "validate", "quickstart", "--set", "seed=" + "[" * 5000],
        ["recipes", "validate", "quickstart", "--set", "seed=2024-02-31"],
        ["recipes", "validate", "quickstart", "--set", "seed=!!python/name:os.system"],
        ["recipes", "validate", "quickstart", "--set", "seed=\x1b[31m"],
        ["recipes", "validate", "quickstart", "--set", "k" * 5000 + "=1"],
        ["recipes", "validate", "quickstart", "--set", ".".join("a" * 3000) + "=1"],
        ["recipes", "validate", "quickstart", "--set", "seed.x.y=1"],
        ["recipes", "validate", "quickstart", "--set", "[/b]=1"],
        ["recipes", "copy", "quickstart", "/proc/x.yaml"],
        ["recipes", "copy", "quickstart", "n" * 5000 + ".yaml"],
        ["sources", "quickstart", "--run-dir", "n" * 5000],
        ["sources", "quickstart", "--run-dir", "/dev/null"],
        ["sources", "quickstart", "--run-dir", "/dev/null/x"],
        ["sources", "quickstart", "--name", "../x"],
        ["explain", "n" * 5000, "row:1"],
        ["explain", "/dev/zero", "row:1"],
        ["lineage", "n" * 5000],
        ["lineage", "/dev/zero"],
    ],
    ids=lambda arguments: " ".join(one[:24] for one in arguments[-3:]).encode().hex()[:60],
)
def test_command_is_refused(arguments: list[str], mlc_data: Callable[..., Done]) -> None:
    done = mlc_data(*arguments)
    assert done.returncode in (1, 2)
    assert done.stderr.count("Error") == 1
    refuse_unbounded(done)
