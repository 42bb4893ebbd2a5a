"""The class of the machine, from the text of /proc/cpuinfo."""

from __future__ import annotations

import platform

import pytest

from mlc_data.core.machine import describe, machine_class

INTEL = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu sse4_1 avx avx2 {}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (INTEL.format("avx512f avx512_vnni"), ["GenuineIntel", "AVX512-VNNI"]),
        (INTEL.format("avx512f"), ["GenuineIntel", "AVX512"]),
        (INTEL.format(""), ["GenuineIntel", "AVX2"]),
        ("CPU implementer\t: 0x41\nFeatures\t: fp asimd evtstrm\n", ["0x41", "NEON"]),
        ("", []),
    ],
)
def test_maker_and_instruction_set(text: str, words: list[str]) -> None:
    assert describe(text) == words


def test_another_instruction_set_that_is_forced_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CT2_FORCE_CPU_ISA", "GENERIC")
    machine_class.cache_clear()
    named = machine_class()
    machine_class.cache_clear()
    assert named.startswith(platform.machine())
    assert "CT2_FORCE_CPU_ISA=GENERIC" in named
