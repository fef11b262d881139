"""Room that is kept free is really there, grows with the answers, and is given up once."""

import os

import pytest
from small_disk import small_disk

from runner.files import Unwritable
from runner.reserve import LEAST, STEP, Ballast, Reserve

MB = 1 << 20


@pytest.fixture
def place(tmp_path):
    return tmp_path / "runner.db.ballast"


def reserve(place, **options):
    made = Reserve(tell=lambda: None, **options)
    made.stand([place])
    return made


def test_s1_a_ballast_is_written_and_its_owners_alone(place):
    Ballast(place).hold(MB)
    status = place.stat()
    assert status.st_blocks * 512 >= MB
    assert status.st_mode & 0o777 == 0o600


def test_s1_a_ballast_grows_and_never_shrinks(place):
    for size, held in ((MB, MB), (2 * MB, 2 * MB), (MB, 2 * MB)):
        Ballast(place).hold(size)
        assert place.stat().st_size == held


def test_s1_a_ballast_that_has_no_room_to_grow_is_as_it_was(tmp_path):
    with small_disk(tmp_path / "disk", "2m") as folder:
        ballast = Ballast(folder / "runner.db.ballast")
        ballast.hold(MB)
        with pytest.raises(Unwritable, match=r"disk full: .*ballast"):
            ballast.hold(3 * MB)
        assert ballast.path.stat().st_size == MB


def test_x5_a_ballast_is_written_through_no_link(tmp_path, place):
    (tmp_path / "precious").write_bytes(b"mine")
    place.symlink_to(tmp_path / "precious")
    with pytest.raises(Unwritable, match="symbolic link"):
        Ballast(place).hold(MB)
    assert (tmp_path / "precious").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("answers", "concurrency", "size"), [([], 16, LEAST), ([5 * MB, MB], 3, 30 * MB), ([9], 2, LEAST)]
)
def test_s1_it_is_twice_all_answers_in_flight_at_their_largest(place, answers, concurrency, size):
    made = reserve(place)
    for answer in answers:
        made.saw(answer)
    assert made.size(concurrency) == size


def test_s1_it_is_short_once_a_larger_answer_was_seen(place):
    made = reserve(place)
    made.hold()
    assert not made.is_short(4)
    made.saw(MB)
    assert made.is_short(4)
    made.hold(4)
    assert not made.is_short(4)
    assert place.stat().st_size == 8 * MB


def test_s1_it_grows_step_by_step_so_that_an_end_does_not_wait_for_it(place):
    made = reserve(place)
    made.saw(STEP)
    made.hold(1)
    assert (made.is_short(1), place.stat().st_size) == (True, STEP)
    made.hold(1)
    assert (made.is_short(1), place.stat().st_size) == (False, 2 * STEP)


def test_s1_it_is_given_up_once_and_told_once(place):
    told = []
    made = Reserve(tell=lambda: told.append(os.path.lexists(place)), patience_s=0.0)
    made.stand([place])
    made.hold()
    assert made.make_room()
    assert told == [False]
    made.hold()
    assert not place.exists()
    assert not made.make_room()
    assert told == [False]


def test_s1_without_a_reserve_one_waits_for_others_to_make_room(place):
    made = reserve(place, patience_s=60.0)
    assert [made.make_room(), made.make_room()] == [True, True]


def test_s1_a_run_that_is_cut_waits_no_more(place):
    made = reserve(place, is_cut=lambda: True)
    assert [made.make_room(), made.make_room()] == [True, False]


def test_s1_one_disk_has_one_ballast(tmp_path):
    made = Reserve(tell=lambda: None)
    (tmp_path / "outputs").mkdir()
    made.stand([tmp_path / "runner.db.ballast", tmp_path / "outputs" / ".ballast"])
    made.hold()
    assert [path.name for path in tmp_path.rglob("*.ballast")] == ["runner.db.ballast"]
