"""What tests of many modules stand on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from runs import Desk

from runner.demo import Knobs, Provider, serve


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider on loopback without latency, which keeps what it sees and counts what it is paid for."""
    async with serve(Knobs(latency_s=0, record=True)) as running:
        yield running


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A folder to work in; what was started there and still runs ends with the test."""
    async with Desk.at(tmp_path) as desk:
        yield desk
