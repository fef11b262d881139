"""A picture's file that is named in place of a job."""

from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.speaking import Refused

if TYPE_CHECKING:
    from runner.provenance import Provenance

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


def is_picture(name: str) -> bool:
    """Whether a name is that of a file, not of a job: there is one, and it is called like a picture."""
    path = Path(name)
    return path.suffix.lower() in SUFFIXES and path.exists()


def told(name: str) -> "Provenance":
    """What the file tells of its request."""
    from runner.provenance import Untold, of_file

    try:
        return of_file(Path(name))
    except Untold as error:
        raise Refused(f"{name} {error}") from error
