"""Names are looked up beside everything else."""

import asyncio
import shutil
import socket
import subprocess
import sys

import pytest

from runner.resolver import Resolver, looked_up


async def test_a_name_is_found_with_the_port_that_was_asked_for():
    found = await Resolver().resolve("localhost", 8080, socket.AF_INET)
    assert {(each["host"], each["port"]) for each in found} == {("127.0.0.1", 8080)}


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 64 + ".com"])
async def test_n1_a_name_that_is_none_is_an_error_of_the_system(name):
    with pytest.raises(socket.gaierror):
        await looked_up(name, 80)


SILENT = """
import asyncio, sys, threading
from runner.resolver import looked_up
async def look_up():
    hanging = [looked_up(f"name-{number}.example.com", 80, patience_s=0.3) for number in range(40)]
    found, *errors = await asyncio.gather(asyncio.to_thread(int), *hanging, return_exceptions=True)
    print(found, min(map(str, errors)))
asyncio.run(look_up())
"""


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0,
    reason="a resolver of its own needs a mount namespace",
)
async def test_n1_names_that_hang_take_no_thread_from_others_and_end_in_time(tmp_path):
    (tmp_path / "resolv.conf").write_text("options timeout:30\nnameserver 127.0.0.78\n")
    mount = 'mount --bind resolv.conf /etc/resolv.conf && exec "$@"'
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.78", 53))
        process = await asyncio.create_subprocess_exec(
            *("unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", SILENT),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert out.decode() == "0 [Errno -3] name-0.example.com was not looked up in 0.3 s\n"
