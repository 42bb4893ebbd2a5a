"""Classes that a recipe names: found, refused, and created."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Protocol

import pytest

from mlc_data.core import plugins
from mlc_data.core.plugins import CHECKS, create_plugin, is_plugin, load_plugin
from mlc_data.errors import UsageError

MODULE = """
class Echo:
    def __init__(self, *arguments):
        self.arguments = arguments
    def say(self, text):
        return text
class Silent:
    pass
number = 3
"""


class Speaker(Protocol):
    name: str

    def say(self, text: str) -> str: ...


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module in the working directory, which is not on `sys.path`."""
    (tmp_path / "plugin_module.py").write_text(MODULE)
    (tmp_path / "broken_module.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "plugin_module"
    sys.modules.pop("plugin_module", None)


def test_a_module_in_the_working_directory(module: str) -> None:
    created = create_plugin(f"{module}:Echo", CHECKS, "key", Speaker, 1, 2)
    assert created.arguments == (1, 2)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_module:Echo", "key: no_such_module:Echo cannot be imported: ModuleNotFoundError"),
        ("plugin_module:Ecko", "cannot be imported: AttributeError: .* 'Ecko'"),
        ("broken_module:Echo", "cannot be imported: ZeroDivisionError: division by zero"),
        ("plugin_module:Silent", "Silent is not a Speaker: it has no method say"),
        ("plugin_module:number", "number is not a Speaker: it is not a class"),
        ("nothing", r"no installed package offers 'nothing' .*write module:Class"),
    ],
)
def test_refused(module: str, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_plugin(name, CHECKS, "key", Speaker)


def test_a_class_has_to_derive_from_a_base_class(module: str) -> None:
    with pytest.raises(UsageError, match="Echo is not a int: it does not derive from int"):
        load_plugin(f"{module}:Echo", CHECKS, "key", int)


def test_an_entry_point(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints([EntryPoint("echo", f"{module}:Echo", CHECKS)])
    monkeypatch.setattr(plugins, "entry_points", points.select)
    assert load_plugin("echo", CHECKS, "key", Speaker).__name__ == "Echo"
    assert is_plugin("echo", CHECKS)
    assert not is_plugin("ecko", CHECKS)


@pytest.mark.parametrize("name", ["package://a/b.ftz", "a/b", "lid.176.ftz", "C:\\models\\lid.bin"])
def test_locations_are_not_plugins(name: str) -> None:
    assert not is_plugin(name, CHECKS)
