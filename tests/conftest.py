"""What tests of many modules stand on."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings
from runs import Desk

from runner.demo import Knobs, Provider, serve

settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("deep", max_examples=3_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
"""The same examples each time, and none fails for a machine that is busy; `deep` looks for new ones."""


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
