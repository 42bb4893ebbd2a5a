"""Class of the machine: machines of one class give the same translations with the same model.

Quantised matrix products (int8) round differently with other instruction sets, and GPUs differ from processors.
"""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
_GPUS = Path("/proc/driver/nvidia/gpus")
_SETS = (
    ("AVX512-VNNI", {"avx512f", "avx512_vnni"}),
    ("AVX512", {"avx512f"}),
    ("AVX2", {"avx2"}),
    ("AVX", {"avx"}),
    ("SVE", {"sve"}),
    ("NEON", {"asimd"}),
)
"""Instruction sets that decide how CTranslate2's libraries compute, the widest first, with their flags in Linux."""


@lru_cache(maxsize=1)
def machine_class() -> str:
    """Return architecture, maker of the processor, instruction set and GPUs: ``x86_64 GenuineIntel AVX512-VNNI``.

    ``CT2_FORCE_CPU_ISA``, which makes CTranslate2 use another instruction set, is named too. Outside of Linux only
    the architecture is known.
    """
    text = _CPU_INFO.read_text(encoding="utf-8", errors="replace") if _CPU_INFO.is_file() else ""
    words = [platform.machine() or "unknown", *describe(text)]
    if forced := os.environ.get("CT2_FORCE_CPU_ISA"):
        words.append(f"CT2_FORCE_CPU_ISA={forced}")
    return " ".join([*words, *_gpus()])


def describe(cpu_info: str) -> list[str]:
    """Return the maker and the widest instruction set in the text of ``/proc/cpuinfo``, as far as it names them."""
    fields = {
        name.strip(): value.strip()
        for name, sign, value in (line.partition(":") for line in cpu_info.splitlines())
        if sign
    }
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    widest = next((name for name, needed in _SETS if needed <= flags), "")
    maker = fields.get("vendor_id") or fields.get("CPU implementer") or ""
    return [word for word in (maker, widest) if word]


def _gpus() -> list[str]:
    models = []
    for file in sorted(_GPUS.glob("*/information")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            name, sign, value = line.partition(":")
            if sign and name.strip() == "Model":
                models.append(value.strip())
    return sorted(set(models))
