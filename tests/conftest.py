"""What tests of many modules stand on."""

from collections.abc import AsyncIterator

import pytest

from runner.demo import Knobs, Provider, serve


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider on loopback without latency, which keeps what it sees and counts what it is paid for."""
    async with serve(Knobs(latency_s=0, record=True)) as running:
        yield running
