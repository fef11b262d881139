"""What a run will need, looked at before there is one: nothing is sent, nothing but a probe is written."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from runner import checkup, database
from runner.checkup import Finding
from runner.compose.opening import opened
from runner.compose.secrets import values
from runner.compose.submission import outputs_folder
from runner.database import Database, QueueError, sqlite_version
from runner.files import Unwritable, directory
from runner.manifest import Manifest
from runner.mounts import filesystem_of
from runner.reach import reached
from runner.redaction import MissingVariable, Secrets
from runner.settings import Settings, environment
from runner.value import value

MOMENT_S = 0.05


@value
class Plans:
    """What is to be run, as far as a doctor asks."""

    settings: Settings
    manifest: str | None
    folder: Path


def examined(db: str, manifest: Manifest | None) -> Iterator[Finding]:
    """A finding for each check, as they come; without a manifest of the queue's newest batch, if any."""
    queue = database.named(db)
    yield checkup.sqlite(sqlite_version())
    yield from of_queue(queue)
    plans = newest(queue) if manifest is None else planned(manifest)
    if plans is not None:
        yield from of_folder("outputs", plans.folder)
        yield checkup.file_system(
            "outputs", str(plans.folder), filesystem_of(there(plans.folder)), local=False
        )
    yield of_clock()
    if plans is not None:
        yield from of_endpoints(plans)


def planned(manifest: Manifest) -> Plans:
    path = None if manifest.path is None else str(manifest.path)
    return Plans(settings=manifest.settings, manifest=path, folder=outputs_folder(manifest))


def newest(queue: Database) -> Plans | None:
    """Of a queue that can be read."""
    try:
        queue.look()
        with opened(queue) as store:
            row = store.batch()
    except QueueError:
        return None
    if row is None:
        return None
    settings = Settings.model_validate_json(row.settings)
    return Plans(settings=settings, manifest=row.path, folder=Path(row.folder))


def of_queue(queue: Database) -> Iterator[Finding]:
    path = queue.path
    if path is None:
        yield checkup.well("queue", "a server's")
        return
    yield checkup.file_system("queue", str(path), filesystem_of(there(path)), local=True)
    yield from of_folder("queue", path.parent.resolve())
    if os.path.lexists(path):
        yield sound(queue)
        yield checkup.privacy("queue", str(path), path.lstat().st_mode)
        if holder := queue.holder():
            yield checkup.well("queue", f"a runner works on it: {holder}")


def sound(queue: Database) -> Finding:
    try:
        queue.look()
        queue.examine()
    except QueueError as error:
        return checkup.ill("queue", "it cannot be used", str(error))
    return checkup.well("queue", f"{queue.path} is sound")


def of_folder(check: str, folder: Path) -> Iterator[Finding]:
    """Whether it, or where it will be made, can be written to, and how much."""
    place = there(folder)
    try:
        with directory(place if place == folder else place.resolve()) as opened_place:
            opened_place.probe()
    except Unwritable as error:
        yield checkup.ill(
            check, str(error), f"make it yours: chown, chmod u+rwx {place}; or name another folder"
        )
    else:
        yield checkup.well(check, f"{place} can be written to")
    disk = os.statvfs(place)
    yield checkup.space(check, str(place), disk.f_bavail * disk.f_frsize)


def there(path: Path) -> Path:
    """As much of a path as there is."""
    return next(step for step in (path, *path.parents) if step.exists())


def of_clock() -> Finding:
    wall, monotonic = time.time(), time.monotonic()
    time.sleep(MOMENT_S)
    return checkup.clock(
        datetime.now(UTC).year, wall_s=time.time() - wall, monotonic_s=time.monotonic() - monotonic
    )


def of_endpoints(plans: Plans) -> Iterator[Finding]:
    """Keys by name and last characters alone, then every endpoint, all at once."""
    secrets = Secrets(values(plans.manifest, plans.settings))
    for name in sorted(environment(plans.settings)):
        yield checkup.variable(name, hint(secrets, f"${{{name}}}"))
    remote = {name: each.url for name, each in plans.settings.endpoints.items() if not each.is_demo}
    with ThreadPoolExecutor(max(len(remote), 1)) as connecting:
        yield from connecting.map(lambda named: knocked(secrets, *named), remote.items())


def hint(secrets: Secrets, reference: str) -> str | None:
    try:
        return secrets.hint(reference)
    except MissingVariable:
        return None


def knocked(secrets: Secrets, name: str, url: str) -> Finding:
    try:
        found = reached(name, secrets.resolve(url))
    except MissingVariable as missing:
        return checkup.ill("endpoint", f"{name}: its URL is not known", str(missing))
    return replace(found, found=secrets.redact(found.found))
