"""cuBLAS 12 for CTranslate2: found, loaded, or reported before anything is translated."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from mlc_data.cli import doctor_devices
from mlc_data.errors import ModelError
from mlc_data.recipe.loading import load_recipe
from mlc_data.translate.engines import runtime, weights


@pytest.fixture(autouse=True)
def afresh() -> None:
    runtime.load_cublas.cache_clear()


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that were loaded; the loader's own path has none."""
    names: list[str] = []

    def load(name: str, mode: int = 0) -> None:
        if "/" not in name:
            raise OSError(f"{name}: cannot open shared object file")
        names.append(name)

    monkeypatch.setattr(ctypes, "CDLL", load)
    return names


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctranslate2

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(
        ctranslate2, "get_supported_compute_types", lambda device, index=0: {"float32", "float16"}
    )


def test_the_packaged_library_is_loaded_after_what_it_needs(
    loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "packaged_cublas", lambda: Path("/nvidia/lib"))
    assert runtime.load_cublas() == ""
    assert loaded == ["/nvidia/lib/libcublasLt.so.12", "/nvidia/lib/libcublas.so.12"]


def test_a_missing_library_is_reported_with_the_command(
    loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "packaged_cublas", lambda: None)
    assert "libcublas.so.12" in runtime.load_cublas()
    assert "[gpu]'" in runtime.load_cublas()


def test_another_ctranslate2_needs_none(loaded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_opens_cublas", lambda: False)
    monkeypatch.setattr(runtime, "packaged_cublas", lambda: None)
    assert runtime.load_cublas() == ""


def test_the_registrys_ctranslate2_opens_cublas_12() -> None:
    assert runtime._opens_cublas()


def test_a_model_is_not_loaded_on_a_gpu_without_it(
    one_gpu: None, loaded: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runtime, "packaged_cublas", lambda: None)
    device = weights.Device("cuda", (0,), "float16", 1, 1)
    with pytest.raises(ModelError, match=r"pip install .*\[gpu\]'"):
        weights.load(tmp_path, device)


def test_doctor_reports_it(
    one_gpu: None, loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "packaged_cublas", lambda: None)
    rows = {
        what: (value, good)
        for what, value, good in doctor_devices.devices(load_recipe("quickstart"))
    }
    assert not rows["CTranslate2"][1]
    assert "[gpu]'" in rows["CTranslate2"][0]


def test_doctor_translates_and_trains() -> None:
    rows = list(doctor_devices.devices(load_recipe("quickstart")))
    assert all(good for *_, good in rows), rows
