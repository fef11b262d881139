"""What an endpoint's refusals say of the endpoint itself, beyond the job that met them: a pure judge."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from runner.job import Claim
from runner.outcome import Cause, Fault, Then
from runner.reason import Reason
from runner.value import value

IN_A_ROW = 3
"""Refusals of a kind, one after the other, that are no longer the jobs' fault."""

MANY = 10
"""Answers not as expected, one after the other, from which on a person is told."""

STOPS = {
    Cause.UNAUTHORIZED: Reason.UNAUTHORIZED,
    Cause.NO_CREDIT: Reason.NO_CREDIT,
    Cause.CONNECTION: Reason.UNAVAILABLE,
}
"""Why an endpoint is stopped by a fault that asks for it."""


@value
class Verdict:
    """A fault as the endpoint's past lets it appear."""

    fault: Fault
    stop: Reason | None = None
    """Why nothing more is sent to the endpoint in this run."""
    reopen: Sequence[int] = ()
    """Rows of jobs that were failed for what turns out not to be their fault."""


@dataclass(slots=True)
class Health:
    """The past of one endpoint in this run."""

    has_succeeded: bool = False
    forbidden: int = 0
    missing: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By model: rows of the jobs in a row that the provider did not know it for."""
    stopped_models: set[str] = field(default_factory=set)
    unmet: int = 0
    """Answers in a row that were not as expected."""
    doubt: str | None = None
    """What was said of them once they were many: then it may be the expectation that is wrong."""

    def succeeded(self, model: str) -> None:
        self.has_succeeded = True
        self.forbidden = self.unmet = 0
        self.missing.pop(model, None)

    def answered_amiss(self, model: str, message: str) -> None:
        """The endpoint is well, and its answer not as expected."""
        in_a_row = self.unmet + 1
        self.succeeded(model)
        self.unmet = in_a_row
        if in_a_row == MANY:
            self.doubt = message

    def judge(self, claim: Claim, fault: Fault) -> Verdict:
        """Whether it is the job that is refused, its model, or the endpoint's key."""
        if fault.cause is Cause.NOT_FOUND and fault.then is Then.FAIL:
            return self._model_missing(claim, fault)
        self.missing.pop(claim.model, None)
        if fault.http_status == HTTPStatus.FORBIDDEN and fault.cause is Cause.REJECTED:
            return self._forbidden(fault)
        self.forbidden = 0
        if fault.then is Then.STOP:
            return Verdict(fault=fault, stop=STOPS.get(fault.cause, Reason.UNAVAILABLE))
        return Verdict(fault=fault)

    def _forbidden(self, fault: Fault) -> Verdict:
        """403 may mean the job or the key: the key, if it never worked or no longer does."""
        self.forbidden += 1
        if self.has_succeeded and self.forbidden < IN_A_ROW:
            return Verdict(fault=fault)
        return Verdict(fault=stopping(fault, Cause.UNAUTHORIZED), stop=Reason.UNAUTHORIZED)

    def _model_missing(self, claim: Claim, fault: Fault) -> Verdict:
        """The third job in a row clears the first two: the model is gone, not the jobs wrong."""
        rows = self.missing[claim.model]
        if len(rows) + 1 < IN_A_ROW:
            rows.append(claim.row)
            return Verdict(fault=fault)
        reopen = () if claim.model in self.stopped_models else tuple(rows)
        self.stopped_models.add(claim.model)
        return Verdict(fault=stopping(fault, fault.cause), reopen=reopen)


def stopping(fault: Fault, cause: Cause) -> Fault:
    """The fault, costing its job nothing."""
    return replace(fault, cause=cause, then=Then.STOP)
