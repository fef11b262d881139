"""Batch-generation job runner: manifest in, a durable queue, every answer kept.

`load` reads a manifest, `run` works on it; the command line is the same from a shell.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.api import Finished, Run, load, run

__all__ = ["Finished", "Run", "load", "run"]


def __getattr__(name: str) -> Any:
    """Import late: a command line that only shows its help needs none of it."""
    if name in __all__:
        from runner import api

        return getattr(api, name)
    raise AttributeError(name)
