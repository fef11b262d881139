"""When an endpoint may be called next: pure, time is an argument (seconds on a monotonic clock).

One clock per endpoint answers two questions, `room` and `opens_at`; limits, refusals and answers push it.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime
from math import exp2, floor, inf, log2
from typing import Literal

from runner import crowd
from runner.crowd import Crowd
from runner.endpoint import Limits
from runner.hints import Hints, Window
from runner.learned import Learned
from runner.remaining import Remaining

MARGIN = 0.99
"""The part of a stated limit that is used: the provider's clock is not ours."""
SLACK_S = 0.2
"""How far late sends may catch up with their schedule; the first burst is as long."""
GATHERED_S = 0.01
"""Sends that are closer together go out by twos and more: each waking costs a claim in the queue."""
TOLERANCE = 1e-6
"""Part of a unit that rounding may have lost."""
MANY = 1 << 20
"""Room where nothing bounds it."""
DAY_S = 86_400.0
USUAL_TOKENS = 500.0
"""Tokens of a request before any answer has told."""
LEARNING = 0.1
"""The weight of the newest answer in what a request usually takes."""
FIRST_PAUSE_S = 1.0
"""The pause after a refusal that names no time; it doubles with each in a row."""
LONGEST_PAUSE_S = 60.0
JITTER = 0.1
"""The part of a pause that chance may add, so that many runners do not return at once."""
MOST_JITTER_S = 5.0
PATIENCE = 4.0
"""A probe that is out so many times as long as a refusal took is not being refused."""
LEAST_PATIENCE_S = 1.0
OPENING = 16
"""Requests that go out at once before anything is known; with each second unanswered twice as many."""
LONGEST_OPENING_S = 16.0
"""After so many of them it is all the same."""
REMEMBERED = 2048
"""Starts that are remembered, and two for each request in flight."""


@dataclass(slots=True)
class Spread:
    """So many units a minute, one after the other: what time has earned is spent by each send.

    The rate is the least of what the manifest states, what the provider tells, and what refusals taught.
    """

    per_minute: float = inf
    earned: float = 0.0
    earned_at: float = -inf
    told: dict[str, Remaining] = field(default_factory=dict)
    learned: Learned | None = None

    def rate(self, now: float) -> float:
        """Units a second."""
        rate = self.per_minute / 60.0 * MARGIN
        if self.learned is not None:
            rate = min(rate, self.learned.rate(now))
        if self.per_minute == inf:
            for remaining in self.told.values():
                rate = min(rate, remaining.rate(now))
        return rate

    def _earn(self, now: float, units: float) -> float:
        """Add what has been earned since; returns the rate at which it was."""
        rate = self.rate(now)
        most = max(rate * SLACK_S, units)
        is_first = self.earned_at == -inf or rate == inf
        self.earned = most if is_first else min(self.earned + rate * (now - self.earned_at), most)
        self.earned_at = now
        return rate

    def room(self, now: float, units: float = 1.0) -> int:
        """How many requests of so many units may go now."""
        self._earn(now, units)
        there = min(self.earned, MANY * units)
        for told in self.told.values():
            there = min(there, told.available(now))
        return max(floor(there / units + TOLERANCE), 0)

    def opens_at(self, now: float, units: float = 1.0) -> float:
        """When there is room for some; for several at once where they are close together."""
        rate = self._earn(now, units)
        wanted = max(units, rate * GATHERED_S)
        is_there = self.earned >= units * (1.0 - TOLERANCE) or rate in {0.0, inf}
        earned_at = now if is_there else now + (wanted - self.earned) / rate
        there_at = max((told.opens_at(now, units) for told in self.told.values()), default=now)
        return max(earned_at, there_at)

    def spend(self, units: float = 1.0) -> None:
        """So many units go out; fewer than none: what was thought to be used was not."""
        self.earned -= units
        for remaining in self.told.values():
            remaining.spend(units)

    def returns_at(self, now: float) -> float:
        """When what the provider told to be used up is there again."""
        return max((told.opens_at(now, 1.0) for told in self.told.values()), default=now)

    def tell(self, window: Window, *, sent_at: float, ahead: float, now: float) -> None:
        if window.name not in self.told:
            self.told[window.name] = Remaining()
        self.told[window.name].tell(window, sent_at=sent_at, ahead=ahead, now=now)


@dataclass(slots=True)
class Day:
    """So many requests until the provider's day ends; None: as many as it lets through."""

    limit: int | None
    used: int
    resets_at: float
    opens: str = ""
    """When it ends, in words for people."""
    is_over: bool = False
    """Whether the provider has said that the day's quota is used up, whatever was counted here."""

    def turn(self, now: float) -> None:
        """A new day begins with nothing used."""
        while now >= self.resets_at:
            self.used, self.is_over = 0, False
            self.resets_at += DAY_S

    def room(self, now: float) -> int:
        self.turn(now)
        if self.is_over:
            return 0
        return MANY if self.limit is None else max(self.limit - self.used, 0)

    def why(self) -> str:
        quota = "day quota used up" if self.limit is None else f"day quota {self.used}/{self.limit}"
        return f"{quota}, opens {self.opens}" if self.opens else quota


@dataclass(slots=True)
class Gate:
    """Closed until some time; then one request tries alone whether it is open again."""

    until: float = -inf
    why: str = ""
    is_probing: bool = False
    probe_at: float = inf
    """When the probe went out."""
    patience_s: float = inf
    """How long the probe is waited for before no answer is taken for a good one."""

    asked_until: float = -inf
    """Until when the provider itself has asked for it."""

    def close(self, until: float, why: str, *, patience_s: float = inf) -> None:
        self.is_probing, self.probe_at, self.patience_s = True, inf, patience_s
        if until > self.until:
            self.until, self.why = until, why

    def reopen(self) -> None:
        """The endpoint has come back: nothing holds but what the provider asked for."""
        self.until = self.asked_until

    def room(self, now: float) -> int:
        if now < self.until:
            return 0
        if self.is_probing and now >= self.probe_at + self.patience_s:
            self.is_probing = False
        return int(self.probe_at == inf) if self.is_probing else MANY

    def opens_at(self, now: float) -> float:
        return max(self.until, now) if self.room(now) or now < self.until else self.probe_at + self.patience_s

    def start(self, now: float) -> None:
        if self.is_probing:
            self.probe_at = now

    def free_probe(self) -> None:
        """The probe ended without telling: another may go."""
        self.probe_at = inf

    def reached(self, sent_at: float) -> None:
        """A request sent after the closing was answered."""
        if sent_at >= self.until:
            self.is_probing = False


@dataclass(slots=True, kw_only=True)
class Pace:
    """The clock of one endpoint.

    The one who sends asks `room`, and sleeps until `opens_at` where there is none; says `start` of each
    request that goes out and `ended` of each that is over, and then what came of it: `reached` for any answer
    but a refusal for pace, and `answered` if it was whole; `refused` for a refusal; `unsent` where nothing
    had gone out. `tell` passes on what the headers of any answer say.
    """

    crowd: Crowd
    requests: Spread | None = None
    """None while nothing bounds them: neither the manifest, nor the provider, nor its refusals."""
    tokens: Spread | None = None
    day: Day | None = None
    gate: Gate = field(default_factory=Gate)
    learned: Learned = field(default_factory=Learned)
    usual_tokens: float = USUAL_TOKENS
    refusals: int = 0
    """Refusals for pace in a row, those of one moment counted once."""
    sent: int = 0
    is_heard: bool = False
    """Whether any request is over: until then little is risked where no limit is stated."""
    opened_at: float = inf
    """When the first request went out."""
    starts: list[float] = field(default_factory=list)
    """When the latest requests went out, where what is left is told by answers to earlier ones."""
    estimated: float = 0.0
    """Tokens that the requests in flight are expected to take."""
    ended_tokens: float = 0.0
    """What the request that ended last was expected to."""

    def room(self, now: float) -> int:
        """How many requests may start now."""
        room = min(self.crowd.room(), self.gate.room(now))
        if room > 0 and self.day is not None:
            room = min(room, self.day.room(now))
        if room > 0 and self.requests is not None:
            room = min(room, self.requests.room(now))
        if room > 0 and self.tokens is not None:
            room = min(room, self.tokens.room(now, self.usual_tokens))
        if not self.is_heard and self.requests is None:
            room = min(room, self._opening(now) - self.sent)
        return max(room, 0)

    def opens_at(self, now: float) -> float:
        """When there may be room again; inf: once something that is in flight has ended."""
        if self.crowd.room() <= 0:
            return inf
        opens_at = self.gate.opens_at(now)
        if not self.is_heard and self.requests is None and self.sent >= OPENING:
            opens_at = max(opens_at, self.opened_at + log2((self.sent + 1) / OPENING))
        if self.requests is not None:
            opens_at = max(opens_at, self.requests.opens_at(now))
        if self.tokens is not None:
            opens_at = max(opens_at, self.tokens.opens_at(now, self.usual_tokens))
        if self.day is not None and self.day.room(now) == 0:
            opens_at = max(opens_at, self.day.resets_at)
        return opens_at

    def _opening(self, now: float) -> int:
        """Requests that may have gone out by now while nothing has been heard."""
        seconds = min(max(now - self.opened_at, 0.0), LONGEST_OPENING_S)
        return floor(OPENING * exp2(seconds) + TOLERANCE)

    def start(self, now: float, tokens: float | None = None) -> None:
        """One request goes out, expected to take so many tokens; None: as many as usual."""
        self.crowd.start()
        self.gate.start(now)
        self.learned.start(now)
        if self.requests is not None:
            self.requests.spend()
        if self.tokens is not None:
            expected = self.usual_tokens if tokens is None else tokens
            self.tokens.spend(expected)
            self.estimated += expected
        if self.day is not None:
            self.day.used += 1
        self._remember(now)

    def _remember(self, now: float) -> None:
        if not self.sent:
            self.opened_at = now
        self.sent += 1
        self.starts.append(now)
        if len(self.starts) > REMEMBERED + 2 * self.crowd.in_flight:
            del self.starts[: REMEMBERED // 2]

    def ended(self) -> None:
        """A request is over; what came of it is said next."""
        if self.tokens is not None:
            self.ended_tokens = self.estimated / max(self.crowd.in_flight, 1)
            self.estimated -= self.ended_tokens
        self.crowd.end()
        self.is_heard = True
        if self.crowd.in_flight == 0:
            self.gate.free_probe()

    def unsent(self) -> None:
        """The request that ended last never went out, or went on without one."""
        if self.requests is not None:
            self.requests.spend(-1.0)
        if self.tokens is not None:
            self.tokens.spend(-self.ended_tokens)
        if self.day is not None:
            self.day.used -= 1
        self.gate.free_probe()

    def reached(self, sent_at: float = inf) -> None:
        """The endpoint has answered a request sent then, if only to refuse a job: it is open."""
        self.refusals = 0
        self.gate.reached(sent_at)

    def answered(self, *, sent_at: float, latency_s: float, tokens: int | None) -> None:
        """A whole answer, and what the request that ended last took."""
        self.crowd.answered(sent_at=sent_at, latency_s=latency_s)
        if tokens is not None and self.tokens is not None:
            self.tokens.spend(tokens - self.ended_tokens)
            self.usual_tokens = max(self.usual_tokens + LEARNING * (tokens - self.usual_tokens), 1.0)

    def tell(self, hints: Hints, *, sent_at: float, now: float) -> None:
        """What an answer to a request sent then said of the provider's limits."""
        if hints.is_daily and self.day is not None:
            self.day.is_over = True
        for window in hints.windows:
            ahead = self._since(sent_at)
            if window.unit == "tokens":
                self._tokens().tell(window, sent_at=sent_at, ahead=ahead * self.usual_tokens, now=now)
            else:
                self._requests().tell(window, sent_at=sent_at, ahead=ahead, now=now)

    def _since(self, sent_at: float) -> int:
        """Requests that went out after the one sent then."""
        return len(self.starts) - bisect_right(self.starts, sent_at)

    def _requests(self) -> Spread:
        """Their clock; from now on there is something to keep to."""
        if self.requests is None:
            self.requests = Spread()
        return self.requests

    def _tokens(self) -> Spread:
        if self.tokens is None:
            self.tokens = Spread()
        return self.tokens

    def refused(
        self,
        *,
        after_s: float | None,
        sent_at: float,
        latency_s: float,
        now: float,
        wall: float,
        chance: float,
    ) -> float:
        """A refusal for pace closes the endpoint; returns until when.

        `after_s` is the provider's wish, `wall` is `now` in seconds since the epoch, `chance` is from 0 to 1.
        """
        is_crowded = self.crowd.overloaded(sent_at=sent_at, now=now, for_pace=True)
        if is_crowded:
            self.learned.unlearn()
        if now >= self.gate.until > sent_at:
            return now
        if sent_at < self.gate.until:
            return self._close(now + (after_s or 0.0), wall - now, latency_s)
        self.refusals += 1
        pause_s = self._pause(now, chance) if after_s is None else after_s
        self._learn(sent_at, until=now + pause_s)
        if is_crowded:
            self.learned.unlearn()
        until = now + pause_s + chance * min(JITTER * pause_s, MOST_JITTER_S)
        return self._close(until, wall - now, latency_s)

    def _learn(self, sent_at: float, *, until: float) -> None:
        """Find the rate from what got through before."""
        before = self.sent - self._since(sent_at) - 1
        self.learned.refused(before=before, sent=self.sent, until=until)
        self._requests().learned = self.learned

    def _pause(self, now: float, chance: float) -> float:
        """Seconds where a refusal names none: until what was told is used up no longer is, or a guess."""
        spreads = [spread for spread in (self.requests, self.tokens) if spread is not None]
        told_s = max((spread.returns_at(now) - now for spread in spreads), default=0.0)
        guess_s = min(FIRST_PAUSE_S * 2.0 ** (self.refusals - 1), LONGEST_PAUSE_S)
        return told_s or guess_s * (0.5 + chance / 2)

    def _close(self, until: float, epoch: float, latency_s: float) -> float:
        why = limited(epoch + until)
        self.gate.close(until, why, patience_s=max(PATIENCE * latency_s, LEAST_PATIENCE_S))
        self.gate.asked_until = max(self.gate.asked_until, until)
        return self.gate.until

    def adjust(
        self, *, concurrency: int | Literal["auto"] | None = None, requests_per_minute: int | None = None
    ) -> None:
        """What a user sets while it runs; what was learned before counts no more where it is of that kind."""
        if concurrency is not None:
            self.crowd.limit(None if concurrency == "auto" else concurrency)
        if requests_per_minute is not None:
            self._requests().per_minute = requests_per_minute
            self.learned.found = inf

    def close(self, until: float, why: str) -> None:
        """Nothing goes out until then, and then one request first."""
        self.gate.close(until, why)

    def keep_closed(self, until: float, why: str) -> None:
        """Its provider has asked an earlier run, or another batch, not to send before."""
        self.gate.close(until, why)
        self.gate.asked_until = max(self.gate.asked_until, until)

    def came_back(self, sent_at: float) -> None:
        """A request that was sent then was answered, although the endpoint had been given up for now."""
        self.gate.reopen()
        self.gate.reached(sent_at)

    def why(self, now: float) -> str | None:
        """Why nothing may start, in words; None where it may, or waits for an answer."""
        if now < self.gate.until:
            return self.gate.why
        if self.day is not None and self.day.room(now) == 0:
            return self.day.why()
        if self.room(now) == 0 and self.crowd.room() > 0 and not self.gate.is_probing:
            return "paced by the limits"
        return None


def of(
    limits: Limits, concurrency: int | Literal["auto"], *, now: float, wall: float, used_today: int = 0
) -> Pace:
    """The clock of an endpoint under the limits that its manifest states; `wall` is `now` since the epoch."""
    begins = day_began(limits.resets_at, wall)
    resets_at = now + begins + DAY_S - wall
    return Pace(
        crowd=crowd.auto() if concurrency == "auto" else crowd.fixed(concurrency),
        requests=None if limits.requests_per_minute is None else Spread(limits.requests_per_minute),
        tokens=None if limits.tokens_per_minute is None else Spread(limits.tokens_per_minute),
        day=Day(limits.requests_per_day, used_today, resets_at, opens=f"{limits.resets_at} UTC"),
    )


def day_began(resets_at: str, wall: float) -> float:
    """When the provider's day began that `wall` is in, both in seconds since the epoch: `HH:MM` in UTC."""
    hours, minutes = map(int, resets_at.split(":"))
    offset = hours * 3600.0 + minutes * 60.0
    return wall - (wall - offset) % DAY_S


def limited(until: float) -> str:
    """A provider's limit in words, `until` in seconds since the epoch; the hour is local."""
    return f"rate limited until {datetime.fromtimestamp(until).astimezone():%H:%M:%S} (provider)"
