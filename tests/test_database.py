import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from queues import NOW, batch, jobs, submit
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from runner import database
from runner.database import Busy, Database, NoQueue, QueueError, sqlite, versions
from runner.database.migrating import migrate
from runner.schema import VERSION
from runner.store import Store
from runner.store.submitting import described


@pytest.fixture
def queue(tmp_path: Path) -> Database:
    made = database.named(tmp_path / "runner.db")
    made.prepare()
    return made


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# Making and opening


def test_a_new_queue_has_the_newest_tables_and_nothing_lies_beside_it(queue: Database, tmp_path: Path):
    with queue.writing().begin() as connection:
        assert versions.found(connection) == VERSION
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
        assert found == ["wal", 2, 1]
        submit(Store(connection), jobs(3))
    assert [path.name for path in tmp_path.iterdir()] == ["runner.db"]


def test_only_a_runner_keeps_in_memory_what_may_have_to_be_undone(queue: Database):
    """A statement that goes through a million jobs has half a gigabyte to undo."""
    in_file, in_memory = 1, 2
    with queue.transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA temp_store").scalar() == in_file
    with queue.writing().begin() as connection:
        assert connection.exec_driver_sql("PRAGMA temp_store").scalar() == in_memory


def test_making_it_again_changes_nothing(queue: Database):
    with queue.writing().begin() as connection:
        submit(Store(connection), jobs(3))
    queue.prepare()
    with queue.reading().connect() as connection:
        assert Store(connection).batch().tally.total == 3


def test_folders_on_the_way_to_it_are_made(tmp_path: Path):
    made = database.named(tmp_path / "outputs" / "night" / "runner.db")
    made.prepare()
    made.check()


def test_x7_a_queue_is_its_owners_alone(tmp_path: Path):
    before = os.umask(0)
    try:
        queue = database.named(tmp_path / "runner.db")
        queue.prepare()
        with queue.lock(), queue.writing().begin() as connection:
            submit(Store(connection), jobs(1))
            assert {path.name: mode(path) for path in tmp_path.iterdir()} == {
                "runner.db": 0o600,
                "runner.db-wal": 0o600,
                "runner.db-shm": 0o600,
                "runner.db.lock": 0o600,
            }
    finally:
        os.umask(before)


def test_a_reader_makes_no_queue(tmp_path: Path):
    with pytest.raises(NoQueue, match="no queue at"):
        database.named(tmp_path / "runner.db").check()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_writes_nothing_and_waits_for_no_writer(queue: Database):
    with queue.writing().begin() as writer:
        submit(Store(writer), jobs(3))
        with queue.reading().connect() as reader:
            assert Store(reader).batches() == []
            with pytest.raises(OperationalError, match="readonly"):
                submit(Store(reader), jobs(1))
    with queue.reading().connect() as reader:
        assert Store(reader).batch().tally.total == 3


def test_a_writer_has_the_lock_from_its_start(queue: Database):
    with queue.writing().connect() as first, first.begin():
        with queue.writing(patience_s=0.0).connect() as second, pytest.raises(OperationalError) as caught:
            second.begin()
        assert queue.is_busy(caught.value)
        assert "locked by another program" in queue.explain(caught.value)
        assert not queue.is_full(caught.value)


def test_two_who_count_up_lose_nothing(queue: Database):
    code = """
import sys
from runner import database
engine = database.named(sys.argv[1]).writing()
for _ in range(200):
    with engine.begin() as connection:
        number = connection.exec_driver_sql("SELECT count(*) FROM numbers").scalar()
        connection.exec_driver_sql("INSERT INTO numbers VALUES (?)", (number,))
"""
    with queue.writing().begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
    command = [sys.executable, "-c", code, str(queue.path)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    with queue.reading().connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM numbers").scalar() == 400


def test_others_commits_are_noticed(queue: Database):
    with queue.writing().connect() as watcher, queue.writing().connect() as other:
        before = queue.changes(watcher)
        watcher.rollback()
        assert queue.changes(watcher) == before
        watcher.rollback()
        with other.begin():
            submit(Store(other), jobs(1))
        assert queue.changes(watcher) != before


def test_errors_hold_no_values(queue: Database):
    with queue.writing().begin() as connection, pytest.raises(Exception, match="hide_parameters") as caught:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (?)", ("canary",))
    assert "canary" not in str(caught.value)


KILLED = """
import os, sys
from runner import database
engine = database.named(sys.argv[1]).writing()
connection = engine.connect()
for number in range(3):
    with connection.begin():
        connection.exec_driver_sql("CREATE TABLE made_%d (number INTEGER)" % number)
connection.begin()
connection.exec_driver_sql("CREATE TABLE never (number INTEGER)")
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_writer_had_committed_is_there_and_nothing_else(queue: Database):
    assert run(KILLED, queue.path).returncode == -signal.SIGKILL
    queue.check()
    with queue.reading().connect() as reader, queue.writing().connect() as writer:
        for connection in (reader, writer):
            assert {"made_0", "made_1", "made_2"} < set(tables(connection))
            assert "never" not in tables(connection)


def test_a_place_that_cannot_be_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(QueueError, match=r"cannot make a queue at .*: File exists \(.*file\)"):
        database.named(tmp_path / "file" / "runner.db").prepare()


def test_the_lock_is_not_taken_through_a_link(queue: Database, tmp_path: Path):
    Path(f"{queue.path}.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(QueueError, match="cannot lock"), queue.lock():
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_two_who_make_a_queue_at_once_make_one(tmp_path: Path):
    code = "import sys; from runner import database; database.named(sys.argv[1]).prepare()"
    command = [sys.executable, "-c", code, str(tmp_path / "runner.db")]
    makers = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(timeout=60) for process in makers] == [0, 0, 0]
    assert {path.name for path in tmp_path.iterdir()} <= {"runner.db", "runner.db-wal", "runner.db-shm"}


# What is no queue


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")


def flipped_header(path: Path) -> None:
    path.write_bytes(b"\xff" * 16 + path.read_bytes()[16:])


def flipped_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:4096] = bytes(3996)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("name: animals\n" * 99), "is damaged"),
        (flipped_header, "is damaged"),
        (flipped_page, "is damaged"),
        (lambda path: (path.unlink(), other_database(path)), "another program's database"),
        (lambda path: (path.unlink(), path.mkdir()), "is no file"),
    ],
)
def test_s5_what_is_no_queue_is_refused_and_left_as_it_is(queue: Database, damage, message):
    damage(queue.path)
    before = queue.path.read_bytes() if queue.path.is_file() else None
    for opened in (queue.prepare, queue.check):
        with pytest.raises(QueueError, match=message) as caught:
            opened()
        assert str(queue.path) in str(caught.value)
    assert before is None or queue.path.read_bytes() == before


@pytest.mark.parametrize("place", ["sqlite:///{}", "{}"])
def test_a_queue_is_named_by_path_or_url(tmp_path: Path, place: str):
    path = tmp_path / "runner.db"
    assert database.named(place.format(path)).path == path


def test_a_server_is_named_by_its_url():
    pytest.importorskip("psycopg")
    for driver in ("", "+psycopg"):
        named = database.named(f"postgresql{driver}://ann:secret@host/queue")
        assert (named.path, named.place) == (None, "postgresql+psycopg://ann:***@host/queue")


def test_a_server_of_another_kind_is_refused():
    with pytest.raises(database.QueueError, match="mysql: a queue is a file, or with"):
        database.named("mysql://ann:secret@host/queue")


def test_to_look_at_a_queue_changes_nothing(tmp_path: Path):
    queue = database.named(tmp_path / "runner.db")
    queue.prepare()
    with queue.writing().begin() as opened:
        opened.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(database.NoQueue):
        queue.look()
    with queue.reading().connect() as opened:
        assert opened.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0000"


def test_what_names_no_queue_is_refused():
    with pytest.raises(QueueError, match="neither a path nor"):
        database.named("://")


# Versions


def test_p13_a_newer_queue_is_refused(queue: Database):
    with queue.writing().begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0009'")
    for opened in (queue.prepare, queue.check):
        with pytest.raises(QueueError, match=f"the queue is at version 9, this program knows {VERSION}"):
            opened()


def tables(connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())


def empty(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    for table in reversed(tables(connection)):
        connection.exec_driver_sql(f"DROP TABLE {table}")


def aged(queue: Database) -> None:
    """Make of a queue one that no migration has been run on."""
    with queue.writing().begin() as connection:
        empty(connection)
        connection.exec_driver_sql("CREATE TABLE old (content TEXT)")
        connection.exec_driver_sql("INSERT INTO old VALUES ('precious')")


def test_p13_an_older_queue_is_copied_and_brought_up_to_date(queue: Database):
    aged(queue)
    queue.check()
    with queue.reading().connect() as connection:
        assert versions.found(connection) == VERSION
        assert connection.exec_driver_sql("SELECT content FROM old").scalar() == "precious"
    copy = queue.path.with_name("runner.db.v0")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT content FROM old").fetchall() == [("precious",)]
    assert mode(copy) == 0o600
    assert not list(queue.path.parent.glob("*.part"))


KILL = """
import sys
from pathlib import Path
from runner import database
from runner.database.migrating import migrate
queue = database.named(sys.argv[1])
with queue.writing().begin() as connection:
    migrate(connection, Path(sys.argv[2]))
"""


@pytest.mark.parametrize("step", [0, 3, 6])
def test_p13_a_migration_that_is_killed_leaves_the_queue_as_it_was(
    queue: Database, tmp_path: Path, step: int
):
    """In each step: before the first table, among them, and with all of them made."""
    aged(queue)
    scripts = tmp_path / "migrations"
    shutil.copytree(Path(__file__).parents[1] / "migrations", scripts)
    script = next((scripts / "versions").glob("0001*.py"))
    deadly = f"""
    for index, (name, items) in enumerate([*TABLES.items(), (None, None)]):
        if index == {step}:
            import os
            os.kill(os.getpid(), 9)
"""
    script.write_text(script.read_text().replace("\n    for name, items in TABLES.items():\n", deadly))
    assert run(KILL, queue.path, scripts).returncode == -signal.SIGKILL
    with queue.writing().begin() as connection:
        assert tables(connection) == ["old"]
    queue.check()
    with queue.reading().connect() as connection:
        assert versions.found(connection) == VERSION


def of_version(queue: Database, number: int, folder: Path) -> None:
    """Make of a queue an empty one as the migrations up to that number leave it."""
    scripts = folder / "migrations"
    shutil.copytree(Path(__file__).parents[1] / "migrations", scripts)
    for script in (scripts / "versions").glob("0*.py"):
        if int(script.name[:4]) > number:
            script.unlink()
    with queue.writing().begin() as connection:
        empty(connection)
        migrate(connection, scripts)
        assert versions.found(connection) == number


def test_p13_manifests_of_an_older_queue_are_kept_apart_from_their_batches(queue: Database, tmp_path: Path):
    of_version(queue, 1, tmp_path)
    text = "name: animals\n" + "# \N{SNOWMAN}\n" * 5_000
    row = {
        **described(batch()),
        "id": 7,
        "text": text,
        "groups": b"[0,5]",
        "submission": 1,
        "state": "pending",
        "total": 0,
        "created_at": NOW,
        "updated_at": NOW,
    }
    names = ", ".join(f'"{name}"' for name in row)
    with queue.writing().begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO batches ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
        )
    queue.check()
    with queue.reading().connect() as connection:
        store = Store(connection)
        assert (store.batch().name, store.manifest(7)) == ("animals", text)
        [groups] = connection.exec_driver_sql("SELECT groups FROM manifests").scalars()
        assert groups == b"[0,5]"
        assert queue.faults(connection) == []
    with closing(sqlite3.connect(queue.path.with_name("runner.db.v1"))) as copy:
        assert copy.execute("SELECT text FROM batches").fetchall() == [(text,)]


def test_migrating_what_is_up_to_date_does_nothing(queue: Database):
    with queue.writing().begin() as connection:
        migrate(connection)
        assert versions.found(connection) == VERSION


def test_opening_a_queue_does_not_import_alembic(queue: Database):
    code = """
import sys
from runner import database
database.named(sys.argv[1]).check()
print("alembic" in sys.modules)
"""
    assert run(code, queue.path).stdout == "False\n"


# One runner


HOLD = """
import sys
from runner import database
with database.named(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_s10_a_second_runner_is_told_who_has_the_queue(queue: Database):
    command = [sys.executable, "-c", HOLD, str(queue.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"pid {first.pid} on .* since 20") as caught, queue.lock():
            pass
        assert queue.holder().pid == first.pid
        assert str(queue.holder()) in str(caught.value)
        with queue.reading().connect() as connection:
            assert Store(connection).batches() == []
        first.kill()
    with queue.lock():
        assert queue.holder().pid == os.getpid()
    assert queue.holder() is None


def test_the_lock_file_says_who_has_the_queue(queue: Database):
    with queue.lock():
        said = json.loads(Path(f"{queue.path}.lock").read_text())
    assert said["pid"] == os.getpid()
    assert sorted(said) == ["host", "pid", "since"]


# Damage that only a look at the whole file finds


def shredded(path: Path) -> None:
    """A page in the middle of what was submitted."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = os.urandom(4096)
    path.write_bytes(content)


def cut_to_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def filled(queue: Database) -> Path:
    with queue.writing().begin() as connection:
        submit(Store(connection), jobs(300))
    return queue.path


def test_s5_a_sound_queue_is_found_sound(queue: Database):
    filled(queue)
    queue.examine()


@pytest.mark.parametrize("damage", [shredded, cut_to_half])
def test_s5_damage_inside_is_found_and_left_as_it_is(queue: Database, damage):
    damage(filled(queue))
    before = queue.path.read_bytes()
    with pytest.raises(QueueError, match="is damaged"):
        queue.examine()
    assert queue.path.read_bytes() == before


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the command that is told is not installed")
def test_s5_the_command_that_is_told_saves_a_queue_that_can_be_worked_on(queue: Database):
    shredded(filled(queue))
    with pytest.raises(QueueError) as caught:
        queue.examine()
    command = re.search("`(.*)`", str(caught.value))[1]
    subprocess.run(command, shell=True, check=True, stderr=subprocess.DEVNULL)
    saved = database.named(f"{queue.path}.saved")
    saved.check()
    saved.examine()
    with saved.transaction() as connection:
        assert Store(connection).batch().name == "animals"
        assert connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar() > 100
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_s5_a_pipe_is_no_queue_and_nobody_waits_for_its_writer(tmp_path: Path):
    os.mkfifo(tmp_path / "runner.db")
    with pytest.raises(QueueError, match="is no file"):
        database.named(tmp_path / "runner.db").prepare()


# Where a queue may be


def test_s11_a_queue_on_a_network_file_system_is_refused_and_that_is_named(tmp_path: Path):
    table = tmp_path / "mountinfo"
    table.write_text(f"24 22 0:40 / {tmp_path} rw - nfs4 server:/home rw\n")
    with pytest.raises(QueueError, match=r"network file system \(nfs4\).*--db"):
        sqlite.refuse_network(tmp_path / "runner.db", table)
    sqlite.refuse_network(Path("/runner.db"), table)


# Waiting for others


def test_s4_another_transaction_is_waited_for_and_said_so_once(queue: Database):
    told = []
    with (
        queue.writing().begin(),
        pytest.raises(QueueError, match="locked by another program"),
        queue.transaction(waiting=lambda: told.append(1), told_after_s=0.0, patience_s=0.6),
    ):
        pass
    assert told == [1]


ORDER = """
import sys
from runner import database
with database.named(sys.argv[1]).transaction(waiting=lambda: print("waiting", flush=True), told_after_s=0.0):
    pass
"""


def test_s4_who_waits_hears_ctrl_c(queue: Database):
    with queue.writing().begin():
        command = [sys.executable, "-c", ORDER, str(queue.path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as other:
            assert other.stdout.readline() == "waiting\n"
            other.send_signal(signal.SIGINT)
            assert other.wait(timeout=10) == -signal.SIGINT
