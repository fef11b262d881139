"""Where a download may go: an answer's link must not lead into the user's own network."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp.connector import AddrInfoType
from yarl import URL


class Forbidden(Exception):
    """A download would go to an address that it has no business with."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Opens sockets to public addresses and to those it was told of; a literal address meets no resolver."""

    allowed: frozenset[tuple[str, int]]

    def open(self, info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        host, port = str(address[0]), int(address[1])
        if (host, port) not in self.allowed and not is_public(host):
            raise Forbidden(
                f"{host}:{port} is not a public address; name it under `downloads` if it is meant"
            )
        return socket.socket(family, kind, protocol)


def is_public(host: str) -> bool:
    """Whether an address is global unicast, an IPv4 one inside IPv6 looked at as itself."""
    address = ip_address(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_global and not mapped.is_multicast)


def own_addresses(url: str, downloads: Sequence[str]) -> frozenset[tuple[str, int]]:
    """The addresses of the endpoint itself and of `host:port`s that the manifest allows, resolved."""
    parts = URL(url)
    named = [(parts.host or "", parts.port or 0)]
    named += [
        (host.strip("[]"), int(port)) for host, _, port in (entry.rpartition(":") for entry in downloads)
    ]
    found = set()
    for host, port in named:
        with suppress(OSError):
            found |= {
                (str(info[4][0]), port) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            }
    return frozenset(found)
