import pytest
import rows

from runner.facts import Alike, Looks, facts, summed
from runner.outcome import Cause
from runner.store.rows import Kind, Sending, Standing

AT = rows.AT


def sending(**fields):
    made = Sending(
        served_by="nebula",
        model="sdxl",
        cause=None,
        started_at=AT,
        latency_s=0.5,
        counted=1,
        billed=1,
        cost_nusd=3_000_000,
        usage=None,
    )
    return made._replace(**fields)


def said(*sendings, batch=None, standings=(), kinds=None, looks=None):
    return facts(
        batch or rows.batch(tally=rows.tally(succeeded=2, spent_nusd=6_000_000)),
        summed(sendings),
        standings=standings,
        failures=(),
        kinds=kinds or {},
        looks=looks or Looks(looked_at=0),
        at=AT,
    )


def test_sendings_are_summed_up_by_endpoint_and_model():
    found = said(
        sending(usage=b'{"input_tokens":5,"output_tokens":7}'),
        sending(latency_s=1.5, usage=b'{"output_tokens":null}'),
        sending(cause="throttled", billed=0, cost_nusd=0),
        sending(model="flux", cause="blocked"),
        sending(served_by="backup", counted=0),
        standings=[Standing("nebula", "sdxl", "succeeded", 2), Standing("nebula", "waits", "pending", 9)],
    )
    told = [
        (part.endpoint, part.model, part.attempts, part.answered, dict(part.causes), dict(part.jobs))
        for part in found.parts
    ]
    assert told == [
        ("backup", "sdxl", 0, 1, {}, {}),
        ("nebula", "flux", 1, 0, {"blocked": 1}, {}),
        ("nebula", "sdxl", 3, 2, {"throttled": 1}, {"succeeded": 2}),
        ("nebula", "waits", 0, 0, {}, {"pending": 9}),
    ]
    assert (found.attempts, found.refusals, found.input_tokens, found.output_tokens) == (4, 1, 5, 7)
    assert found.latency.answers == 3
    assert found.latency.longest_s == 1.5
    assert found.rate(Cause.BLOCKED) == 0.25


@pytest.mark.parametrize(
    ("fields", "nusd"),
    [({}, 3_000_000), ({"cost_nusd": None, "billed": 0}, 0), ({"cost_nusd": None}, None)],
)
def test_a_part_costs_what_is_known_unless_something_billed_is_not(fields, nusd):
    [part] = said(sending(**fields)).parts
    assert part.nusd == nusd


def test_an_output_costs_its_share_of_all_that_was_spent():
    kinds = {"image": Kind(3, 900), "text": Kind(1, 9)}
    assert said(kinds=kinds).nusd_per_output == 1_500_000
    assert (said(kinds=kinds).pictures, said(kinds=kinds).outputs) == (3, 4)
    assert said().nusd_per_output is None
    assert said(kinds=kinds, batch=rows.batch(priced=False)).nusd is None


def test_without_sendings_there_are_no_rates():
    assert (said().rate(Cause.BLOCKED), said().attempts, said().timeline.steps) == (None, 0, ())


def test_duplicates_are_those_that_look_like_an_earlier_one():
    looks = Looks(looked_at=9, alike=(Alike(paths=("a", "b", "c")), Alike(paths=("d", "e"))))
    assert looks.duplicates == 3
