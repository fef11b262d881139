"""Commands against real queues, in this process; runs of whole manifests are in test_cli_run.py."""

import gc
import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rows import attempt, kept, tally, text

from runner import cli, database
from runner.cli import errors, times
from runner.cli.screen import Lines
from runner.job import Job, State
from runner.outcome import Cause
from runner.report.progress import Meter
from runner.retry import Settlement
from runner.store import NewBatch, Settled, Store

NOW = 1_795_399_200.0


def job(name, **fields):
    made = Job(
        id=name,
        stem=name,
        key=name.encode().hex().ljust(64, "0"),
        endpoint="nebula",
        model="sdxl",
        prompt=f"a {name}",
        params=b'{"width":64}',
        vars=b"{}",
        sample=1,
        body=b'{"model":"sdxl","width":64}',
    )
    return replace(made, **fields)


def batch(name, folder):
    return NewBatch(
        name=name,
        path=f"/home/ann/{name}.yaml",
        text="",
        sets={},
        fingerprint=name,
        settings='{"endpoints":{"nebula":{"dialect":"nebula-images","url":"demo"}}}',
        folder=str(folder / "outputs" / name),
        priced=True,
        pattern="animals",
        night="2026-11-23",
        run=1,
    )


def ended(claim, state, **how):
    outputs = how.pop("kept", ())
    settlement = Settlement(
        state=state,
        tries=0,
        maybe_billed=0,
        useless=0,
        unmet=0,
        variant=0,
        waits=0,
        billed_before=False,
        **how,
    )
    sending = attempt(number=claim.attempt, cause=how.get("cause"), message=how.get("message"))
    return Settled(claim=claim, settlement=settlement, attempt=sending, kept=outputs)


ENDINGS = {
    "fox": (State.SUCCEEDED, {"kept": (kept(),)}),
    "words": (State.SUCCEEDED, {"kept": (text("once\nupon"),)}),
    "refused": (State.FAILED, {"cause": Cause.BLOCKED, "message": "not allowed"}),
    "slow": (State.FAILED, {"cause": Cause.TIMED_OUT, "message": "no answer in 120 s"}),
    "lost": (State.UNKNOWN, {"cause": Cause.INTERRUPTED, "message": "cut off"}),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNNER_DB", raising=False)
    return tmp_path


@pytest.fixture
def queue(folder):
    """`runner.db` with two batches: an older empty one, and `animals` with a job of every kind."""
    made = database.named("runner.db")
    made.prepare()
    names = [*ENDINGS, "a/b", "waiting"]
    with made.writing().begin() as connection:
        store = Store(connection)
        store.submit(batch("older", folder), [job("only")], now=NOW - 100)
        batch_id = store.submit(batch("animals", folder), map(job, names), now=NOW).batch_id
        claims = store.claim(batch_id, {"nebula": len(ENDINGS)}, now=NOW, worker="w", lease_s=60)
        settled = [
            ended(claim, state, **how) for claim, (state, how) in zip(claims, ENDINGS.values(), strict=True)
        ]
        assert all(store.settle(batch_id, settled, now=NOW + 1))
    return folder / "runner.db"


@pytest.fixture
def call(capsysbinary):
    """Calls a command: `status, out, err = call("jobs", "--json")`."""

    def called(*arguments):
        with pytest.raises(SystemExit) as end, errors.Plainly():
            cli.app([*map(str, arguments)])
        out, err = capsysbinary.readouterr()
        return end.value.code or 0, out.decode(), err.decode()

    return called


def objects(out):
    return [json.loads(line) for line in out.splitlines()]


def test_help_names_every_command_and_what_it_does(call):
    status, out, _ = call("--help")
    assert status == 0
    for command in cli.COMMANDS:
        line = next(
            line for line in out.splitlines() if line.startswith(f"  {command.__name__.rstrip('_')} ")
        )
        assert line.rstrip().endswith(".")
        assert not line.endswith("...")


def test_help_loads_nothing_that_is_heavy():
    shown = "import atexit, sys\nsys.argv[1:] = ['--help']\natexit.register(lambda: print(*sys.modules))\n"
    program = f"{shown}from runner.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {"typer", "runner.cli.run"} <= loaded
    assert not loaded & {"aiohttp", "sqlalchemy", "pydantic", "jinja2", "orjson", "PIL", "rich.live", "anyio"}


def test_help_imports_nothing_heavy():
    code = (
        "import sys, runner.cli\n"
        "heavy = {'sqlalchemy', 'aiohttp', 'alembic', 'yaml', 'jinja2', 'PIL', 'rich', 'orjson'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["run"],
        ["run", "--nonsense"],
        ["run", "x.yaml", "--limit", "0"],
        ["run", "x.yaml", "--max-cost", "-1"],
        ["run", "x.yaml", "--until", "noon"],
        ["run", "x.yaml", "--set", "animal"],
        ["jobs", "--state", "done"],
        ["retry", "--state", "succeeded"],
        ["jobs", "--cause", "bad luck"],
        ["demo", "--fault", "429"],
    ],
)
def test_bad_usage_is_status_2(folder, call, arguments):
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert "Usage:" in err


def test_batches_newest_first(queue, call):
    status, out, _ = call("batches", "--json")
    assert status == 0
    assert [each["batch"] for each in objects(out)] == ["animals", "older"]
    _, table, _ = call("batches")
    assert [line.split()[0] for line in table.splitlines()] == ["batch", "animals", "older"]


def test_status_is_one_object_of_the_documented_shape(queue, call):
    status, out, _ = call("status", "--json")
    [shown] = objects(out)
    assert status == 0
    assert list(shown) == [
        "batch",
        "state",
        "reason",
        "jobs",
        "attempts",
        "outputs",
        "spent_usd",
        "maybe_billed_twice",
    ]
    assert shown["jobs"] == {
        "total": 7,
        "pending": 2,
        "running": 0,
        "succeeded": 2,
        "failed": 2,
        "unknown": 1,
        "cancelled": 0,
    }
    assert (shown["batch"], shown["attempts"], shown["outputs"]) == ("animals", 5, 2)
    assert shown["spent_usd"] == pytest.approx(5 * 0.0038)


def test_status_for_people(queue, call):
    status, out, _ = call("status", "animals")
    assert status == 0
    assert "7 jobs: 2 succeeded, 2 failed, 1 unknown, 2 pending" in out


def test_status_of_a_paused_batch_says_so(queue, call):
    with database.named("runner.db").writing().begin() as connection:
        store = Store(connection)
        store.pause(store.batch("animals").id, paused=True)
    assert "paused: `runner resume animals`" in call("status")[1]


def test_status_of_a_killed_run_says_that_its_runner_is_gone(queue, call):
    with database.named("runner.db").writing().begin() as connection:
        store = Store(connection)
        store.begin_run(store.batch("animals").id, worker="w", now=NOW)
    assert (
        "its runner is gone: `runner --db ./runner.db resume animals`"
        in call("status", "--db", "./runner.db")[1]
    )


def test_jobs_are_lines_of_results_jsonl_in_the_order_of_the_manifest(queue, call):
    status, out, _ = call("jobs", "--json")
    assert status == 0
    assert [each["id"] for each in objects(out)] == [*ENDINGS, "a/b", "waiting"]
    assert objects(out)[0]["outputs"][0]["path"] == "fox.png"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (["--state", "failed"], ["refused", "slow"]),
        (["--state", "failed", "--state", "unknown"], ["refused", "slow", "lost"]),
        (["--cause", "timed_out"], ["slow"]),
        (["--state", "pending"], ["a/b", "waiting"]),
        (["--state", "running"], []),
    ],
)
def test_jobs_can_be_chosen_by_state_and_cause(queue, call, filters, names):
    assert [each["id"] for each in objects(call("jobs", *filters, "--json")[1])] == names
    assert [line.split()[0] for line in call("jobs", *filters)[1].splitlines()] == names


@pytest.mark.parametrize(
    ("name", "batch_name", "identifier"),
    [
        ("fox", "animals", "fox"),
        ("animals/fox", "animals", "fox"),
        ("a/b", "animals", "a/b"),
        ("animals/a/b", "animals", "a/b"),
        ("older/only", "older", "only"),
    ],
)
def test_show_finds_a_job_by_id_or_batch_and_id(queue, call, name, batch_name, identifier):
    status, out, _ = call("show", name, "--json")
    [shown] = objects(out)
    assert status == 0
    assert (shown["batch"], shown["id"]) == (batch_name, identifier)
    assert shown["request"] == {"model": "sdxl", "width": 64}


def test_show_tells_every_attempt(queue, call):
    [shown] = objects(call("show", "slow", "--json")[1])
    assert [(each["attempt"], each["cause"]) for each in shown["history"]] == [(1, "timed_out")]
    assert "timed_out: no answer in 120 s" in call("show", "slow")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nobody"], "no job 'nobody' in batch 'animals'"),
        (["show", "older/nobody"], "no job 'older/nobody'"),
        (["status", "animal"], "no batch 'animal'. Did you mean 'animals'?"),
        (["jobs", "zzz"], "no batch 'zzz'. There is: animals, older"),
        (["retry", "--job", "nobody"], "no job 'nobody'"),
    ],
)
def test_who_is_not_there_is_named_without_a_traceback(queue, call, arguments, said):
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(said)
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["status", "batches", "jobs", "failures", "export"])
def test_without_a_queue_a_reading_command_says_so_and_makes_none(folder, call, command):
    status, out, err = call(command)
    assert (status, out) == (2, "")
    assert "runner.db" in err
    assert list(folder.iterdir()) == []


def test_failures_are_grouped_with_an_example_and_advice(queue, call):
    status, out, _ = call("failures", "--json")
    assert status == 0
    found = {each["cause"]: each for each in objects(out)}
    assert found.keys() == {"blocked", "timed_out", "interrupted"}
    assert found["blocked"]["count"] == 1
    assert found["blocked"]["example"]["id"] == "refused"
    assert "runner retry animals --state unknown --cause interrupted" in found["interrupted"]["advice"]
    assert "such as refused: not allowed" in call("failures")[1]


def test_a_batch_without_failures_has_none_to_show(queue, call):
    status, out, err = call("failures", "older")
    assert (status, out, err) == (0, "", "older: no job failed\n")


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        ([], 3),
        (["--state", "failed"], 2),
        (["--state", "unknown"], 1),
        (["--cause", "blocked"], 1),
        (["--job", "slow", "--job", "lost"], 2),
        (["--job", "fox"], 0),
        (["older"], 0),
    ],
)
def test_retry_makes_failed_jobs_pending_again(queue, call, arguments, number):
    status, out, _ = call("retry", *arguments, "--json")
    assert status == 0
    assert objects(out)[0]["retried"] == number
    assert objects(call("status", "animals", "--json")[1])[0]["jobs"]["pending"] == 2 + number


def test_retry_says_how_to_send_them(queue, call):
    _, out, err = call("retry", "--cause", "blocked")
    assert out == "animals: 1 pending again\n"
    assert "runner resume animals" in err


def test_cancel_leaves_what_is_done(queue, call):
    status, out, _ = call("cancel", "--json")
    assert (status, objects(out)) == (0, [{"batch": "animals", "cancelled": 2}])
    jobs = objects(call("status", "--json")[1])[0]["jobs"]
    assert (jobs["pending"], jobs["cancelled"], jobs["succeeded"]) == (0, 2, 2)
    assert call("cancel")[1] == "animals: 0 cancelled\n"


def test_export_writes_what_is_not_pending_beside_the_outputs(queue, call, folder):
    status, out, _ = call("export")
    path = folder / "outputs" / "animals" / "results.jsonl"
    assert (status, out) == (0, f"{path}\n")
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [*ENDINGS]


@pytest.mark.parametrize(
    ("target", "written", "path"),
    [
        ("out.jsonl", "out.jsonl", "outputs/animals/fox.png"),
        ("folder", "folder/results.jsonl", "../outputs/animals/fox.png"),
        ("outputs/animals", "outputs/animals/results.jsonl", "fox.png"),
    ],
)
def test_an_export_elsewhere_has_paths_that_lead_back(queue, call, folder, target, written, path):
    status, out, _ = call("export", "animals", target, "--json")
    assert status == 0
    assert Path(objects(out)[0]["path"]) == Path(written)
    first = json.loads((folder / written).read_text().splitlines()[0])
    assert first["outputs"][0]["path"] == path


def test_the_queue_can_be_named_before_the_command_after_it_or_by_variable(queue, call, monkeypatch):
    queue.rename("other.db")
    assert call("status")[0] == 2
    assert call("--db", "other.db", "status")[0] == 0
    assert call("status", "--db", "other.db")[0] == 0
    assert call("--db", "nowhere.db", "status", "--db", "other.db")[0] == 0
    monkeypatch.setenv("RUNNER_DB", "other.db")
    assert call("status")[0] == 0


def test_nothing_to_resume_is_no_error(folder, call):
    status, out, err = call("resume")
    assert (status, out) == (0, "")
    assert "nothing to resume" in err
    assert list(folder.iterdir()) == []


def test_resume_of_a_batch_that_is_not_there_is_one(queue, call):
    assert call("resume", "nobody")[0] == 2


def test_init_writes_the_example_and_never_over_a_file(folder, call):
    status, out, err = call("init")
    example = Path(cli.__file__).parents[2] / "jobs.example.yaml"
    assert (status, out) == (0, "")
    assert "runner run jobs.yaml" in err
    assert Path("jobs.yaml").read_bytes() == example.read_bytes()
    Path("jobs.yaml").write_text("mine")
    status, _, err = call("init")
    assert (status, err) == (2, "jobs.yaml is already there: name another file\n")
    assert Path("jobs.yaml").read_text() == "mine"
    assert call("init", "other.yaml")[0] == 0


def test_schema_is_a_json_schema(call):
    status, out, _ = call("schema")
    schema = json.loads(out)
    assert status == 0
    assert schema["properties"].keys() >= {"name", "endpoints", "jobs", "retry", "outputs", "budget"}


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (errors.Refused("no"), 2, "no"),
        (database.QueueError("not a queue"), 2, "not a queue"),
        (database.Busy("pid 7 has it"), 75, "pid 7 has it"),
        (BaseExceptionGroup("", [ExceptionGroup("", [database.Busy("pid 7 has it")])]), 75, "pid 7 has it"),
        (FileNotFoundError(2, "No such file or directory", "x.yaml"), 1, "x.yaml: No such file or directory"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_a_message_and_a_status(error, status, said, capsys):
    with pytest.raises(SystemExit) as end, errors.Plainly():
        raise error
    assert end.value.code == status
    assert capsys.readouterr().err.strip() == said


def test_a_bug_is_told_by_type_and_place_and_without_its_text(capsys, monkeypatch):
    monkeypatch.delenv("RUNNER_DEBUG", raising=False)
    with pytest.raises(SystemExit) as end, errors.Plainly():
        raise ValueError("sk-secret")
    err = capsys.readouterr().err
    assert end.value.code == 1
    assert err.startswith("ValueError at test_cli.py:")
    assert "sk-secret" not in err
    assert "Traceback" not in err


def test_a_broken_installation_is_told_without_a_traceback(capsys, monkeypatch):
    monkeypatch.delenv("RUNNER_DEBUG", raising=False)
    with pytest.raises(SystemExit) as end, errors.Plainly():
        raise ModuleNotFoundError("No module named 'sqlalchemy'")
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("ModuleNotFoundError at test_cli.py:")


def test_a_bug_is_told_in_full_where_that_is_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("RUNNER_DEBUG", "1")
    with pytest.raises(SystemExit), errors.Plainly():
        raise ValueError("all of it")
    assert "all of it" in capsys.readouterr().err


@pytest.mark.parametrize(("every_s", "number"), [(0.0, 3), (3600.0, 0)])
def test_off_a_terminal_a_run_is_a_line_now_and_then(capsys, every_s, number):
    lines = Lines(Meter("animals", priced=True), every_s)
    lines.began(tally(pending=3))
    for count in range(1, 4):
        lines.moved(tally(pending=3 - count, succeeded=count), "paused")
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == "3 jobs, 3 to do"
    assert len(rest) == number
    assert all(line.endswith("paused") for line in rest)


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text):
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("now", "text", "moment"),
    [
        ("2026-11-23T02:00:00+01:00", "06:00", "2026-11-23T06:00:00+01:00"),
        ("2026-11-23T06:00:00+01:00", "06:00", "2026-11-24T06:00:00+01:00"),
        ("2026-11-23T23:30:00+01:00", "6:05", "2026-11-24T06:05:00+01:00"),
        ("2026-12-31T23:30:00+01:00", "00:00", "2027-01-01T00:00:00+01:00"),
        ("2026-10-24T23:00:00+02:00", "06:00", "2026-10-25T06:00:00+01:00"),
        ("2026-10-25T01:00:00+02:00", "02:30", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T02:40:00+02:00", "02:30", "2026-10-25T02:30:00+01:00"),
        ("2026-03-29T00:30:00+01:00", "02:30", "2026-03-29T03:30:00+02:00"),
        ("2026-11-23T02:00:00+01:00", "2026-11-24T01:00:00Z", "2026-11-24T01:00:00+00:00"),
        ("2026-11-23T02:00:00+01:00", "2026-11-24 01:00", "2026-11-24T01:00:00+01:00"),
    ],
)
def test_until_is_a_time_here_or_an_iso_one(berlin, now, text, moment):
    assert times.moment_of(text, at(now)) == at(moment)


@pytest.mark.parametrize("text", ["noon", "24:00", "6", "06:60", ""])
def test_until_refuses_what_is_no_time(text):
    with pytest.raises(ValueError, match="neither a time"):
        times.moment_of(text, datetime.now(UTC).timestamp())


def test_the_collector_looks_oftener_once_the_start_is_over():
    before = gc.get_threshold()
    gc.set_threshold(cli.CALM)
    gc.callbacks.append(cli.look_oftener)
    try:
        gc.collect()
        assert gc.get_threshold()[0] == cli.AT_WORK
        assert cli.look_oftener not in gc.callbacks
    finally:
        gc.set_threshold(*before)
