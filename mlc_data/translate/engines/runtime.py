"""CTranslate2's module, with the CUDA library that it opens by name."""

from __future__ import annotations

import ctypes
import logging
import mmap
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlc_data.core.extras import install_extra

log = logging.getLogger(__name__)

CUBLAS = "libcublas.so.12"
"""Name under which CTranslate2 opens cuBLAS. Wheels of torch for CUDA 13 bring libcublas.so.13 only."""

_PARTS = ("libcublasLt.so.12", CUBLAS)  # the second needs the first


def ctranslate2() -> Any:
    """Return the module ``ctranslate2``; on a machine with a GPU, cuBLAS 12 is loaded if it is anywhere."""
    import ctranslate2 as module

    if module.get_cuda_device_count():
        load_cublas()
    return module


@cache
def load_cublas() -> str:
    """Load cuBLAS 12 into this process, once: from the loader's path, else from nvidia-cublas-cu12.

    A library that is loaded is found by its name whichever folder it is in, so CTranslate2 uses it without
    LD_LIBRARY_PATH.

    Returns:
        The reason why it could not be loaded; empty if it is loaded, or if this CTranslate2 does not open it
        (built by the user for another CUDA, or not for Linux).
    """
    if not sys.platform.startswith("linux") or not _opens_cublas():
        return ""
    try:
        ctypes.CDLL(CUBLAS, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        log.debug("%s is not on the loader's path", CUBLAS)
    else:
        return ""
    folder = packaged_cublas()
    if folder is None:
        return (
            f"CTranslate2 needs {CUBLAS} on a GPU, which is not installed: {install_extra('gpu')}"
        )
    try:
        for name in _PARTS:
            ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return f"CTranslate2 needs {CUBLAS} on a GPU, and that of {folder} cannot be loaded ({error}): {install_extra('gpu')}"
    return ""


def _opens_cublas() -> bool:
    """Return whether the installed CTranslate2 names cuBLAS 12 in its libraries."""
    spec = find_spec("ctranslate2")
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    # Wheels have their libraries in a folder next to the package.
    folders = [
        folder for place in places for folder in (place, place.with_name("ctranslate2.libs"))
    ]
    return any(
        _names_cublas(file) for folder in folders for file in folder.glob("*ctranslate2*.so*")
    )


def _names_cublas(file: Path) -> bool:
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(CUBLAS.encode()) >= 0


def packaged_cublas() -> Path | None:
    """Return the folder of the package nvidia-cublas-cu12 that has the library; None if there is none."""
    try:
        spec = find_spec("nvidia.cublas")
    except ModuleNotFoundError:  # no package of NVIDIA at all
        return None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "lib"
        if (folder / CUBLAS).is_file():
            return folder
    return None
