"""Why a queue cannot be used: said to the person who can do something about it."""


class QueueError(Exception):
    """The message says what is wrong, and what to do."""


class NoQueue(QueueError):
    """There is none at that place."""


class Unroomy(QueueError):
    """There is no room on the disk for it."""


class Busy(QueueError):
    """Another runner works on it."""
