import os

import ctranslate2
import pytest

from mlc_data.errors import ModelError
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.engines.weights import Device, threads


@pytest.mark.parametrize(
    ("cores", "asked", "wanted"),
    [
        (1, (0, 0), (1, 1)),
        (2, (0, 0), (2, 1)),
        (16, (0, 0), (4, 4)),
        (16, (0, 2), (8, 2)),
        (16, (2, 0), (2, 8)),
        (16, (3, 1), (3, 1)),
    ],
)
def test_threads_are_chosen_from_the_cores_of_this_process(
    cores: int, asked: tuple[int, int], wanted: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert threads(*asked, "cpu") == wanted
    assert threads(0, 0, "cuda") == (1, 1)


@pytest.mark.parametrize(
    ("supported", "wanted"),
    [
        ([{"int8_float16", "bfloat16", "float32"}] * 2, "int8_float16"),
        ([{"int8_float16", "bfloat16", "float32"}, {"bfloat16", "float32"}], "bfloat16"),
        ([{"float32", "int8"}, {"float32"}], "float32"),
    ],
)
def test_several_gpus_get_the_type_that_all_of_them_support(
    supported: list[set[str]], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 2)
    monkeypatch.setattr(
        ctranslate2, "get_supported_compute_types", lambda device, index: supported[index]
    )
    device = Device.of(Translate(model="x", device_index=(0, 1)))
    assert (device.name, device.indices, device.compute_type) == ("cuda", (0, 1), wanted)
    with pytest.raises(ModelError, match="there are 2 CUDA devices"):
        Device.of(Translate(model="x", device_index=(0, 2)))


def test_auto_may_be_written_out() -> None:
    written = Translate.model_validate(
        {"model": "x", "inter_threads": "auto", "intra_threads": "auto"}
    )
    assert (written.inter_threads, written.intra_threads) == (0, 0)
    cpu = Device.of(Translate(model="x", device="cpu"))
    assert cpu.compute_type == "int8"
    assert cpu.inter_threads * cpu.intra_threads <= max(len(os.sched_getaffinity(0)), 1)
