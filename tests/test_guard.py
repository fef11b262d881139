"""Which addresses an answer's links may lead to."""

import socket

import pytest

from runner.guard import Forbidden, Guard, is_public, own_places

INSIDE = (
    "127.0.0.1",
    "::1",
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "fd00::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::127.0.0.1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
)
OUTSIDE = ("8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::", "2606:4700::1")


@pytest.mark.parametrize("host", INSIDE)
def test_x4_an_address_of_the_users_own_network_is_not_public(host):
    assert not is_public(host)


@pytest.mark.parametrize("host", OUTSIDE)
def test_x4_an_address_of_the_internet_is_public_however_it_is_written(host):
    assert is_public(host)


def info(host, port):
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))


async def test_x4_what_a_name_meant_when_it_was_checked_does_not_open_the_door():
    """Rebinding: a name may be public when asked first and inside when the socket is made."""
    answers = [[info("8.8.8.8", 80)], [info("127.0.0.1", 80)]]

    async def look_up(_host, _port):
        return answers.pop(0)

    guard = Guard(own_places("http://api.example.com:80", []), look_up)
    await guard.learn()
    with pytest.raises(Forbidden, match=r"127\.0\.0\.1:80 is not a public address"):
        guard.open(info("127.0.0.1", 80))


async def test_x4_the_endpoints_own_address_is_open_at_its_own_port_alone():
    async def look_up(host, port):
        return [info(host, port)]

    guard = Guard(own_places("http://127.0.0.1:8000", ["10.0.0.9:9000"]), look_up)
    await guard.learn()
    for allowed in (info("127.0.0.1", 8000), info("10.0.0.9", 9000)):
        guard.open(allowed).close()
    for refused in (info("127.0.0.1", 8001), info("10.0.0.9", 8000), info("10.0.0.8", 9000)):
        with pytest.raises(Forbidden):
            guard.open(refused)
