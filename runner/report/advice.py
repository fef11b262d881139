"""What to do about it: a sentence for every cause that jobs end by and every reason that runs stop for."""

from collections.abc import Mapping

from runner.outcome import Cause
from runner.reason import Reason
from runner.store.rows import Failure

RETRY = "{retry}"
"""Stands for the command that makes the jobs pending again."""

ADVICE: Mapping[Cause, str] = {
    Cause.THROTTLED: f"the provider's limit was met: lower `limits` or `concurrency`, then `{RETRY}`",
    Cause.UNAVAILABLE: f"the provider did not serve it: `{RETRY}` when it is well again",
    Cause.TIMED_OUT: f"no answer in time: raise the endpoint's `timeout`, then `{RETRY}`",
    Cause.CONNECTION: f"the connection failed: check the network and the endpoint's `url`, then `{RETRY}`",
    Cause.REJECTED: "the provider refused the request: correct its parameters in the manifest, run it again",
    Cause.UNAUTHORIZED: f"the key was rejected: set a valid one, then `{RETRY}`",
    Cause.NO_CREDIT: f"the account has no credit: top it up, then `{RETRY}`",
    Cause.NOT_FOUND: "the provider does not know the model or the path: correct the manifest, run it again",
    Cause.BLOCKED: "the provider refused the content: reword the prompt in the manifest, run it again",
    Cause.MALFORMED: f"the answer could not be read: `runner show` has it; `{RETRY}` asks once more",
    Cause.INVALID: f"an input or the answer is not as it should be: `runner show` has it; then `{RETRY}`",
    Cause.CONFLICT: f"a file that is not ours has the output's name: move it away, then `{RETRY}`",
    Cause.INTERRUPTED: f"the answer was never seen and may be billed: `{RETRY}` sends it again",
    Cause.BUG: f"a fault of runner itself: please report what `runner show` says; `{RETRY}` tries again",
}
"""By the cause that a job ended by."""

REASONS: Mapping[str, str] = {
    Reason.INTERRUPTED: "interrupted",
    Reason.BUDGET: "the budget leaves no room for one more request: raise `budget` or `--max-cost`",
    Reason.LIMIT: "`--limit` jobs have been worked on",
    Reason.DEADLINE: "the time of `--until` has come",
    Reason.QUOTA: "the provider's limit lasts longer than `--no-wait` sits out",
    Reason.UNAUTHORIZED: "the key was rejected: set a valid one",
    Reason.NO_CREDIT: "the account has no credit: top it up",
    Reason.NOT_FOUND: "the provider does not know the model: correct the manifest",
    Reason.UNAVAILABLE: "the provider cannot be reached, or does not serve",
    Reason.CANARY: "the first job of a group, sent alone, did not come back well: see `runner failures`",
    Reason.DISK: "the disk is full: free some space",
    Reason.PAUSED: "paused",
}
"""By the reason that a run stopped for with work left."""


def why_stopped(reason: str | None) -> str:
    """A reason in words; one that this program does not know speaks for itself."""
    return REASONS.get(reason or "", reason or "stopped")


def told(batch: str, failed: Failure, runner: str) -> str:
    """What to do about the failures of a cause, `runner` being how the program is called."""
    retry = f"{runner} retry {batch} --state {failed.state} --cause {failed.cause}"
    return ADVICE[failed.cause].replace(RETRY, retry)
