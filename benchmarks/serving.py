"""The mock provider, for as long as a measurement lasts."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the provider saw since it was last asked."""

    requests: int
    first_s: float
    """When the first came, by the monotonic clock of all processes; 0 where none did."""
    cpu_s: float
    """What the provider has taken since its start."""


@dataclass(frozen=True, slots=True)
class Served:
    """The provider, at work on its own core."""

    port: int
    asking: IO[str]
    telling: IO[str]

    def url(self, latency_ms: int = 0) -> str:
        return f"http://127.0.0.1:{self.port}/{latency_ms}/v1"

    def told(self) -> Told:
        self.asking.write("\n")
        self.asking.flush()
        requests, first_s, cpu_s = self.telling.readline().split()
        return Told(requests=int(requests), first_s=float(first_s), cpu_s=float(cpu_s))


@contextmanager
def serving(core: int) -> Iterator[Served]:
    command = [sys.executable, "-m", "benchmarks.provider", str(core)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Served(int(process.stdout.readline()), process.stdin, process.stdout)
        process.stdin.close()
