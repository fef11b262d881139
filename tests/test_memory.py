import ctypes
import mmap
from pathlib import Path

import pytest

from runner import memory

BLOCK = 1 << 16
"""Small enough for the C library to keep it when it is free."""


def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) * 1024


def test_the_peak_stays_when_the_memory_is_gone():
    before = memory.peak()
    held = mmap.mmap(-1, before)
    held.write(b"x" * before)
    most = memory.peak()
    assert most >= before + before // 2
    held.close()
    assert memory.peak() >= most


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="only glibc keeps what is free")
def test_what_is_free_is_given_back():
    held = [bytearray(b"x" * BLOCK) for _ in range(1_000)]
    last = held.pop()
    held.clear()
    before = resident()
    memory.give_back()
    assert resident() <= before - 500 * BLOCK
    assert len(last) == BLOCK
