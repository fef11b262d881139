"""What was asked of whose key and when, over all batches; and until when its provider is not to be asked."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from sqlalchemy import bindparam as given
from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.exc import NoResultFound

from runner.outcome import Attempt, Cause
from runner.schema import accounts, lanes, ledger
from runner.store.desk import Desk, Statement
from runner.store.rows import Closed, Controls, Settled

MINUTE_S = 60
"""A page of the ledger: a provider's day begins at a full minute."""

LANE = (lanes.c.batch_id == given("batch"), lanes.c.name == given("name"))
ACCOUNT = select(lanes.c.account).where(*LANE).scalar_subquery()
BOOK = Statement(
    update(ledger)
    .where(ledger.c.account == ACCOUNT, ledger.c.minute == given("at"))
    .values(
        requests=ledger.c.requests + given("more_requests"),
        spent_nusd=ledger.c.spent_nusd + given("more_spent"),
    ),
    ("more_requests", "more_spent", "batch", "name", "at"),
)
PAGE = ("account", "minute", "requests", "spent_nusd")
CLOSE = update(accounts).where(accounts.c.id == ACCOUNT)
CONTROLS = tuple(field.name for field in fields(Controls))


def is_out(attempt: Attempt) -> bool:
    """Whether its provider may have counted it: it was not where no connection could be made."""
    return attempt.billed or attempt.cause is not Cause.CONNECTION


class Ledger(Desk):
    """Accounts of providers, which batches share; a batch whose endpoints have none is not booked."""

    def assign(self, batch_id: int, endpoints: Mapping[str, str]) -> None:
        """Accounts of a batch's endpoints, by name. What was set of an endpoint stays."""
        for name, account in endpoints.items():
            here = (lanes.c.batch_id == batch_id) & (lanes.c.name == name)
            if self.connection.execute(select(accounts.c.id).where(accounts.c.id == account)).first() is None:
                self.connection.execute(insert(accounts).values(id=account))
            if not self.connection.execute(update(lanes).where(here).values(account=account)).rowcount:
                self.connection.execute(insert(lanes).values(batch_id=batch_id, name=name, account=account))

    def book(self, batch_id: int, attempts: Iterable[Attempt]) -> None:
        """Sendings onto the pages of the minutes that they began in."""
        pages: defaultdict[tuple[str, float], list[Attempt]] = defaultdict(list)
        for each in attempts:
            pages[each.served_by, each.started_at // MINUTE_S].append(each)
        for (name, began), same in pages.items():
            minute = int(began)
            requests = sum([each.counted and is_out(each) for each in same])
            spent_nusd = sum([each.cost_nusd or 0 for each in same])
            if not self.run(BOOK, requests, spent_nusd, batch_id, name, minute):
                self._open_page(batch_id, name, (minute, requests, spent_nusd))

    def _open_page(self, batch_id: int, name: str, page: tuple[int, int, int]) -> None:
        page_of_account = select(lanes.c.account, *map(literal, page)).where(
            lanes.c.batch_id == batch_id, lanes.c.name == name
        )
        self.connection.execute(insert(ledger).from_select(PAGE, page_of_account))

    def requests_since(self, batch_id: int, endpoint: str, *, since: float) -> int:
        """Requests that were sent since, at a full minute, with the key of an endpoint: by all batches."""
        return self.used_since(batch_id, endpoint, since=since)[0]

    def used_since(self, batch_id: int, endpoint: str, *, since: float) -> tuple[int, int]:
        """The same, and what they cost where that is known, in billionths of a dollar."""
        sums = [func.coalesce(func.sum(column), 0) for column in (ledger.c.requests, ledger.c.spent_nusd)]
        booked = select(*sums).where(ledger.c.account == ACCOUNT, ledger.c.minute >= int(since // MINUTE_S))
        found = self.connection.execute(booked, {"batch": batch_id, "name": endpoint}).one()
        return int(found[0]), int(found[1])

    def requests_of(self, account: str, *, since: float) -> int:
        """Requests that were sent since, at a full minute, on an account."""
        booked = select(func.coalesce(func.sum(ledger.c.requests), 0)).where(
            ledger.c.account == account, ledger.c.minute >= int(since // MINUTE_S)
        )
        return int(self.connection.execute(booked).scalar_one())

    def close_refused(self, batch_id: int, settled: Sequence[Settled]) -> None:
        """A refusal for pace outlives the run: committed with it, it closes the account for others, too.

        Its job may be due sooner, for an equivalent.
        """
        until: dict[str, float] = {}
        for each in settled:
            if each.closed_until is not None and each.attempt is not None:
                name = each.attempt.served_by
                until[name] = max(until.get(name, 0.0), each.closed_until)
        for name, closed_until in until.items():
            earlier = accounts.c.closed_until.is_(None) | (accounts.c.closed_until < closed_until)
            self.connection.execute(
                CLOSE.where(earlier).values(closed_until=closed_until, why=None),
                {"batch": batch_id, "name": name},
            )

    def close(self, batch_id: int, endpoint: str, closed: Closed | None) -> None:
        """Nothing is to be sent with the key of an endpoint until then; None: it is open."""
        until, why = (None, None) if closed is None else (closed.until, closed.why)
        self.connection.execute(
            CLOSE.values(closed_until=until, why=why), {"batch": batch_id, "name": endpoint}
        )

    def closed(self, batch_id: int, endpoint: str, *, now: float) -> Closed | None:
        """Until when the account of an endpoint is closed; None: it is open."""
        found = self.connection.execute(
            select(accounts.c.closed_until, accounts.c.why).where(
                accounts.c.id == ACCOUNT, accounts.c.closed_until > now
            ),
            {"batch": batch_id, "name": endpoint},
        ).one_or_none()
        return None if found is None else Closed(until=found.closed_until, why=found.why)

    def controls(self, batch_id: int) -> dict[str, Controls]:
        """What people have set of a batch's endpoints, by name."""
        found = self.connection.execute(
            select(lanes.c.name, *(lanes.c[name] for name in CONTROLS)).where(lanes.c.batch_id == batch_id)
        )
        return {name: Controls(*values) for name, *values in found}

    def control(self, batch_id: int, endpoint: str, **values: str | int | None) -> None:
        """Set some of `Controls` of an endpoint; None: as the manifest says. Raises `NoResultFound`."""
        changed = self.connection.execute(
            update(lanes).where(lanes.c.batch_id == batch_id, lanes.c.name == endpoint).values(values)
        )
        if not changed.rowcount:
            raise NoResultFound(endpoint)
