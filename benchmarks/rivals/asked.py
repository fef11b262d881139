"""What every rival is asked, by `python SCRIPT URL JOBS CONCURRENCY FOLDER`: the same prompts and bodies."""

import sys
from collections.abc import Iterator
from pathlib import Path

URL = sys.argv[1]
JOBS, CONCURRENCY = int(sys.argv[2]), int(sys.argv[3])
FOLDER = Path(sys.argv[4])
KEY = "bench"
HEADERS = {"Authorization": f"Bearer {KEY}"}


def prompt(number: int) -> str:
    return f"scene {number}: {'x' * 180}"


def prompts() -> Iterator[str]:
    return map(prompt, range(JOBS))


def messages(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def body(text: str) -> dict[str, object]:
    return {"model": "bench", "messages": messages(text)}
