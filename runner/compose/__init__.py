"""The parts of runner, put together: what a command line, a program or a schedule calls."""

from runner.compose.doctoring import examined
from runner.compose.exporting import results
from runner.compose.glance import Watcher
from runner.compose.opening import reading, writing
from runner.compose.planning import Plan, plan
from runner.compose.running import Ended, RunOptions, work
from runner.compose.standing import as_it_stands, closings, days, is_running
from runner.compose.submission import Submission, TooMany, submit
from runner.compose.verifying import Repaired, repair, verify

__all__ = [
    "Ended",
    "Plan",
    "Repaired",
    "RunOptions",
    "Submission",
    "TooMany",
    "Watcher",
    "as_it_stands",
    "closings",
    "days",
    "examined",
    "is_running",
    "plan",
    "reading",
    "repair",
    "results",
    "submit",
    "verify",
    "work",
    "writing",
]
