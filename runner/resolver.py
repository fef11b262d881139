"""Names become addresses in threads of their own: one that hangs delays nobody, nor the end."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

Found = list[tuple[int, int, int, str, tuple[Any, ...]]]
"""What `socket.getaddrinfo` returns."""
PATIENCE_S = 15.0
"""How long a name may take: as long as a connection."""


class Resolver(AbstractResolver):
    """The system's resolver, as aiohttp asks for it."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises `OSError` for a name that is not found."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in await looked_up(host, port, family)
        ]

    async def close(self) -> None:
        """There is nothing to close: threads end with their look-ups, or with the program."""


async def looked_up(
    host: str, port: int, family: int = socket.AF_UNSPEC, *, patience_s: float = PATIENCE_S
) -> Found:
    """The addresses of a name; raises `OSError` where there are none, or none come in time."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Found] = loop.create_future()

    def tell(act: Callable[[Any], None], result: Any) -> None:
        if not found.done():
            act(result)

    def look_up() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            try:
                infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            except (OSError, UnicodeError) as error:
                loop.call_soon_threadsafe(tell, found.set_exception, unfound(host, error))
            else:
                loop.call_soon_threadsafe(tell, found.set_result, infos)

    Thread(target=look_up, name="resolver", daemon=True).start()
    try:
        async with asyncio.timeout(patience_s):
            return await found
    except TimeoutError:
        raise socket.gaierror(socket.EAI_AGAIN, f"{host} was not looked up in {patience_s:g} s") from None


def unfound(host: str, error: OSError | UnicodeError) -> OSError:
    """The error as one of names; what is no name at all (a label of 64 letters) is none that exists."""
    return error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, f"{host} is no name")
