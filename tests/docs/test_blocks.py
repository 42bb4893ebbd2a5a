"""Every command, recipe and program in README and the documentation is right, as far as it can be known without running it."""

from __future__ import annotations

import ast
import importlib
import json
import runpy
import sys
import types
from pathlib import Path

import pytest
import yaml
from doc_blocks import (
    ROOT,
    Block,
    CommandLine,
    all_blocks,
    blocks_of,
    command_lines,
    indented_commands,
    mentions,
)
from doc_commands import BASE_RECIPE, fault

from mlc_data.recipe.loading import load_recipe

BLOCKS = all_blocks()
OF = {
    language: [block for block in BLOCKS if block.language == language]
    for language in ("bash", "python", "yaml", "json")
}
COMMANDS = [line for block in OF["bash"] for line in command_lines(block)]

MENTIONS = mentions()


def ids(value: Block | CommandLine) -> str:
    return value.id


def line(text: str) -> CommandLine:
    return command_lines(Block("page", 1, "bash", (), text))[0]


def my_module() -> types.ModuleType:
    """Return the module that pages name for classes of the reader, with the check of the examples in it."""
    module = types.ModuleType("my_module")
    example = runpy.run_path(str(ROOT / "examples" / "03_add_a_check.py"))
    module.MyCheck = example["Message"]  # type: ignore[attr-defined]
    return module


def test_there_are_blocks_of_each_language() -> None:
    assert all(len(found) > 1 for found in OF.values())


def test_every_command_is_in_a_fence() -> None:
    assert not list(indented_commands()), "put them in ```bash run or ```bash norun"


@pytest.mark.parametrize("block", OF["bash"] + OF["python"], ids=ids)
def test_a_block_says_whether_it_is_run(block: Block) -> None:
    assert block.words in (("run",), ("norun",)), (
        f"{block.id}: begin the block with ```{block.language} run if the tests can run it in seconds without a "
        f"network, else with ```{block.language} norun"
    )


@pytest.mark.integration  # some settings are checked by transformers
@pytest.mark.parametrize("command", COMMANDS, ids=ids)
def test_a_command_line_is_right(command: CommandLine) -> None:
    assert fault(command) is None, (
        f"{command.block.id}: {' '.join(command.arguments)}: {fault(command)}"
    )


@pytest.mark.parametrize("command", MENTIONS, ids=ids)
def test_a_command_in_the_text_is_right(command: CommandLine) -> None:
    found = fault(command)
    assert found is None or found.startswith("missing"), f"{command.block.id}: {found}"


@pytest.mark.integration  # transformers and TRL are imported
@pytest.mark.parametrize("block", OF["python"], ids=ids)
def test_a_program_compiles_and_its_imports_exist(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name), f"{block.id}: {node.module} has no {name.name}"
        elif isinstance(node, ast.Import):
            for name in node.names:
                importlib.import_module(name.name)


@pytest.mark.parametrize("block", OF["yaml"], ids=ids)
def test_a_recipe_is_valid(block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "my_module", my_module())
    fragment = tmp_path / "fragment.yaml"
    fragment.write_text(block.text, encoding="utf-8")
    translate = yaml.safe_load(block.text).get("translate") or {}
    own = ("translate.model=null", "translate.tokenizer=null") if "models" in translate else ()
    load_recipe(BASE_RECIPE, own, [fragment])


@pytest.mark.parametrize("block", OF["json"], ids=ids)
def test_json_can_be_read(block: Block) -> None:
    try:
        json.loads(block.text)
    except ValueError:
        for row in block.text.splitlines():  # JSON Lines
            json.loads(row)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mlc-data rnu quickstart", "rnu"),
        ("mlc-data run quickstart --sett a=1", "--sett"),
        ("mlc-data run", "missing"),
        ("mlc-data run quickstart more", "superfluous"),
        ("mlc-data run quickstart --set align.loss.temprature=1", "temprature"),
        ("mlc-data run quickstart && mlc-data sets", None),
        ("make qickstart", "qickstart"),
        ("pip install 'mlc-data[dat]'", "dat"),
        ("python benchmarks/none.py", "none.py"),
        ("python -m flows.none", "flows.none"),
        ("frobnicate", "frobnicate"),
        ("torchrun --nnodes 2 -m mlc_data aline runs/mine", "aline"),
    ],
)
def test_a_wrong_command_line_is_found(text: str, says: str | None) -> None:
    found = fault(line(text))
    assert found is None if says is None else says in str(found)


def test_a_block_is_found_with_its_line_and_words() -> None:
    (block,) = blocks_of("page", "text\n\n```bash run\nmlc-data run x\n```\n")
    assert (block.line, block.language, block.words, block.text) == (
        4,
        "bash",
        ("run",),
        "mlc-data run x",
    )


def test_a_block_that_is_not_closed_is_refused() -> None:
    with pytest.raises(ValueError, match="page:1"):
        list(blocks_of("page", "```bash run\nmlc-data run x\n"))


def test_lines_are_joined_and_commands_separated() -> None:
    block = Block(
        "page",
        1,
        "bash",
        (),
        "A=1 mlc-data run x \\\n  --quiet > log.txt && mlc-data cache stats  # look",
    )
    assert [one.arguments for one in command_lines(block)] == [
        ("mlc-data", "run", "x", "--quiet"),
        ("mlc-data", "cache", "stats"),
    ]
