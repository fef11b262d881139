import pytest

from runner import checkup
from runner.checkup import Level


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ((3, 40, 1), Level.WARN),
        ((3, 44, 5), Level.WARN),
        ((3, 44, 6), Level.OK),
        ((3, 50, 6), Level.WARN),
        ((3, 50, 7), Level.OK),
        ((3, 51, 2), Level.WARN),
        ((3, 51, 3), Level.OK),
        ((3, 53, 0), Level.OK),
        ((4, 0, 0), Level.OK),
    ],
)
def test_a_release_of_sqlite_with_a_known_bug_is_warned_of(version, level):
    assert checkup.sqlite(version).level is level


@pytest.mark.parametrize(
    ("kind", "local", "level"),
    [
        ("ext4", True, Level.OK),
        ("nfs4", True, Level.FAIL),
        ("nfs4", False, Level.WARN),
        ("unknown", True, Level.WARN),
    ],
)
def test_s11_a_queue_belongs_on_a_local_disk(kind, local, level):
    found = checkup.file_system("queue", "/data/runner.db", kind, local=local)
    assert (found.level, kind in found.found) == (level, True)
    assert (found.advice == "") is (level is Level.OK)


@pytest.mark.parametrize(
    ("free", "level"), [(2_000_000_000, Level.OK), (900_000_000, Level.WARN), (4_000_000, Level.FAIL)]
)
def test_room_that_is_too_little_is_told_before_it_is_used_up(free, level):
    assert checkup.space("outputs", "/data", free).level is level


@pytest.mark.parametrize(
    ("mode", "level"), [(0o100600, Level.OK), (0o100640, Level.WARN), (0o100604, Level.WARN)]
)
def test_x7_a_queue_that_others_can_read_is_warned_of(mode, level):
    assert checkup.privacy("queue", "runner.db", mode).level is level


@pytest.mark.parametrize(
    ("year", "wall_s", "level"),
    [(2026, 0.05, Level.OK), (2026, 0.2, Level.WARN), (2026, -3600, Level.WARN), (1970, 0.05, Level.FAIL)],
)
def test_a_clock_that_runs_wild_is_told(year, wall_s, level):
    assert checkup.clock(year, wall_s=wall_s, monotonic_s=0.05).level is level


def test_a_variable_that_is_not_set_is_told_with_where_to_put_it():
    assert checkup.variable("NEBULA_API_KEY", "…a1b2").found == "${NEBULA_API_KEY} is set (…a1b2)"
    missing = checkup.variable("NEBULA_API_KEY", None)
    assert (missing.level, ".env" in missing.advice) == (Level.FAIL, True)
