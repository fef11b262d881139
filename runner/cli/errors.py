"""Every error in one clear message and its exit status; a traceback only where RUNNER_DEBUG asks for one."""

import os
import traceback
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from runner.cli.speaking import Refused, say

USAGE = 2
"""Bad usage or manifest: nothing was sent."""
LATER = 75
"""Work is left: run it again later."""
INTERRUPTED = 130
BUG = 1


class Plainly(AbstractContextManager[None]):
    """Within it an error ends the program as a message and an exit status."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            raise SystemExit(INTERRUPTED) from None
        if isinstance(error, Exception):
            if os.environ.get("RUNNER_DEBUG"):
                traceback.print_exception(error)
            raise SystemExit(ended_by(error)) from None


def ended_by(error: Exception) -> int:
    """Say what happened; the exit status that it means."""
    cause = innermost(error)
    status = known(cause)
    say(str(cause) if status is not None else unforeseen(cause), "error")
    return BUG if status is None else status


def innermost(error: BaseException) -> BaseException:
    """What a task group raised it for."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def known(error: BaseException) -> int | None:
    """The exit status of an error that speaks for itself."""
    if isinstance(error, ImportError):  # what is broken must not be imported again
        return None
    from runner import compose, database, files, problems, writer
    from runner.exports.refusal import Refusal

    if isinstance(error, (database.Busy, database.Unroomy, files.Unwritable, writer.Unwritten)):
        return LATER
    expected = (Refused, Refusal, problems.ManifestError, database.QueueError, compose.TooMany)
    return USAGE if isinstance(error, expected) else None


def unforeseen(error: BaseException) -> str:
    """Type and place, and not its text: it may hold what must not be shown."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(error).__name__} at {where}: a fault of runner itself; RUNNER_DEBUG=1 shows all of it"
