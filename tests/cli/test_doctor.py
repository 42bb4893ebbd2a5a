"""Rows of `mlc-data doctor`: data sets and access on the Hub, memory, processes, a device without its library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from mlc_data.cli import doctor_hub
from mlc_data.cli.doctor_hub import hub_datasets
from mlc_data.cli.doctor_needs import needs
from mlc_data.cli.main import app
from mlc_data.recipe.loading import load_recipe
from mlc_data.translate.engines import runtime

Answer = Callable[..., Any]
GATED = "403 Client Error.\n\nAccess to dataset org/gated is restricted.\nVisit the page to ask for access."


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, Any]]:
    """Hub with `org/open`, and `org/gated` and `org/granted` behind a gate; questions are noted."""
    asked: list[tuple[str, Any, Any]] = []

    def info(_: Any, name: str, *, repo_type: str, revision: str | None, timeout: int) -> Any:
        asked.append((name, repo_type, revision))
        if name.startswith("org/none"):
            raise OSError("404 Client Error.\n\nRepository Not Found\nCheck the name, or log in.")
        return SimpleNamespace(gated=False if name == "org/open" else "auto")

    def check(_: Any, name: str, *, repo_type: str) -> None:
        if name == "org/gated":
            raise OSError(GATED)

    monkeypatch.setattr("huggingface_hub.HfApi.repo_info", info)
    monkeypatch.setattr("huggingface_hub.HfApi.auth_check", check)
    monkeypatch.setattr(doctor_hub, "_is_cached", lambda name: False)
    return asked


def rows_of(*settings: str) -> dict[str, tuple[str, bool]]:
    """Return the rows on data sets by their subject."""
    recipe = load_recipe("quickstart", settings)
    return {what: (found, good) for what, found, good in hub_datasets(recipe)}


def test_a_recipe_without_the_hub_asks_nothing(hub: list[Any]) -> None:
    assert rows_of() == {}
    assert hub == []


@pytest.mark.parametrize(
    ("name", "good", "said"),
    [
        ("org/open", True, "on the Hub"),
        ("org/granted", True, "gated, this token has access"),
        ("org/gated", False, "to ask for access"),
        ("org/none", False, "Check the name, or log in."),
    ],
)
def test_prompts_on_the_hub(hub: list[Any], name: str, good: bool, said: str) -> None:
    found = rows_of(f"sources.prompts={{hub: {name}, revision: v1, licence: MIT}}")["prompts"]
    assert found[1] == good
    assert said in found[0]
    assert hub == [(name, "dataset", "v1")]


def test_a_copy_on_this_machine_does(hub: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_hub, "_is_cached", lambda name: True)
    found, good = rows_of("sources.prompts={hub: org/none, licence: MIT}")["prompts"]
    assert good
    assert "in the local cache" in found


@pytest.mark.parametrize(
    ("name", "folder"),
    [("org/MultiJail", "org___multi_jail"), ("org/aya_redteaming", "org___aya_redteaming")],
)
def test_copies_are_where_datasets_keeps_them(
    name: str, folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    assert not doctor_hub._is_cached(name)
    (tmp_path / folder).mkdir()
    assert doctor_hub._is_cached(name)


def test_suites_are_looked_for_unless_there_is_a_copy(hub: list[Any], tmp_path: Path) -> None:
    copy = tmp_path / "MultiJail.csv"
    prompts = f"[{{suite: refuseu}}, {{suite: multijail, path: {copy}}}, {{hub: org/open}}]"
    rows = rows_of(f"evaluate.safety.prompts={prompts}")
    assert set(rows) == {"suite refuseu", "evaluation prompts"}
    assert [name for name, *_ in hub] == ["NASK-PIB/RefusEU", "org/open"]


def with_gpus(monkeypatch: pytest.MonkeyPatch, *sizes: float) -> None:
    """Pretend that there are GPUs with so many GB."""
    gpus = [SimpleNamespace(total_memory=size * 1e9, name=f"GPU of {size} GB") for size in sizes]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(gpus))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: gpus[index])


def needed(name: str, *settings: str) -> dict[str, tuple[str, bool]]:
    """Return the rows on memory and processes by their subject."""
    rows = needs(load_recipe(name, settings))
    return {what: (found, good) for what, found, good in rows}


@pytest.mark.parametrize(("sizes", "good"), [((80,), True), ((24,), False), ((80, 24), False)])
def test_the_smallest_gpu_has_to_hold_the_training(
    monkeypatch: pytest.MonkeyPatch, sizes: tuple[float, ...], good: bool
) -> None:
    with_gpus(monkeypatch, *sizes)
    found, fits = needed("recommended-qwen2.5-7b")["memory, training"]
    assert fits == good
    assert f"GPU of {min(sizes)} GB has {min(sizes):.1f} GB" in found


def test_without_a_gpu_the_machine_s_memory_counts() -> None:
    rows = needed("quickstart")
    assert rows["memory, training"][1]
    assert "which has no GPU" in rows["memory, training"][0]
    assert rows["training processes"] == ("1 on the CPU, sharding none", True)


def test_a_gpu_for_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, 80)
    found, good = needed("quickstart", "align.processes=8")["training processes"]
    assert not good
    assert "align.processes is 8, each on a GPU of its own, but 1 are visible" in found


def test_the_command_says_that_cublas_is_missing_on_a_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ctranslate2

    def absent(name: str, mode: int = 0) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    runtime.load_cublas.cache_clear()
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(
        ctranslate2, "get_supported_compute_types", lambda device, index=0: {"float32", "float16"}
    )
    monkeypatch.setattr("ctypes.CDLL", absent)
    monkeypatch.setattr(runtime, "packaged_cublas", lambda: None)
    monkeypatch.setattr("mlc_data.cli.doctor._training", lambda recipe: iter(()))
    done = CliRunner().invoke(app, ["doctor", "quickstart"], env={"COLUMNS": "200"})
    monkeypatch.undo()
    runtime.load_cublas.cache_clear()
    assert done.exit_code == 1
    said = " ".join(done.stdout.replace("│", " ").split())
    assert "libcublas.so.12" in said
    assert "[gpu]'" in said
