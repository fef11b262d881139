import random
from itertools import pairwise

import pytest

from runner.latency import BARS, Latencies


def told(*seconds):
    taken = Latencies()
    for each in seconds:
        taken.add(each)
    return taken.told()


def test_without_answers_there_is_nothing_to_tell():
    nothing = told()
    assert (nothing.answers, nothing.mean_s, nothing.p50_s, nothing.longest_s, nothing.bars) == (
        0,
        None,
        None,
        None,
        (),
    )


@pytest.mark.parametrize("scale", [0.002, 0.3, 12.0, 4_000.0])
def test_quantiles_are_true_to_one_per_cent(scale):
    chance = random.Random(7)
    seconds = sorted(scale * chance.lognormvariate(0, 1) for _ in range(5_000))
    found = told(*seconds)
    for share, quantile in ((0.5, found.p50_s), (0.95, found.p95_s), (0.99, found.p99_s)):
        assert quantile == pytest.approx(seconds[int(share * 5_000) - 1], rel=0.0101)
    assert found.longest_s == seconds[-1]
    assert found.mean_s == pytest.approx(sum(seconds) / 5_000)


def test_no_quantile_is_above_the_longest():
    found = told(0.5)
    assert found.p50_s == found.p99_s == pytest.approx(0.5, rel=0.01)
    assert max(found.p50_s, found.p95_s, found.p99_s) <= found.longest_s


def test_bars_are_few_and_have_every_answer():
    found = told(0.0, 0.01, 0.3, 0.3, 900.0)
    assert len(found.bars) <= BARS
    assert sum(bar.answers for bar in found.bars) == 5
    assert found.bars[0].from_s <= 0.001 < found.bars[0].to_s
    assert found.bars[-1].from_s <= 900 < found.bars[-1].to_s
    assert all(bar.to_s == pytest.approx(after.from_s) for bar, after in pairwise(found.bars))


def test_those_of_several_are_taken_together():
    one, other = Latencies(), Latencies()
    one.add(1.0)
    other.add(4.0)
    one.take(other)
    assert (one.told().answers, one.told().mean_s, one.told().longest_s) == (2, 2.5, 4.0)
