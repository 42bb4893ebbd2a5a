"""One line with the command for a module of an extra that is not installed; other errors stay."""

import json
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlc_data.core.extras import (
    EXTRAS,
    PURPOSES,
    MissingExtraError,
    explain_missing_extra,
    install_extra,
    missing_extra,
)

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)


@pytest.mark.parametrize(
    ("module", "extra"),
    [("torch", "align"), ("ctranslate2.converters", "data"), ("prefect.flows", "flows")],
)
def test_the_message_names_the_command(without: None, module: str, extra: str) -> None:
    error = missing_extra(ModuleNotFoundError(name=module))
    assert install_extra(extra) in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("written", "command"),
    [
        (None, "pip install 'mlc-data[ray]'"),
        (
            {"url": "file:///a%20b/c", "dir_info": {"editable": True}},
            "pip install -e '/a b/c[ray]'",
        ),
        ({"url": "file:///a/c", "dir_info": {}}, "pip install '/a/c[ray]'"),
        (
            {"url": "https://h/o/r.git", "vcs_info": {"vcs": "git", "commit_id": "1"}},
            "pip install 'mlc-data[ray] @ git+https://h/o/r.git'",
        ),
        (
            {"url": "https://h/mlc_data-1-py3-none-any.whl", "archive_info": {}},
            "pip install 'mlc-data[ray] @ https://h/mlc_data-1-py3-none-any.whl'",
        ),
    ],
)
def test_an_extra_is_installed_from_where_the_package_came_from(
    monkeypatch: pytest.MonkeyPatch, written: dict[str, object] | None, command: str
) -> None:
    text = None if written is None else json.dumps(written)
    found = SimpleNamespace(read_text=lambda name: text if name == "direct_url.json" else None)
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: found)
    assert install_extra("ray") == command


def test_without_a_record_of_the_installation_the_name_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.distribution", none)
    assert install_extra("ray") == "pip install 'mlc-data[ray]'"


def test_a_module_of_no_extra_keeps_its_error(without: None) -> None:
    with pytest.raises(ModuleNotFoundError, match="mine"), explain_missing_extra():
        raise ModuleNotFoundError("mine", name="mine")


def test_a_part_that_an_installed_module_lacks_keeps_its_error() -> None:
    assert missing_extra(ModuleNotFoundError(name="numpy.none")) is None
    assert missing_extra(ModuleNotFoundError(name="sacrebleu.none")) is None


def test_an_import_that_fails_within_another_is_explained(without: None) -> None:
    with pytest.raises(MissingExtraError, match="torch"), explain_missing_extra():
        raise ModuleNotFoundError(name="torch.nn")


def test_every_extra_that_is_named_exists() -> None:
    assert {*EXTRAS.values(), *PURPOSES} <= set(PROJECT["optional-dependencies"])


def test_every_module_comes_with_its_extra() -> None:
    providers = packages_distributions()
    for module, extra in EXTRAS.items():
        wanted = {name.lower().replace("_", "-") for name in providers.get(module, ())}
        listed = " ".join(PROJECT["optional-dependencies"][extra]).lower()
        brought = not wanted or any(name in listed for name in wanted)
        assert brought or module in ("dask", "distributed", "ray"), module
