import pytest

from runner.timeline import ANSWERED, FAILED, MOST_KEPT, MOST_TOLD, REFUSED, Times, breaks, places

AT = 1_795_399_200.0


def told(*endings):
    times = Times()
    for at, ending in endings:
        times.add(at, ending)
    return times.told()


def counts(step):
    return step.answered, step.refused, step.failed


def test_what_ends_is_counted_in_steps_by_what_it_ended_in():
    line = told((AT, ANSWERED), (AT + 0.05, REFUSED), (AT + 0.32, FAILED), (AT + 0.31, ANSWERED))
    assert line.step_s == 0.1
    assert [(round(step.at - AT, 3), *counts(step)) for step in line.steps] == [
        (0.0, 1, 1, 0),
        (0.3, 1, 0, 1),
    ]
    assert line.worked_s == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("seconds", "step_s"),
    [(10, 0.1), (50, 0.5), (100, 1), (3_600, 30), (8 * 3_600, 300), (86_400 * 30, 86_400)],
)
def test_steps_widen_until_a_picture_has_room_for_them(seconds, step_s):
    line = told(*((AT + seconds * number / 5_000, ANSWERED) for number in range(5_000)))
    assert line.step_s == step_s
    assert len(line.steps) <= MOST_TOLD
    assert sum(step.answered for step in line.steps) == 5_000


def test_memory_does_not_grow_with_what_is_taken():
    times = Times()
    for number in range(20_000):
        times.add(AT + number * 3.7, ANSWERED)
        assert len(times._steps) <= MOST_KEPT
    assert sum(step.answered for step in times.told().steps) == 20_000


def test_idle_time_between_two_nights_is_left_out_and_told():
    night = [(AT + number * 60, ANSWERED) for number in range(60)]
    line = told(*night, *((at + 86_400, ending) for at, ending in night))
    assert line.worked_s == pytest.approx(2 * 3_600, rel=0.05)
    [(place, idle_s)] = breaks(line)
    assert idle_s == pytest.approx(86_400 - 3_600, rel=0.01)
    placed = [where for where, _ in places(line)]
    assert placed == sorted(placed)
    assert max(placed) < MOST_TOLD + 2
    assert sum(1 for where in placed if where < place) == len(placed) / 2


def test_nothing_is_an_empty_line():
    assert (told().steps, told().worked_s, breaks(told())) == ((), 0, [])
