"""Names are looked up beside everything else."""

import socket

import pytest

from runner.resolver import Resolver, looked_up


async def test_a_name_is_found_with_the_port_that_was_asked_for():
    found = await Resolver().resolve("localhost", 8080, socket.AF_INET)
    assert {(each["host"], each["port"]) for each in found} == {("127.0.0.1", 8080)}


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 64 + ".com"])
async def test_n1_a_name_that_is_none_is_an_error_of_the_system(name):
    with pytest.raises(socket.gaierror):
        await looked_up(name, 80)
