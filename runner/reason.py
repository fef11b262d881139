"""Why a run stopped with work left."""

from enum import StrEnum


class Reason(StrEnum):
    """The word that `reason` holds in the status of a batch; a finished one has none."""

    INTERRUPTED = "interrupted"
    """A signal."""
    BUDGET = "budget"
    """`budget` or `--max-cost` leaves no room for one more request."""
    LIMIT = "limit"
    """`--limit` jobs have been worked on."""
    DEADLINE = "deadline"
    """`--until` has come."""
    QUOTA = "quota"
    """The provider's limit lasts longer than `--no-wait` sits out."""
    UNAUTHORIZED = "unauthorized"
    NO_CREDIT = "no_credit"
    NOT_FOUND = "not_found"
    """The provider does not know the model (three jobs in a row)."""
    UNAVAILABLE = "unavailable"
    """The provider could not be reached, or not served, for as long as `give_up` says."""
    CANARY = "canary"
    """The first job of a group, sent alone, did not come back well."""
    DISK = "disk"
    PAUSED = "paused"
