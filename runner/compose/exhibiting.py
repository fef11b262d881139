"""What a report shows of a batch's outputs: some of everything, and no more than anybody looks at."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

from runner.facts import Facts
from runner.outcome import Kept
from runner.picture import Unreadable
from runner.sinks import Folder
from runner.store import BatchRow, JobRow, Store
from runner.thumbnail import webp
from runner.value import value

SHOWN = 200
"""Pictures of the gallery, about: they are chosen by their share of all."""
TEXTS = 40
"""Texts and other values at most."""
GROUPS, OF_GROUP, FLAT = 12, 6, 24
"""Groups of pictures that look the same, pictures of each, and flat ones that are shown at most."""
ROOM = (320, 320)


@value
class Exhibit:
    """An output as it is shown, with its job."""

    job: JobRow
    kept: Kept
    webp: bytes | None = None
    """A small picture of it."""
    trouble: str | None = None
    """Why there is none."""


@value
class Exhibition:
    """What there is to see."""

    gallery: tuple[Exhibit, ...] = ()
    alike: tuple[tuple[Exhibit, ...], ...] = ()
    flat: tuple[Exhibit, ...] = ()
    texts: tuple[Exhibit, ...] = ()


def exhibition(store: Store, row: BatchRow, facts: Facts, owners: Mapping[str, str]) -> Exhibition:
    """What is to be shown, still without pictures.

    `owners` are the ids of jobs by the paths of their pictures: of those that were looked at.
    """

    def of(paths: Sequence[str]) -> tuple[Exhibit, ...]:
        names = dict.fromkeys(owners[path] for path in paths)
        found = filter(None, (store.job(row.id, name) for name in names))
        return tuple(picture for picture in images(found) if picture.kept.path in set(paths))

    others = facts.outputs - facts.pictures
    gallery = images(store.chosen(row.id, share(SHOWN, facts.pictures)))
    return Exhibition(
        gallery=tuple(islice(gallery, 2 * SHOWN)),
        alike=tuple(of(group.paths[:OF_GROUP]) for group in facts.looks.alike[:GROUPS]),
        flat=of(facts.looks.flat[:FLAT]),
        texts=tuple(islice(texts(store.chosen(row.id, share(TEXTS, others))), TEXTS)),
    )


def hung(folder: Folder, shown: Exhibition) -> Exhibition:
    """The same with its pictures, each made small."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as drawing:

        def drawn(some: Iterable[Exhibit]) -> tuple[Exhibit, ...]:
            return tuple(drawing.map(lambda each: with_picture(folder, each), some))

        return replace(
            shown, gallery=drawn(shown.gallery), alike=tuple(map(drawn, shown.alike)), flat=drawn(shown.flat)
        )


def share(wanted: int, number: int) -> float:
    """How large a part of them is wanted; nothing where there are none, so that none is looked for."""
    return min(wanted / number, 1.0) if number else 0.0


def exhibits(jobs: Iterable[JobRow]) -> Iterator[Exhibit]:
    return (Exhibit(job=job, kept=kept) for job in jobs for kept in job.outputs)


def images(jobs: Iterable[JobRow]) -> Iterator[Exhibit]:
    return (each for each in exhibits(jobs) if each.kept.path is not None)


def texts(jobs: Iterable[JobRow]) -> Iterator[Exhibit]:
    """Everything that is no file."""
    return (each for each in exhibits(jobs) if each.kept.path is None)


def with_picture(folder: Folder, exhibit: Exhibit) -> Exhibit:
    try:
        return replace(exhibit, webp=webp(folder.source(exhibit.kept.path or ""), ROOM))
    except Unreadable as reason:
        return replace(exhibit, trouble=f"its file {reason}")
