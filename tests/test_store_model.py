"""The queue beside a model of it in plain Python: whatever is done, in whatever order, both say the same."""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from queues import NOW, attempt, batch, job, kept, named
from sqlalchemy import select

from runner import database, schema
from runner.job import State
from runner.outcome import Cause, Done, Failed, Fault, Interrupted, Output, Then, Unmet, Waiting
from runner.retry import Policy, settle
from runner.store import ALONE, Change, Settled, Store

POLICY = Policy(attempts=3)
HOLDING = replace(POLICY, on_unknown="hold")
PRICE = 40
BATCHES = ("animals", "plants")
ENDED = (State.FAILED, State.UNKNOWN)


@dataclass
class Modelled:
    """A job of the model, by the names of its columns."""

    key: str
    id: str
    stem: str
    position: int
    state: State = State.PENDING
    due_at: float | None = 0.0
    listed: bool = True
    withdrawn: bool = False
    called_off: bool = False
    attempt: int = 0
    attempts: int = 0
    tries: int = 0
    maybe_billed: int = 0
    useless: int = 0
    unmet: int = 0
    variant: int = 0
    waits: int = 0
    crashes: int = 0
    billed_before: bool = False
    ticket: bytes | None = None
    claimed_at: float | None = None

    @property
    def turn(self):
        """When it is claimed: retries first, by their time, then fresh ones, by their position."""
        return (self.due_at == 0.0, self.due_at, self.position)

    @property
    def before_its_claim(self):
        """When it is due if it is given back unsent; what was in flight at two crashes is to run alone."""
        if self.crashes >= 2:
            return ALONE + self.crashes
        return 0.0 if self.attempt == 1 else self.claimed_at

    def anew(self, due_at):
        self.state, self.due_at = State.PENDING, due_at
        self.tries = self.maybe_billed = self.useless = self.unmet = self.waits = self.crashes = 0
        self.withdrawn = self.called_off = False

    def withdraw(self):
        self.state, self.due_at, self.withdrawn, self.listed = State.CANCELLED, None, True, False

    def follow(self, to):
        """The settlement's word."""
        self.state, self.due_at, self.claimed_at = to.state, to.due_at, None
        self.tries, self.maybe_billed, self.useless = to.tries, to.maybe_billed, to.useless
        self.unmet, self.variant = to.unmet, to.variant
        self.waits, self.billed_before = to.waits, to.billed_before
        self.ticket = self.ticket if to.keeps_ticket else None
        if to.state is State.PENDING and self.ticket is None:
            self.let_go()

    def let_go(self):
        if not self.listed:
            self.withdraw()
        elif self.called_off:
            self.state, self.due_at = State.CANCELLED, None


COLUMNS = tuple(Modelled.__dataclass_fields__)


@dataclass
class Model:
    """A batch."""

    jobs: dict[str, Modelled] = field(default_factory=dict)
    sent: list = field(default_factory=list)
    """Key, number, whether it counts, whether it was made after one that may have been billed."""
    outputs: Counter = field(default_factory=Counter)
    late: int = 0

    def submit(self, wanted, now):
        new = kept_jobs = 0
        known = {key for key in (each.key for each in wanted) if key in self.jobs}
        for key in known:
            if self.jobs[key].withdrawn:
                self.jobs[key].anew(now if self.jobs[key].attempt else 0.0)
                new += 1
            else:
                kept_jobs += 1
        gone = [each for key, each in self.jobs.items() if key not in known]
        self.hand_out(wanted, known)
        for position, each in enumerate(wanted):
            mine = self.jobs.setdefault(each.key, Modelled(each.key, each.id, each.stem, position))
            mine.id, mine.stem, mine.position, mine.listed = each.id, each.stem, position, True
        undone = [each for each in gone if each.state in {State.PENDING, State.FAILED}]
        for each in gone:
            each.listed = False
        for each in undone:
            each.withdraw()
        return Change(new=new + len(wanted) - len(known), kept=kept_jobs, withdrawn=len(undone))

    def hand_out(self, wanted, known):
        """Whoever has a name that another is to have now is set aside."""
        taken = {each.id for each in wanted if each.key not in known or self.jobs[each.key].id != each.id}
        for holder in [each for each in self.jobs.values() if each.id in taken]:
            names = {each.id for each in self.jobs.values()}
            suffix = next(f"~{n}" for n in range(1, 99) if f"{holder.id}~{n}" not in names)
            holder.id, holder.stem = holder.id + suffix, holder.stem + suffix

    def due(self, now):
        pending = (each for each in self.jobs.values() if each.state is State.PENDING)
        return sorted((each for each in pending if each.due_at <= now), key=lambda each: each.turn)

    def holds(self, claim):
        mine = self.jobs[claim.key]
        return mine.state is State.RUNNING and mine.attempt == claim.attempt

    def settle(self, settled):
        mine = self.jobs[settled.claim.key]
        mine.follow(settled.settlement)
        if settled.attempt:
            self.record(settled.claim.key, settled.attempt)
        self.outputs[settled.claim.key] += len(settled.kept)

    def record(self, key, sending):
        self.sent.append((key, sending.number, sending.counted, sending.again))
        self.jobs[key].attempts += sending.counted

    def counters(self):
        counted = [again for _, _, counted, again in self.sent if counted]
        return {
            "total": len(self.jobs),
            **{each.value: 0 for each in State},
            **Counter(each.state.value for each in self.jobs.values()),
            "attempts": len(counted),
            "outputs": self.outputs.total(),
            "maybe_billed_twice": sum(counted),
            "spent_nusd": PRICE * len(counted),
            "late": self.late,
        }


def fault(then, *, billed=False, useless=False):
    return Failed(
        fault=Fault(cause=Cause.UNAVAILABLE, message="no", then=then, billed=billed, useless=useless)
    )


DONE = Done(kept=(), output=Output(artifacts=()))
OUTCOMES = (
    DONE,
    Unmet(done=DONE, cause=Cause.INVALID, message="flat", retries=1),
    *[fault(Then.RETRY)] * 3,
    fault(Then.RETRY, billed=True),
    fault(Then.RETRY, billed=True, useless=True),
    fault(Then.FAIL),
    fault(Then.WAIT),
    fault(Then.STOP),
    Interrupted(sent=True),
    Interrupted(sent=False),
    Waiting(seconds=5.0),
)
NOT_SENT = (Interrupted(sent=False), Waiting(seconds=5.0))
"""Outcomes that leave no attempt on record."""


def ended(claim, outcome, policy, now):
    """As the engine makes it of a claim and how it ended."""
    is_done = isinstance(outcome, Done)
    paid = claim.ticket is None
    sending = attempt(claim, counted=paid, again=paid and claim.billed_before, cost_nusd=PRICE if paid else 0)
    return Settled(
        claim=claim,
        settlement=settle(claim, outcome, policy, now=now, chance=int(claim.key[0], 16) / 15),
        attempt=None if outcome in NOT_SENT else sending,
        kept=(kept(f"{claim.stem}.png"),) if is_done else (),
    )


letters = st.sampled_from("abcdefgh")
contents = st.permutations("abcdefgh").flatmap(lambda order: st.sampled_from([order, order[:5], order[:1]]))
some = st.integers(0, 3)
names = st.sampled_from((BATCHES[0], *BATCHES))


class Queue(RuleBasedStateMachine):
    """Everything that may be asked of a queue, in any order."""

    def __init__(self, connection):
        super().__init__()
        self.transaction = connection.begin()
        self.store = Store(connection)
        self.now = NOW
        self.hands = []
        """Claims, with the batch that they are of, that nobody has given back."""
        self.gone = []
        """Claims whose runner was taken for dead: what they bring comes late."""

    def teardown(self):
        self.transaction.rollback()

    @initialize()
    def two_batches(self):
        self.models, self.ids = {}, {}
        for name in BATCHES:
            self.ids[name] = self.store.submit(batch(name), [], now=self.now).batch_id
            self.models[name] = Model()
            self.submit(name, "abcdefgh", {})

    @rule(seconds=st.sampled_from([0.5, 3.0, 200.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(name=names, content=contents, called=st.dictionaries(st.sampled_from("xyz"), letters))
    def submit(self, name, content, called):
        """So many requests, some of them called by names of their users'."""
        ids = {request: users for users, request in called.items()}
        wanted = [named(ids[each], each) if each in ids else job(each) for each in content]
        expected = self.store.compare(name, wanted)
        change = self.store.submit(batch(name), wanted, now=self.now).change
        assert change == expected == self.models[name].submit(wanted, self.now)
        assert self.store.compare(name, wanted) == Change(new=0, kept=len(wanted), withdrawn=0)

    @rule(name=names, number=st.sampled_from([1, 2, 8]))
    def claim(self, name, number):
        wanted = self.models[name].due(self.now)
        first = self.store.next_due(self.ids[name], "nebula")
        assert (first is not None and first <= self.now) == bool(wanted)
        claims = self.store.claim(self.ids[name], {"nebula": number}, now=self.now, worker="w", lease_s=60.0)
        taken = [self.models[name].jobs[each.key] for each in claims]
        assert sorted(each.turn for each in taken) == [each.turn for each in wanted[:number]]
        for each, given in zip(taken, claims, strict=True):
            each.state, each.due_at, each.claimed_at = State.RUNNING, None, self.now
            each.attempt += 1
            assert (given.attempt, given.tries, given.ticket) == (each.attempt, each.tries, each.ticket)
            self.hands.append((name, given))

    @rule(
        name=names, outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=3, max_size=8), hold=st.booleans()
    )
    def settle(self, name, outcomes, hold):
        """What came in time and what came late, in one go."""
        policy = HOLDING if hold else POLICY
        mine = [each for at, each in (*self.gone, *self.hands) if at == name][: len(outcomes)]
        settled = [ended(each, how, policy, self.now) for each, how in zip(mine, outcomes, strict=False)]
        current = [self.models[name].holds(each) for each in mine]
        assert self.store.settle(self.ids[name], settled, now=self.now) == current
        for each, is_current in zip(settled, current, strict=True):
            if is_current:
                self.models[name].settle(each)
            else:
                self.models[name].late += 1
        self.give_back(mine)

    @rule(which=some)
    def ticket(self, which):
        if which >= len(self.hands) or self.hands[which][1].ticket:
            return
        name, claim = self.hands[which]
        model = self.models[name]
        sending = attempt(claim, cost_nusd=PRICE)
        there = self.store.ticket(self.ids[name], claim, b"{}", sending)
        assert (there.ticket, there.tries, there.billed_before) == (b"{}", 0, True)
        mine = model.jobs[claim.key]
        mine.ticket, mine.billed_before, mine.tries, mine.maybe_billed, mine.useless = b"{}", True, 0, 0, 0
        model.record(claim.key, sending)
        self.hands[which] = (name, there)

    @rule(which=some)
    def late_ticket(self, which):
        if which < len(self.gone) and not self.gone[which][1].ticket:
            name, claim = self.gone[which]
            assert self.store.ticket(self.ids[name], claim, b"{}", attempt(claim)) is None
            self.models[name].late += 1

    @rule(which=some)
    def release(self, which):
        if which >= len(self.hands) or self.hands[which][1].ticket:
            return
        name, claim = self.hands.pop(which)
        assert self.store.release(self.ids[name], [claim]) == 1
        mine = self.models[name].jobs[claim.key]
        mine.state, mine.due_at = State.PENDING, mine.before_its_claim
        mine.attempt, mine.claimed_at = mine.attempt - 1, None

    @rule(name=names, states=st.sampled_from([ENDED, (State.FAILED,), (State.UNKNOWN,)]))
    def retry(self, name, states):
        retried = [each for each in self.models[name].jobs.values() if each.state in states]
        assert self.store.retry(self.ids[name], states=states, now=self.now) == len(retried)
        for each in retried:
            each.anew(self.now)

    @rule(name=names)
    def cancel(self, name):
        cancelled = 0
        for each in self.models[name].jobs.values():
            if each.state is State.RUNNING:
                each.called_off = True
            if each.state is State.PENDING:
                each.state, each.due_at, cancelled = State.CANCELLED, None, cancelled + 1
        assert self.store.cancel(self.ids[name], now=self.now) == cancelled

    @rule(adopts=some, hold=st.booleans())
    def die_and_start_again(self, adopts, hold):
        """The runner of both batches is killed; the first few of its answers had been kept."""
        orphans = self.store.orphans()
        assert {each.claim.key for each in orphans} == {each.key for _, each in self.hands}
        batches = {self.ids[name]: self.models[name] for name in BATCHES}
        for orphan in orphans[:adopts]:
            self.adopt(batches[orphan.batch_id], orphan)
        left = orphans[adopts:]
        policy = HOLDING if hold else POLICY
        billed = self.store.recover(left, policy, cost=lambda _: PRICE, now=self.now)
        assert billed == sum(orphan.claim.ticket is None for orphan in left)
        for orphan in left:
            model, claim = batches[orphan.batch_id], orphan.claim
            model.settle(replace(ended(claim, Interrupted(sent=True), policy, self.now), attempt=None))
            model.record(claim.key, ended(claim, DONE, policy, self.now).attempt)
            model.jobs[claim.key].crashes += 1
        self.gone += self.hands
        self.hands = []

    def adopt(self, model, orphan):
        paid = PRICE if orphan.claim.ticket is None else 0
        assert self.store.adopt(orphan, (kept("fox.png"),), cost_nusd=paid, now=self.now)
        model.settle(ended(orphan.claim, DONE, POLICY, self.now))

    def give_back(self, claims):
        self.hands = [each for each in self.hands if each[1] not in claims]
        self.gone = [each for each in self.gone if each[1] not in claims]

    @invariant()
    def every_row_is_as_the_model_has_it(self):
        for name, model in self.models.items():
            columns = select(*(schema.jobs.c[column] for column in COLUMNS))
            found = self.store.connection.execute(columns.where(schema.jobs.c.batch_id == self.ids[name]))
            rows = {row.key: row._asdict() for row in found}
            assert rows == {key: vars(each) for key, each in model.jobs.items()}

    @invariant()
    def every_counter_is_what_the_rows_add_up_to(self):
        for name, model in self.models.items():
            tally = self.store.tally(self.ids[name])
            assert {each: getattr(tally, each) for each in model.counters()} == model.counters()

    @invariant()
    def every_sending_and_every_output_is_on_record_once(self):
        sendings, outputs = schema.attempts, schema.outputs
        for name, model in self.models.items():
            sent = (schema.jobs.c.key, sendings.c.number, sendings.c.counted, sendings.c.again)
            assert sorted(self.of(name, sendings, *sent)) == sorted(model.sent)
            kept_of = Counter(key for (key,) in self.of(name, outputs, schema.jobs.c.key))
            assert kept_of == +model.outputs

    def of(self, name, table, *columns):
        """Rows of a table that belong to the jobs of a batch."""
        mine = select(*columns).join_from(schema.jobs, table).where(schema.jobs.c.batch_id == self.ids[name])
        return [tuple(row) for row in self.store.connection.execute(mine)]


@pytest.fixture
def connection(tmp_path):
    queue = database.named(tmp_path / "runner.db")
    queue.prepare()
    with queue.writing().connect() as opened:
        yield opened


def test_the_queue_does_what_its_model_does(connection):
    some = settings(max_examples=settings.default.max_examples // 2, stateful_step_count=40)
    run_state_machine_as_test(lambda: Queue(connection), settings=some)
