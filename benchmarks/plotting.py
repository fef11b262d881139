"""The bars of `docs/performance.png`, drawn by a script in an environment of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.rivals import environment
from benchmarks.tables import PAGE

PICTURE = PAGE.with_suffix(".png")
DRAWING = Path(__file__).with_name("drawing.py")


def plot(bars: Mapping[str, float]) -> None:
    """Where there is something to draw, and something to draw with."""
    if not bars:
        return
    try:
        command = [environment("plot"), DRAWING, PICTURE]
        subprocess.run(command, input=json.dumps(bars), text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"no plot: {error}\n")
