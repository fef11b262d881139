"""What tests of many modules stand on."""

import asyncio
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from nursery import forget
from runs import Desk

from runner.demo import Knobs, Provider, serve

settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("deep", max_examples=3_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
"""The same examples each time, and none fails for a machine that is busy; `deep` looks for new ones."""


@pytest.fixture(scope="session", autouse=True)
def nursery() -> Iterator[None]:
    """What processes are forked from ends with the tests."""
    yield
    forget()


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


@pytest.fixture
async def self_signed(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a server whose certificate nobody vouches for."""
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    )
    await asyncio.to_thread(subprocess.run, command.split(), cwd=tmp_path, check=True, capture_output=True)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=secure)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
