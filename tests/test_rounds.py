import pytest

from runner.rounds import Rounds


def after(answers, *, places=4, settling=4, in_flight=4):
    """Rounds after an answer a second."""
    rounds = Rounds(places, settling=settling)
    rounds.peak = in_flight
    told = [rounds.answered(float(n), in_flight) for n in range(answers)]
    return rounds, told


def test_a_round_is_as_many_answers_as_there_are_places():
    rounds, told = after(12)
    assert (rounds.answers, rounds.round_s) == (8, 4.0)
    assert [n for n, is_over in enumerate(told) if is_over] == [11]


def test_answers_to_what_was_sent_before_are_let_pass():
    assert after(4)[0].answers == 0


def test_places_that_are_not_taken_tell_nothing():
    assert after(40, in_flight=2)[0].answers == 0


@pytest.mark.parametrize(("answers", "is_enough"), [(47 + 4, False), (48 + 4, True)])
def test_after_some_rounds_it_is_enough(answers, is_enough):
    assert after(answers)[0].is_enough is is_enough
