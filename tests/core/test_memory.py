"""Batches that do not fit into memory are halved."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mlc_data.core.memory import in_halves, is_out_of_memory


def fits(most: int, error: Exception, sizes: list[int]) -> object:
    def work(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        if len(items) > most:
            raise error
        return [item * 2 for item in items]

    return work


ERRORS = [
    RuntimeError("CUDA failed with error out of memory"), MemoryError(), RuntimeError("std::bad_alloc"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory"),
]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=str)
def test_a_batch_is_halved_until_it_fits(error: Exception) -> None:
    sizes: list[int] = []
    assert in_halves(fits(2, error, sizes), range(7)) == [n * 2 for n in range(7)]  # type: ignore[arg-type]
    assert sizes == [7, 4, 2, 2, 3, 2, 1]


def test_one_that_fits_is_done_once() -> None:
    sizes: list[int] = []
    in_halves(fits(7, MemoryError(), sizes), range(7))  # type: ignore[arg-type]
    assert sizes == [7]


def test_a_single_item_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(MemoryError):
        in_halves(fits(0, MemoryError(), []), range(3))  # type: ignore[arg-type]


def test_another_error_passes() -> None:
    sizes: list[int] = []
    with pytest.raises(ValueError, match="other"):
        in_halves(fits(2, ValueError("other"), sizes), range(7))  # type: ignore[arg-type]
    assert sizes == [7]
    assert not is_out_of_memory(RuntimeError("index out of range"))
