"""Where an answer may lead: its links must not go into the user's own network."""

import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from aiohttp.connector import AddrInfoType
from yarl import URL


class Forbidden(Exception):
    """A link would go to an address that it has no business with."""


UNICAST = ip_network("2000::/3")
"""Where IPv6 addresses of the whole internet are taken from (RFC 4291)."""
TRANSLATED = ip_network("64:ff9b::/96")
"""How an IPv4 address is written where there is only IPv6 (RFC 6052)."""


AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]
LookUp = Callable[[str, int], Awaitable[Sequence[AddrInfo]]]
"""The addresses of a name; raises `OSError`."""


@dataclass(slots=True)
class Guard:
    """Opens sockets to public addresses and to some inside; a literal address meets no resolver."""

    inside: Sequence[tuple[str, int]]
    """Hosts and ports that links may go to wherever they are."""
    look_up: LookUp
    known: set[tuple[str, int]] = field(default_factory=set)
    """Those of them whose addresses have been looked up."""
    allowed: set[tuple[str, int]] = field(default_factory=set)
    """Their addresses."""

    async def learn(self) -> None:
        """Look up what may be inside, before a download; what is not found is asked for the next time."""
        for host, port in self.inside:
            if (host, port) not in self.known:
                with suppress(OSError):
                    found = await self.look_up(host, port)
                    self.allowed |= {(str(info[4][0]), port) for info in found}
                    self.known.add((host, port))

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
    address = carried(ip_address(host))
    if isinstance(address, IPv6Address):
        return address.is_global and address in UNICAST
    return address.is_global and not address.is_multicast


def carried(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    translated = IPv4Address(int(address) & 0xFFFF_FFFF) if address in TRANSLATED else None
    return address.ipv4_mapped or address.sixtofour or translated or address


def own_places(url: str, downloads: Sequence[str]) -> list[tuple[str, int]]:
    """The endpoint itself and the `host:port`s that the manifest allows."""
    parts = URL(url)
    named = (entry.rpartition(":") for entry in downloads)
    return [(parts.host or "", parts.port or 0), *((host.strip("[]"), int(port)) for host, _, port in named)]
