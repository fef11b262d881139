"""A queue opened for a short look or a short change; a runner may be at work on it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runner import database
from runner.store import BatchRow, Store


@contextmanager
def reading(db: str) -> Iterator[Store]:
    """The queue as it stands; raises `NoQueue` where there is none."""
    queue = database.named(db)
    queue.check()
    with opened(queue) as store:
        yield store


@contextmanager
def looking(db: str) -> Iterator[Store]:
    """The same, and nothing is written for it: a queue of an older version is left as it is."""
    queue = database.named(db)
    queue.look()
    with opened(queue) as store:
        yield store


@contextmanager
def opened(queue: database.Database) -> Iterator[Store]:
    with queue.explained(), queue.reading().connect() as connection:
        yield Store(connection)


@contextmanager
def writing(db: str, *, waiting: Callable[[], None] = database.silently) -> Iterator[Store]:
    """One transaction, committed at its end; a queue that is not there yet is made.

    `waiting` is called once where another program keeps it locked.
    """
    queue = database.named(db)
    queue.prepare()
    with queue.transaction(waiting=waiting) as connection:
        yield Store(connection)


def batch_of(store: Store, name: str, db: str) -> BatchRow:
    """The batch of that name; raises `QueueError` where the queue has none."""
    row = store.batch(name)
    if row is None:
        raise database.QueueError(f"no batch named '{name}' in {db}")
    return row
