"""Where a download may go: an answer's link must not lead into the user's own network."""

import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from aiohttp.connector import AddrInfoType
from yarl import URL


class Forbidden(Exception):
    """A download would go to an address that it has no business with."""


AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]
LookUp = Callable[[str, int], Awaitable[Sequence[AddrInfo]]]
"""The addresses of a name; raises `OSError`."""


@dataclass(slots=True)
class Guard:
    """Opens sockets to public addresses and to some inside; a literal address meets no resolver."""

    inside: Sequence[tuple[str, int]]
    """Hosts and ports that downloads may go to wherever they are."""
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
    address = ip_address(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_global and not mapped.is_multicast)


def own_places(url: str, downloads: Sequence[str]) -> list[tuple[str, int]]:
    """The endpoint itself and the `host:port`s that the manifest allows."""
    parts = URL(url)
    named = (entry.rpartition(":") for entry in downloads)
    return [(parts.host or "", parts.port or 0), *((host.strip("[]"), int(port)) for host, _, port in named)]
