"""The parts of runner, put together: what a command line, a program or a schedule calls."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.compose.archiving import Archived, archive
    from runner.compose.doctoring import examined
    from runner.compose.exporting import results, write_whole
    from runner.compose.glance import Watcher
    from runner.compose.gridding import Grid, grid
    from runner.compose.nights import Predecessors, before, predecessors
    from runner.compose.notifying import Message, tell
    from runner.compose.opening import batch_of, reading, writing
    from runner.compose.planning import Plan, plan
    from runner.compose.pruning import Pruned, Terms, outputs_of, prunable, prune
    from runner.compose.reporting import Report, report
    from runner.compose.restoring import Aim, Restored, restore
    from runner.compose.running import Ended, RunOptions, work
    from runner.compose.scheduling import Unscheduled, install, remove
    from runner.compose.shaping import Exported, Wanted, export
    from runner.compose.standing import as_it_stands, closings, days, is_running
    from runner.compose.submission import Submission, TooMany, submit
    from runner.compose.suites import junit
    from runner.compose.verifying import Repaired, repair, verify

__all__ = [
    "Aim",
    "Archived",
    "Ended",
    "Exported",
    "Grid",
    "Message",
    "Plan",
    "Predecessors",
    "Pruned",
    "Repaired",
    "Report",
    "Restored",
    "RunOptions",
    "Submission",
    "Terms",
    "TooMany",
    "Unscheduled",
    "Wanted",
    "Watcher",
    "archive",
    "as_it_stands",
    "batch_of",
    "before",
    "closings",
    "days",
    "examined",
    "export",
    "grid",
    "install",
    "is_running",
    "junit",
    "outputs_of",
    "plan",
    "predecessors",
    "prunable",
    "prune",
    "reading",
    "remove",
    "repair",
    "report",
    "restore",
    "results",
    "submit",
    "tell",
    "verify",
    "work",
    "write_whole",
    "writing",
]

PLACES = {
    "archiving": ("Archived", "archive"),
    "doctoring": ("examined",),
    "exporting": ("results", "write_whole"),
    "glance": ("Watcher",),
    "gridding": ("Grid", "grid"),
    "nights": ("Predecessors", "before", "predecessors"),
    "notifying": ("Message", "tell"),
    "opening": ("batch_of", "reading", "writing"),
    "planning": ("Plan", "plan"),
    "pruning": ("Pruned", "Terms", "outputs_of", "prunable", "prune"),
    "reporting": ("Report", "report"),
    "restoring": ("Aim", "Restored", "restore"),
    "running": ("Ended", "RunOptions", "work"),
    "scheduling": ("Unscheduled", "install", "remove"),
    "shaping": ("Exported", "Wanted", "export"),
    "standing": ("as_it_stands", "closings", "days", "is_running"),
    "submission": ("Submission", "TooMany", "submit"),
    "suites": ("junit",),
    "verifying": ("Repaired", "repair", "verify"),
}
"""The module of each part: it is loaded when the part is asked for, so that what only looks loads little."""


def __getattr__(name: str) -> Any:
    for module, parts in PLACES.items():
        if name in parts:
            return getattr(import_module(f"runner.compose.{module}"), name)
    raise AttributeError(name)
