"""Word of a run's end, by the ways that its manifest names. What cannot be sent fails nothing."""

import asyncio
import base64
import hmac
import os
import time
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from anyio import to_thread
from tenacity import AsyncRetrying, RetryError, retry_if_exception_type, stop_after_attempt, wait_exponential
from tenacity.wait import wait_base

from runner.compose.secrets import values
from runner.notice import Event, Notice
from runner.redaction import MissingVariable, Secrets, read_environment
from runner.settings import Settings
from runner.value import value

TRIES = 4
PATIENCE_S = 20.0
"""For one try of a webhook, and for a command."""
WAIT = wait_exponential(multiplier=1, max=30)
STANDARD = "whsec_"
"""What a secret of Standard Webhooks begins with; the rest is base64."""
PERHAPS_LATER = frozenset({408, 425, 429})


class Unsent(Exception):
    """A way that leads nowhere; the text says why."""


class Unheard(Exception):
    """It may be heard when it is said again."""


@value
class Message:
    """What there is to tell."""

    events: frozenset[Event]
    title: str
    text: str
    document: Mapping[str, Any]
    """For programs: JSON."""

    def body(self) -> bytes:
        return orjson.dumps(
            {"events": sorted(self.events), "title": self.title, "text": self.text, **self.document}
        )


async def tell(
    manifest: str | None, settings: Settings, message: Message, *, wait: wait_base = WAIT
) -> list[str]:
    """Use every way that is meant for one of the events; what went wrong, in words that hold no secret."""
    secrets = Secrets(values(manifest, settings))
    folder = Path.cwd() if manifest is None else Path(manifest).parent
    wanted = [notice for notice in settings.notify if message.events & set(notice.on)]
    tellings = (told(notice, message, secrets, folder, wait) for notice in wanted)
    return [words for words in await asyncio.gather(*tellings) if words is not None]


async def told(
    notice: Notice, message: Message, secrets: Secrets, folder: Path, wait: wait_base
) -> str | None:
    """None where it was; else why not."""
    try:
        match notice:
            case Notice(webhook=str(address)):
                await post(secrets.resolve(address), notice, message, secrets, wait)
            case Notice(apprise=str(address)):
                await to_thread.run_sync(apprised, secrets.resolve(address), message)
            case Notice(command=str(command)):
                await commanded(command, message, folder)
    except (Unsent, MissingVariable) as error:
        return secrets.redact(f"notify: {notice.way}: {error}")
    return None


async def post(address: str, notice: Notice, message: Message, secrets: Secrets, wait: wait_base) -> None:
    """By POST, again where it may be heard then; the same id each time."""
    body, name = message.body(), f"msg_{uuid.uuid4().hex}"
    key = None if notice.secret is None else key_of(secrets.resolve(notice.secret))
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    trying = AsyncRetrying(stop=stop_after_attempt(TRIES), wait=wait, retry=retry_if_exception_type(Unheard))
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async for attempt in trying:
                with attempt:
                    await sent(session, address, body, headers(name, body, key, int(time.time())))
    except RetryError as error:
        raise Unsent(f"{error.last_attempt.exception()}, {TRIES} times") from error


async def sent(session: aiohttp.ClientSession, address: str, body: bytes, carried: Mapping[str, str]) -> None:
    try:
        async with session.post(address, data=body, headers=carried, allow_redirects=False) as answer:
            status = answer.status
    except aiohttp.InvalidURL as error:
        raise Unsent("no address to send to") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unheard(f"not reached ({type(error).__name__})") from error
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in PERHAPS_LATER:
        raise Unheard(f"answered {status}")
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise Unsent(f"answered {status}")


def headers(name: str, body: bytes, key: bytes | None, at: int) -> dict[str, str]:
    """Those of Standard Webhooks: id, time (seconds since the epoch), a signature over these and the body."""
    carried = {"Content-Type": "application/json", "webhook-id": name, "webhook-timestamp": str(at)}
    if key is not None:
        signed = hmac.digest(key, f"{name}.{at}.".encode() + body, "sha256")
        carried["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
    return carried


def key_of(secret: str) -> bytes:
    if not secret.startswith(STANDARD):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(STANDARD), validate=True)
    except ValueError:
        raise Unsent("its secret begins with whsec_, and the rest is not base64") from None


def apprised(address: str, message: Message) -> None:
    try:
        import apprise
    except ImportError:
        raise Unsent("it needs a library more: pip install 'runner[notify]'") from None
    ways = apprise.Apprise()
    if not ways.add(address):
        raise Unsent("this is no URL that Apprise knows")
    try:
        is_sent = ways.notify(title=message.title, body=message.text)
    except Exception as error:
        raise Unsent(f"Apprise failed ({type(error).__name__})") from error
    if not is_sent:
        raise Unsent("Apprise could not send it")


async def commanded(command: str, message: Message, folder: Path) -> None:
    """Its variables are the shell's to fill in: no secret stands on a command line."""
    process = await asyncio.create_subprocess_shell(
        command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env={
            **read_environment(folder, os.environ),
            "RUNNER_TITLE": message.title,
            "RUNNER_TEXT": message.text,
        },
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            await process.communicate(message.body())
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Unsent(f"it took longer than {PATIENCE_S:.0f} s, and was ended") from None
    if process.returncode:
        raise Unsent(f"exit status {process.returncode}")
