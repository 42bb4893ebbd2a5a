"""Batches that do not fit into memory: halved and tried again, down to a single item."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

log = logging.getLogger(__name__)

# Messages of CTranslate2, torch on CUDA, torch on a CPU, and the C++ library.
_WORDS = ("out of memory", "can't allocate memory", "bad_alloc", "bad allocation")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory, of the device or of the machine, did not suffice."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _WORDS)
    )


def in_halves(
    work: Callable[[Sequence[_Item]], Sequence[_Result]], items: Sequence[_Item]
) -> list[_Result]:
    """Return the result of each item; a batch that does not fit into memory is done in halves.

    Args:
        work: returns the results of a batch, in order.
        items: the batch.

    Raises:
        Exception: any other error of ``work``, or that a single item does not fit.
    """
    try:
        return list(work(items))
    except Exception as error:
        if len(items) < 2 or not is_out_of_memory(error):
            raise
        log.warning("a batch of %d does not fit into memory: it is halved", len(items))
    # Outside of the handler, whose traceback would keep the failed batch in memory.
    _free_cached()
    middle = (len(items) + 1) // 2
    return [*in_halves(work, items[:middle]), *in_halves(work, items[middle:])]


def _free_cached() -> None:
    """Let torch give back what it keeps on a GPU; it is not imported for that."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
