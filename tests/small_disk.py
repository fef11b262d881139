"""A disk of a few megabytes, which can be made larger, where the tests may mount one."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest


def mounted(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def small_disk(folder: Path, size: str = "4m"):
    """A folder on a disk of its own; skips the test where none can be mounted."""
    folder.mkdir(exist_ok=True)
    if not mounted(folder, f"size={size}"):
        pytest.skip("a small disk needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def grow(folder: Path, size: str) -> None:
    assert mounted(folder, f"remount,size={size}")
