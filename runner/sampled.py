"""The rows of a group of jobs, and which of their combinations become jobs where it asks for a sample."""

from collections.abc import Iterable, Iterator, Sequence

from runner import combinations, recipe
from runner.group import PromptRow
from runner.manifest import Manifest, supply_of
from runner.problems import Problems
from runner.recipe import Entry, axes
from runner.sampling import chosen


def count(manifest: Manifest, at: int) -> int:
    """How many combinations of the manifest's group number `at` become jobs, its samples not counted."""
    sample = manifest.jobs[at].sampled
    number = combined(manifest, at)
    return number if sample is None else min(number, sample.take)


def combined(manifest: Manifest, at: int) -> int:
    """How many there are: rows are counted, combinations computed."""
    group = manifest.jobs[at]
    each = group.matrix.grid.count()
    if group.prompts is None:
        given = supply_of(manifest, at)
        return (1 if given is None else given.count()) * combinations.count(axes(manifest, group)) * each
    own = (prompt if isinstance(prompt, PromptRow) else None for prompt in group.prompts)
    return sum(combinations.count(axes(manifest, group, row)) for row in own) * each


def entries(manifest: Manifest, at: int, problems: Problems) -> Iterator[Entry]:
    """The rows of the manifest's group number `at` that make a job."""
    every = recipe.entries(manifest, at, problems)
    sample = manifest.jobs[at].sampled
    if sample is None:
        return every
    return picked(every, chosen(combined(manifest, at), sample.take, sample.seed))


def picked(every: Iterable[Entry], numbers: Sequence[int]) -> Iterator[Entry]:
    """The rows that have some of these combinations, which are numbered over all rows; in ascending order."""
    first = at = 0
    for entry in every:
        begin, end = at, first + entry.recipe.combined
        while at < len(numbers) and numbers[at] < end:
            at += 1
        if at > begin:
            yield entry._replace(chosen=[number - first for number in numbers[begin:at]])
        first = end
