"""What pictures' files are called where a manifest says so: by a template over their job, each name once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner import templates
from runner.digests import Digests, of_text
from runner.job import Job
from runner.names import file_stem, file_stems, folded
from runner.recipe import Asked, text
from runner.templates import BadTemplate

NAME = "outputs.name"
MOST_TOLD = 20
"""Jobs with another's name that are told of."""


@dataclass(slots=True, kw_only=True)
class Naming:
    """The template, and what it has made so far: a few bytes a name."""

    template: str
    night: Mapping[str, Any]
    """Variables that are always there: all others beat them."""
    met: set[int] = field(default_factory=set)
    """Digests of names that came a second time."""
    _times: int = 0
    _seen: Digests = field(default_factory=Digests)

    @property
    def is_hopeless(self) -> bool:
        """Whether so many have a name that another has that looking for more is of no use."""
        return self._times >= MOST_TOLD

    def stem(self, job: Job, asked: Asked) -> str:
        """What the job's files are to be called, less index and suffix; raises `BadTemplate`."""
        ask = asked.ask
        values = {
            **self.night,
            **ask.params,
            **ask.vars,
            "params": ask.params,
            "vars": ask.vars,
            "prompt": job.prompt,
            "model": job.model,
            "id": job.id,
            "key": job.key,
            "sample": job.sample,
        }
        try:
            name = text(NAME, templates.render(self.template, values))
        except BadTemplate as error:
            raise BadTemplate(f"{NAME}: {str(error).removeprefix(f'{NAME}: ')}") from error
        if not name.strip():
            raise BadTemplate(f"{NAME}: empty")
        return file_stem(name)

    def take(self, job: Job) -> None:
        """The names of the job's files are no other's from here on."""
        for digest in digests(job):
            if self._seen.add(digest) > 1:
                self.met.add(digest)
                self._times += 1


def digests(job: Job) -> list[int]:
    """Of all names that its files may get, as a file system would tell them apart."""
    return [of_text(folded(name)) for name in file_stems(job.stem, job.body)]
