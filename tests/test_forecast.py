import pytest
from queues import job

from runner.endpoint import Endpoint
from runner.forecast import Bill, Load, Quota, over_days
from runner.store import Usual

USUAL = Usual(answers=9, nusd=500_000, latency_s=2.0)
TOLD = {("nebula", "sdxl"): Usual(answers=9, nusd=None, latency_s=0.0, tokens=100.0)}


def endpoint(**changes):
    return Endpoint.model_validate(
        {"dialect": "openai-chat", "url": "https://api.example.com/v1", "key": "${KEY}", **changes}
    )


def bill(price, history=(), also=()):
    endpoints = {
        "nebula": endpoint(price=price),
        "cheap": endpoint(price={"request": 0.001}),
        "free": endpoint(),
    }
    made = Bill(endpoints=endpoints, history=dict(history))
    for n in range(4):
        made.add(job(f"{n}", body=b'{"max_tokens":1000}', also=tuple(also)))
    return made


def test_a_price_that_no_answer_changes():
    made = bill({"request": 0.5})
    assert (made.least, made.most, made.likely) == (2 * 10**9, 2 * 10**9, 2 * 10**9)


def test_between_no_answer_and_the_longest():
    made = bill({"output": 1.0})
    assert (made.least, made.most, made.likely) == (0, 4_000_000, 4_000_000)


def test_earlier_answers_tell_what_is_likely():
    made = bill({"output": 1.0}, {("nebula", "sdxl"): USUAL})
    assert (made.likely, made.most) == (2_000_000, 4_000_000)
    assert made.answers == {("nebula", "sdxl"): 9}


def test_equivalents_widen_it():
    made = bill({"request": 0.5}, also=["cheap"])
    assert (made.least, made.most) == (4_000_000, 2 * 10**9)


@pytest.mark.parametrize(
    ("price", "also", "name"), [(None, [], "nebula"), ({"request": 0.5}, ["free"], "free")]
)
def test_what_is_not_known_is_never_nothing(price, also, name):
    assert bill(price, also=also).unknown == {name: 4}


def load(number, history=(), also=(), body=b"{}", **changes):
    endpoints = {"nebula": endpoint(**changes), "backup": endpoint(limits={"requests_per_minute": 180})}
    made = Load(endpoints=endpoints, history=dict(history))
    for n in range(number):
        made.add(job(str(n), also=tuple(also), body=body))
    return made


@pytest.mark.parametrize(
    ("made", "seconds"),
    [
        (load(120, limits={"requests_per_minute": 60}), 120.0),
        (load(120), None),
        (load(120, also=["backup"]), None),
        (load(120, also=["backup"], limits={"requests_per_minute": 60}), 30.0),
        (load(120, {("nebula", "sdxl"): USUAL}, concurrency=4), 60.0),
        (load(120, {("nebula", "sdxl"): USUAL}, concurrency=4, limits={"requests_per_minute": 60}), 120.0),
        (load(0), None),
        (load(60, limits={"tokens_per_minute": 10_000}), 180.0),
        (load(60, limits={"tokens_per_minute": 10_000}, body=b'{"max_tokens":995}'), 360.36),
        (load(60, TOLD, limits={"tokens_per_minute": 10_000, "requests_per_minute": 60}), 60.0),
        (load(60, TOLD, limits={"tokens_per_minute": 3_000, "requests_per_minute": 60}), 120.0),
        (
            load(60, TOLD, also=["backup"], limits={"tokens_per_minute": 3_000, "requests_per_minute": 180}),
            60.0,
        ),
    ],
)
def test_the_time_under_the_limits(made, seconds):
    assert made.time({}).seconds == (seconds and pytest.approx(seconds))


@pytest.mark.parametrize(
    ("requests", "used", "seconds", "nights"),
    [
        (200, 0, 100.0, 1),
        (201, 0, 3600.0 + 100 / 201, 2),
        (600, 0, 3600.0 + 86_400.0 + 100 / 3, 3),
        (450, 0, 3600.0 + 86_400.0 + 50 / 450 * 100, 3),
        (200, 200, 3600.0 + 100, 1),
        (200, 250, 3600.0 + 100, 1),
    ],
)
def test_the_nights_that_a_days_quota_asks_for(requests, used, seconds, nights):
    time = over_days(requests, 200, Quota(used=used, ends_in_s=3600.0), 100.0)
    assert (time.nights, time.seconds) == (nights, pytest.approx(seconds))


def test_a_plan_of_several_days():
    made = load(600, limits={"requests_per_minute": 60, "requests_per_day": 200})
    assert made.time({"nebula": Quota(used=0, ends_in_s=3600.0)}).nights == 3
