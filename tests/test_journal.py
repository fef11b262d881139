import pytest

from runner import journal
from runner.files import directory
from runner.journal import Entry, parse

KEY, OTHER, SHA = "a" * 64, "b" * 64, "c" * 64


def entry(**changes):
    return Entry(
        **{"key": KEY, "attempt": 1, "index": 0, "count": 1, "sha256": SHA, "path": "a fox.png", **changes}
    )


@pytest.mark.parametrize(
    "written", [entry(), entry(attempt=12, index=3, count=4, path="ab/fuchs-ü-3.webp"), entry(key=OTHER)]
)
def test_what_is_written_is_read(written):
    assert parse(bytes(written)) == written


@pytest.mark.parametrize(
    "line", [b"", b"\n", bytes(entry())[:-1], bytes(entry())[5:], b"x" * 300 + b"\n", b"\xff\n"]
)
def test_a_cut_line_is_no_entry(line):
    assert parse(line) is None


def test_s6_what_follows_a_cut_line_counts(tmp_path):
    pair = [entry(index=0, count=2), entry(index=1, count=2)]
    with directory(tmp_path) as root:
        assert list(journal.attempts(root)) == []
        journal.add(root, pair)
        with (tmp_path / journal.NAME).open("ab") as file:
            file.write(bytes(entry(attempt=2))[:70])
        journal.add(root, [entry(attempt=3)])
        assert list(journal.attempts(root)) == [pair, [entry(attempt=3)]]
    assert (tmp_path / journal.NAME).stat().st_mode & 0o777 == 0o600


def test_a_journal_is_not_written_through_a_link(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / journal.NAME).symlink_to(tmp_path / "elsewhere")
    with directory(tmp_path) as root, pytest.raises(Exception, match="symbolic link"):
        journal.add(root, [entry()])
    assert (tmp_path / "elsewhere").read_bytes() == b""
