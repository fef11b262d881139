"""A batch summed up, and its pictures looked at: what a report is made of."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from runner.compose.exhibiting import ROOM, Exhibition, exhibition, hung, images, share
from runner.compose.keeping import outputs
from runner.compose.opening import batch_of, reading
from runner.compose.standing import as_it_stands
from runner.facts import IMAGE, Alike, Facts, Looks, facts, summed
from runner.images import colours
from runner.likeness import Alikes, Sight, sight
from runner.picture import Unreadable
from runner.sinks import Folder
from runner.store import Store
from runner.thumbnail import decoded, on_paper
from runner.value import value

LOOKED_AT = 1_000
"""Pictures that are looked at, where nothing else is asked for: each is decoded whole."""
PAPER = "#ffffff"
"""What pictures stand on that one sees through."""


@value
class Glance:
    """What one look at a picture's file told; None: it could not be read."""

    sight: Sight | None
    is_flat: bool = False
    is_black: bool = False


@value
class Report:
    """A batch in numbers, and what there is to see of it."""

    facts: Facts
    shown: Exhibition


def report(db: str, batch: str, *, at: float, looked_at: int = LOOKED_AT, shows: bool = True) -> Report:
    """Sum a batch up; without `shows` nothing is made ready to be seen. Raises `QueueError`.

    Memory does not grow with the batch, but for a few hundred bytes of each picture that is looked at. The
    queue is not read while these are decoded: no runner's log grows meanwhile.
    """
    with reading(db) as store:
        row = as_it_stands(db, store, batch_of(store, batch, db))
        kinds, sums = store.kinds(row.id), summed(store.sendings(row.id))
        standings, failures = store.standings(row.id), store.failures(row.id)
        owners = chosen(store, row.id, looked_at, kinds[IMAGE].outputs if IMAGE in kinds else 0)
    folder = outputs(row)
    looks = look(folder, list(owners))
    found = facts(row, sums, standings=standings, failures=failures, kinds=kinds, looks=looks, at=at)
    if not shows:
        return Report(facts=found, shown=Exhibition())
    with reading(db) as store:
        shown = exhibition(store, row, found, owners)
    return Report(facts=found, shown=hung(folder, shown))


def chosen(store: Store, batch_id: int, wanted: int, pictures: int) -> dict[str, str]:
    """Pictures of the whole batch, evenly: their paths, with the ids of their jobs."""
    some = images(store.chosen(batch_id, share(wanted, pictures)))
    return {each.kept.path or "": each.job.id for each in some}


def look(folder: Folder, paths: Sequence[str]) -> Looks:
    """Decode every one, in as many threads as there are processors."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as looking:
        glances = dict(zip(paths, looking.map(lambda path: glance(folder, path), paths), strict=True))
    alikes = Alikes()
    for path, seen in glances.items():
        if seen.sight is not None and not seen.is_flat:
            alikes.add(path, seen.sight)
    return Looks(
        looked_at=len(paths),
        unreadable=tuple(path for path, seen in glances.items() if seen.sight is None),
        flat=tuple(path for path, seen in glances.items() if seen.is_flat),
        black=sum(seen.is_black for seen in glances.values()),
        alike=tuple(Alike(paths=(first, *others)) for first, others in alikes.groups.items()),
    )


def glance(folder: Folder, path: str) -> Glance:
    try:
        picture = decoded(folder.source(path), ROOM)
    except Unreadable:
        return Glance(sight=None)
    is_flat, is_black = colours(picture)
    return Glance(sight=sight(on_paper(picture, PAPER)), is_flat=is_flat, is_black=is_black)
