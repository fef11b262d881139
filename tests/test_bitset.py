import sys
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from runner.bitset import Bitset


@given(st.lists(st.integers(0, 5000)))
def test_it_holds_what_a_set_holds(numbers):
    bits = Bitset()
    for number in numbers:
        bits.add(number)
    assert len(bits) == len(set(numbers))
    assert [number in bits for number in range(5001)] == [number in set(numbers) for number in range(5001)]


def test_a_hundred_thousand_rows_in_a_row_take_a_twentieth_of_a_list():
    tracemalloc.start()
    bits = Bitset()
    for number in range(100_000):
        bits.add(number)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(bits) == 100_000
    assert taken < sys.getsizeof([*range(100_000)]) / 20
