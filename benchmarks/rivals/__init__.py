"""What a user would pick instead: each in a virtual environment of its own, with its durable option on."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Figure, measured
from benchmarks.stock import BENCH

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A package, pinned in `NAME.txt`, and the script that sends jobs with it, `with_NAME.py`."""

    name: str
    words: str
    keeps: str
    """What of its work outlives the process."""
    jobs: int
    """In a large run: as many as take a few seconds."""

    @property
    def script(self) -> Path:
        return HERE / f"with_{self.name.replace('-', '_')}.py"

    def do(self, url: str, jobs: int, concurrency: int, folder: Path) -> Figure:
        folder.mkdir()
        command = [environment(self.name), self.script, url, str(jobs), str(concurrency), folder]
        return measured(command, folder)


RIVALS = (
    Rival(name="async-batch-llm", words="async-batch-llm, SQLite checkpoints", keeps="yes", jobs=1_500),
    Rival(name="datatrove", words="datatrove, checkpoints", keeps="yes", jobs=1_200),
    Rival(name="curator", words="bespokelabs-curator", keeps="yes", jobs=800),
    Rival(name="openai", words="openai SDK, semaphore", keeps="no", jobs=800),
    Rival(name="litellm", words="litellm, semaphore", keeps="no", jobs=600),
)


def environment(name: str) -> Path:
    """The Python of a virtual environment, made when it is first asked for."""
    folder = BENCH / name
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", HERE / f"{name}.txt"], check=True)
        (folder / "installed").touch()
    return python


def usable() -> Iterator[tuple[Rival, str | None]]:
    """Each, and why it cannot be had where it cannot."""
    for rival in RIVALS:
        try:
            environment(rival.name)
        except (OSError, subprocess.CalledProcessError) as error:
            yield rival, str(error)
        else:
            yield rival, None
