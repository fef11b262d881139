"""The way of one claim: from a worker's hands to a settlement, a row of named steps."""

import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from anyio import CancelScope, get_cancelled_exc_class, to_thread

from runner import crash, fault
from runner.attachments import attach
from runner.engine.examining import Examiner, fewer
from runner.engine.lane import Lane
from runner.engine.parts import Queue, Sink
from runner.engine.record import Errand, ticketed
from runner.engine.shelter import OutOfTime, Shelter
from runner.engine.toll import Toll
from runner.engine.turns import Turns
from runner.expect import seeded, varied
from runner.files import Unwritable
from runner.job import Claim
from runner.outcome import Cause, Done, Failed, Fault, Outcome, Output, Then, Unmet, Waiting, let_go
from runner.transport import CalledOff, Sending
from runner.wire import Call, Exchange, Reply, Ticket, Wait
from runner.writer import Unwritten

LARGE_REPLY = 2 << 20
"""Bytes of an answer from which it is read in a thread: below, a picture takes half a millisecond, and the
hand-over costs more than it frees; vectors take some 6 ms a megabyte."""


class Worker:
    """Carries claims, one after the other or many side by side: it holds nothing of its own but its tools."""

    def __init__(
        self,
        *,
        queue: Queue,
        sink: Sink,
        examiner: Examiner,
        shelter: Shelter,
        conclude: Callable[[Lane, Errand, Outcome], None],
        toll: Toll,
    ) -> None:
        self._queue = queue
        self._sink = sink
        self._examiner = examiner
        self._shelter = shelter
        self._conclude = conclude
        self._toll = toll
        self._sendings: dict[int, Sending] = {}
        """Paid calls under way, by their job's row."""
        self._is_called_off = False
        self._turns = Turns()

    async def carry(self, lane: Lane, claim: Claim) -> None:
        """One claim to its end, whatever happens to it; a run that is being cut records that too."""
        errand = Errand(claim=claim, sending=Sending(timeout_s=lane.endpoint.timeout), started_at=time.time())
        try:
            outcome = await self._attempt(lane, errand)
        except get_cancelled_exc_class():
            self._conclude(lane, errand, errand.interrupted())
            raise
        self._conclude(lane, errand, outcome)

    def call_off(self) -> None:
        """Send nothing more that is to be paid for; what has left already is awaited."""
        self._is_called_off = True
        for sending in self._sendings.values():
            sending.call_off()

    async def _attempt(self, lane: Lane, errand: Errand) -> Outcome:
        """Where exceptions become values."""
        try:
            return await self._converse(lane, errand)
        except Exception as error:
            outcome = self._outcome(errand, error)
            let_go(error)
            return outcome

    def _outcome(self, errand: Errand, error: Exception) -> Outcome:
        match error:
            case Fault():
                return Failed(fault=error)
            case CalledOff() | OutOfTime():
                return errand.interrupted()
            case Unwritable() | Unwritten():
                self._toll.unkept(errand, error)
                return Failed(fault=unkept(error, sent=errand.sending.sent))
        return Failed(fault=bug(error, sent=errand.sending.sent))

    async def _converse(self, lane: Lane, errand: Errand) -> Done | Unmet | Waiting:
        """Speak the dialect's part to the endpoint until there is an output."""
        if lane.dialect.files:
            await self._refuse_taken_name(errand.claim)
        exchange = lane.dialect.converse(ready(errand), lane.endpoint)
        said: Call | Wait | Ticket | Output = step(exchange, None)
        while not isinstance(said, Output):
            match said:
                case Call():
                    said = await self._answered(exchange, await self._send(lane, errand, said))
                case Ticket(data=data, body=body):
                    await self._go_on(lane, errand, data, body)
                    said = step(exchange, None)
                case Wait(seconds=seconds):
                    return Waiting(seconds=seconds)
        return await self._keep(lane, errand, said)

    async def _keep(self, lane: Lane, errand: Errand, output: Output) -> Done | Unmet:
        """What came is looked at, where something is expected of it, and kept."""
        if errand.seed is not None:
            output = replace(output, message=seeded(errand.seed, output.message))
        if errand.claim.expect is not None:
            return await self._shelter.bring_home(self._examiner.keep(errand.claim, output))
        keeping = self._sink.keep(errand.claim, output)
        kept = await (self._shelter.bring_home(keeping) if lane.dialect.files else keeping)
        return Done(kept=kept, output=fewer(output, len(kept)))

    async def _answered(self, exchange: Exchange, reply: Reply) -> Call | Wait | Ticket | Output:
        """Give the dialect its reply, which nobody holds on to, and take its next step."""
        if len(reply.body) < LARGE_REPLY:
            return step(exchange, reply)
        return await self._shelter.bring_home(to_thread.run_sync(step, exchange, reply))

    async def _go_on(self, lane: Lane, errand: Errand, ticket: bytes, body: bytes) -> None:
        """Commit what was paid for; from here on the claim is one that goes on from its ticket."""
        with CancelScope(shield=True):
            errand.claim = await self._queue.go_on(errand.claim, ticket, ticketed(lane, errand, body))
        errand.called, errand.answer = False, b""

    async def _refuse_taken_name(self, claim: Claim) -> None:
        if (path := await self._sink.conflict(claim)) is not None:
            message = f"{path} is already there and not ours: move it away, then `runner retry`"
            raise Fault(cause=Cause.CONFLICT, message=message, then=Then.FAIL)

    async def _send(self, lane: Lane, errand: Errand, call: Call) -> Reply:
        """One call out, its reply back; what a paid one told of itself is put on the record."""
        if not call.paid:
            return good(call, await lane.door.send(call, Sending(timeout_s=lane.endpoint.timeout)))
        sending, row, errand.called = errand.sending, errand.claim.row, True
        if self._is_called_off:
            raise CalledOff
        self._sendings[row] = sending
        try:
            reply = await lane.door.send(call, sending)
        finally:
            del self._sendings[row]
            errand.latency_s = 0.0 if sending.begun_at is None else time.monotonic() - sending.begun_at
        crash.point("answered")
        self._toll.saw(len(reply.body))
        errand.http_status, errand.request_id = reply.status, fault.request_id(reply.headers)
        errand.headers, errand.answer = reply.headers, reply.body[: fault.EVIDENCE]
        if not self._turns.take():
            await self._turns.next()
        return good(call, reply)


def good(call: Call, reply: Reply) -> Reply:
    """The reply, unless its status stands for a fault."""
    met = fault.of_reply(reply, now=time.time(), paid=call.paid, download=call.download)
    if met is not None:
        raise met
    return reply


def step(exchange: Exchange, reply: Reply | None) -> Call | Wait | Ticket | Output:
    """A generator's next yield, or what it returned."""
    try:
        return exchange.send(reply)
    except StopIteration as ended:
        output: Output = ended.value
        return output


def ready(errand: Errand) -> Claim:
    """The claim with its files in its body, and after answers that were not as expected a fresh seed.

    A batch file's body is data, whatever it looks like.
    """
    claim, body = errand.claim, errand.claim.body
    if claim.variant:
        body, errand.seed = varied(body, claim.key, claim.variant)
    if claim.path is None:
        body = attach(body)
    return claim if body is claim.body else replace(claim, body=body)


def bug(error: Exception, *, sent: bool) -> Fault:
    """An exception that nobody foresaw: the job fails, its place in the program is told."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    message = f"{type(error).__name__} at {where}: please report it"
    return Fault(cause=Cause.BUG, message=message, then=Then.FAIL, billed=sent)


def unkept(unwritable: Exception, *, sent: bool) -> Fault:
    """The disk failed, not the job: it stays pending, its answer may have to be paid for again."""
    return Fault(cause=Cause.INTERRUPTED, message=str(unwritable), then=Then.STOP, billed=sent)
