"""`runner demo`: the embedded provider, to try a manifest on."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.speaking import say, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.demo import Knobs, Mix, Provider

Port = Annotated[
    int, typer.Option(min=0, max=65535, metavar="PORT", help="Port on 127.0.0.1; 0: a free one.")
]
Latency = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long an answer takes.")]
Faults = Annotated[
    str,
    typer.Option(
        "--fault",
        metavar="NAME:CHANCE,…",
        show_default=False,
        help="What goes wrong how often, such as 429:0.05,500:0.1,reset:0.01; the names are above.",
    ),
]
Seed = Annotated[
    int, typer.Option(metavar="N", help="Of the chances: the same one, the same fate of the n-th request.")
]
PerMinute = Annotated[int | None, typer.Option(min=1, metavar="N", help="More a minute are answered 429.")]
PerDay = Annotated[int | None, typer.Option(min=1, metavar="N", help="More a day are answered 429.")]
Concurrency = Annotated[int | None, typer.Option(min=1, metavar="N", help="More at once are answered 429.")]
Quiet = Annotated[bool, typer.Option("--no-headers", help="Tell nothing of the limits in headers.")]
Credit = Annotated[int | None, typer.Option(min=0, metavar="N", help="Requests until the answer is 402.")]


def demo(
    *,
    port: Port = 0,
    latency: Latency = 0.3,
    faults: Faults = "",
    seed: Seed = 0,
    requests_per_minute: PerMinute = None,
    requests_per_day: PerDay = None,
    concurrency: Concurrency = None,
    no_headers: Quiet = False,
    credit: Credit = None,
) -> None:
    """Serve the embedded provider on loopback until Ctrl-C.

    A fault of --fault is an HTTP status, such as 429 or 503, or one of: close, reset, unread (the connection
    ends: after the work, by a reset, before the work); cut, cut-chunked, cut-close (inside the body); hang,
    stall, drip, slow (no headers, half a body, a byte at a time, 5 s late); html, empty, nan, latin, deep,
    huge (no JSON to use); error, none (status 200 with an error, without outputs); base64, noimage, torn (no
    whole picture); black, flat, small, same, length, blank (not what a job may expect); early (a stream
    without its end); bomb (400 MB in a small gzip); broken (no HTTP).
    """
    from runner.demo import Knobs

    knobs = Knobs(
        latency_s=latency,
        faults=mix(faults),
        seed=seed,
        requests_per_minute=requests_per_minute,
        requests_per_day=requests_per_day,
        concurrency=concurrency,
        tells_limits=not no_headers,
        credit=credit,
    )
    import anyio

    anyio.run(serve, knobs, port, backend_options={"use_uvloop": sys.platform != "win32"})


def mix(text: str) -> "Mix":
    from runner.demo import BadFaults, parse_faults

    try:
        return parse_faults(text)
    except BadFaults as error:
        raise typer.BadParameter(str(error), param_hint="'--fault'") from None


async def serve(knobs: "Knobs", port: int) -> None:
    """Until somebody ends it: then say what it was asked for."""
    import anyio

    from runner.demo import serve as serving

    async with serving(knobs, port=port) as provider:
        tell([provider.url])
        say("serving every dialect; Ctrl-C ends it")
        try:
            await anyio.sleep_forever()
        finally:
            for line in account(provider):
                say(line)


def account(provider: "Provider") -> "Iterator[str]":
    """What a provider was asked for, and how that went."""
    yield f"requests: {provider.sent:,}, of them paid for: {provider.billed:,}"
    for what, counts in (
        ("answers by status (499: none)", provider.answered),
        ("faults", provider.mishaps),
    ):
        told = ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))
        if told:
            yield f"{what}: {told}"
