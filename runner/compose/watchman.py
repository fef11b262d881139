"""Beside a run: see that the queue's file is still the one that is written to, and that there is room."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio import to_thread

from runner.engine.lane import Lane
from runner.engine.stop import Stop
from runner.files import Unwritable
from runner.reason import Reason
from runner.reserve import Reserve

EVERY_S = 0.5

Identity = tuple[int, int]


def identity(path: Path) -> Identity | None:
    """What tells a file from another of its name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@dataclass(slots=True, kw_only=True)
class Watchman:
    """Looks at the disk twice a second; it asks nothing of the queue, which may be locked."""

    path: Path | None
    """The queue's, where it is a file."""
    folder: Path
    """Where the outputs go."""
    reserve: Reserve
    stop: Stop
    say: Callable[[str], None]
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    jobs: int
    """All that the batch has."""
    is_replaced: bool = False
    """Whether others have taken away the queue's file, or put one in its place."""
    is_gone: bool = False
    """Whether others have taken away the folder of the outputs."""
    _folder: Identity | None = None
    _before: dict[Path, Identity | None] = field(default_factory=dict)

    def begin(self) -> None:
        """Remember the files as they are while the queue is open; its log is as much of it as the rest."""
        self._folder = identity(self.folder)
        if self.path is not None:
            files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
            self._before = {path: identity(path) for path in files}

    async def run(self) -> None:
        while True:
            self.look()
            self.look_at_folder()
            await self._keep_room()
            await anyio.sleep(EVERY_S)

    def look(self) -> bool:
        """Whether the queue's file is another; the first time the run is asked to stop."""
        if not self.is_replaced and any(identity(path) != before for path, before in self._before.items()):
            self.is_replaced = True
            self.say(f"{self.path} was replaced while running: stopping")
            self.stop.ask(Reason.DISK)
        return self.is_replaced

    def look_at_folder(self) -> None:
        """Where it is another the run is asked to stop; what is in flight is kept in a new one."""
        if not self.is_gone and identity(self.folder) != self._folder:
            self.is_gone = True
            self.say(
                f"{self.folder} was deleted or replaced while running: stopping; what is in flight is kept. "
                f"`runner verify --repair` tells what is lost, and what it costs to have it again"
            )
            self.stop.ask(Reason.DISK)

    async def _keep_room(self) -> None:
        """For as many answers as can be on their way at once."""
        places = min(sum(lane.pace.crowd.places for lane in self.lanes.values()), self.jobs)
        if not self.reserve.is_short(places):
            return
        try:
            await to_thread.run_sync(self.reserve.hold, places)
        except Unwritable as error:
            self.say(f"{error}: no room for the answers that are on their way")
            self.stop.ask(Reason.DISK)
