import io

import pytest
from rich.console import Console
from rows import AT, attempt, batch, failure, job, kept, tally, text

from runner.compose.standing import DayUsed
from runner.job import State
from runner.outcome import Cause
from runner.reason import Reason
from runner.report import advice, drawing, plans, progress, tables, words
from runner.schema import BatchState


@pytest.mark.parametrize(
    ("nusd", "shown"),
    [
        (None, "?"),
        (0, "$0.00"),
        (3_800_000, "$0.0038"),
        (999_000_000, "$0.9990"),
        (1_000_000_000, "$1.00"),
        (1_234_567_890_000, "$1,234.57"),
    ],
)
def test_money(nusd, shown):
    assert words.money(nusd) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "?"),
        (0, "0.0s"),
        (0.84, "0.8s"),
        (48, "48s"),
        (200, "3m 20s"),
        (18_120, "5h 02m"),
        (3 * 86_400 + 4 * 3600, "3d 04h"),
    ],
)
def test_durations(seconds, shown):
    assert words.duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(830, "830 B"), (12_400, "12.4 kB"), (1_300_000, "1.3 MB"), (5e9, "5.0 GB")]
)
def test_sizes(count, shown):
    assert words.size(count) == shown


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("two\nlines\tand  gaps", None, "two lines and gaps"),
        ("\x1b[31mred\x07", None, "[31mred"),
        ("abcdef", 4, "abc…"),
        ("abcd", 4, "abcd"),
    ],
)
def test_a_line_does_a_terminal_no_harm(text, most, shown):
    assert words.plain(text, most) == shown


def test_control_characters_are_spelled_out_where_all_is_shown():
    assert words.visible("a\x1bb\nc") == "a\\u001bb\nc"


def test_columns_stand_one_below_the_other_whatever_their_letters_width():
    rows = [("batch", "n"), ("日本", "12"), ("x", "7")]
    assert words.columns(rows, right=frozenset({1})) == ["batch   n", "日本   12", "x       7"]


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_advice(cause):
    told = advice.told("animals", failure(cause=cause), "runner --db q.db")
    assert told
    assert "{" not in told


def test_advice_names_the_command_with_its_queue():
    told = advice.told("animals", failure(cause=Cause.NO_CREDIT), "runner --db q.db")
    assert "`runner --db q.db retry animals --state failed --cause no_credit`" in told


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_said_in_words(reason):
    assert advice.why_stopped(reason) in advice.REASONS.values()


def test_a_reason_that_is_not_known_speaks_for_itself():
    assert advice.why_stopped("eclipse") == "eclipse"
    assert advice.why_stopped(None) == "stopped"


def meter():
    return progress.Meter("animals", priced=True)


def test_a_rate_needs_two_moments():
    one = meter().read(tally(pending=10), None, 100.0)
    assert (one.rate, one.eta_s) == (None, None)


def test_rate_and_end_in_sight():
    clock = meter()
    clock.read(tally(pending=10), None, 100.0)
    seen = clock.read(tally(pending=6, succeeded=3, failed=1), None, 102.0)
    assert (seen.rate, seen.eta_s, seen.elapsed_s) == (2.0, 3.0, 2.0)


def test_a_rate_is_that_of_the_last_half_minute():
    clock = meter()
    for second in range(100):
        seen = clock.read(tally(pending=1000, succeeded=min(second, 50) * 10), None, float(second))
    assert seen.rate == 0.0
    assert seen.eta_s is None


def test_a_clock_that_goes_back_breaks_nothing():
    clock = meter()
    clock.read(tally(pending=1), None, 100.0)
    seen = clock.read(tally(succeeded=1), None, 50.0)
    assert (seen.rate, seen.elapsed_s) == (None, 0.0)


def test_lines_of_a_log_are_columns():
    clock = meter()
    clock.read(tally(pending=1000), None, AT)
    first = progress.line(clock.read(tally(pending=995, succeeded=5), None, AT + 1))
    later = tally(pending=100, succeeded=880, failed=12, running=8, attempts=950, spent_nusd=3_344_000_000)
    second = progress.line(clock.read(later, "rate limited until 14:02:10", AT + 20))
    assert first.index("in flight") == second.index("in flight")
    assert first.index("left") == second.index("left")
    assert " 892/1000" in second
    assert "58 retries" in second
    assert "$3.34" in second
    assert second.endswith("rate limited until 14:02:10")


def drawn(renderable):
    console = Console(file=io.StringIO(), width=100)
    console.print(renderable)
    return console.file.getvalue()


def test_the_live_picture_says_how_it_goes():
    clock = meter()
    clock.read(tally(pending=100), None, AT)
    counted = tally(
        pending=50, running=8, succeeded=40, failed=2, attempts=45, spent_nusd=160_000_000, total=100
    )
    shown = drawn(drawing.picture(clock.read(counted, "breaker: 12 \u00d7 503", AT + 2)))
    for part in (
        "animals",
        "42/100",
        "42%",
        "8 running",
        "40 succeeded",
        "2 failed",
        "21.0/s",
        "2.0s so far",
        "2.8s left",
        "3 retries",
        "$0.1600 spent",
        "waiting: breaker: 12 \u00d7 503",
    ):
        assert part in shown


def test_the_live_picture_of_an_unpriced_batch_knows_no_spend():
    seen = progress.Meter("animals", priced=False).read(tally(pending=1), None, AT)
    assert "? spent" in drawn(drawing.picture(seen))
    assert "waiting" not in drawn(drawing.picture(seen))


@pytest.mark.parametrize(
    "counts",
    [{"pending": 1}, {"succeeded": 9_999, "failed": 1}, {"succeeded": 1, "failed": 1, "unknown": 10_000}, {}],
)
def test_the_bar_is_always_as_long_and_shows_whatever_there_is(counts):
    bar = drawing.bar(tally(**counts))
    assert len(bar) == drawing.BAR
    styles = {str(span.style) for span in bar.spans}
    assert all(style in styles for state, style in progress.STYLES if counts.get(state))


def test_an_answer_that_came_and_counts_for_nothing_is_shown_as_far_as_it_goes():
    cut = attempt(cause=Cause.INVALID, message="cut off", body=b'{"choices":[' + b"x" * 500, seed=7)
    shown = list(tables.job(batch(), job(), [cut, attempt(number=2, body=b"{}")]))
    [line] = [line for line in shown if line.startswith("  answer ")]
    assert line.startswith('  answer 1 (512 B): {"choices":[xxx')
    assert len(line) < 230
    assert "with the seed 7" in "\n".join(shown)


def test_batches_are_a_table():
    rows = [
        batch(tally=tally(succeeded=1_200, spent_nusd=5), state=BatchState.FINISHED),
        batch(name="b", priced=False, state=BatchState.STOPPED, reason="budget", tally=tally(pending=3)),
    ]
    head, first, second = tables.batches(rows)
    assert head.split()[:3] == ["batch", "state", "total"]
    assert first.split()[:4] == ["animals", "finished", "1,200", "1,200"]
    assert second.split()[:7] == ["b", "stopped", "3", "0", "0", "0", "3"]
    assert second.endswith("budget")
    assert first.index("1,200") + 5 == second.index("3") + 1


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (job(outputs=(kept(),)), "fox.png"),
        (job(outputs=(text("a fox\nruns"),)), "a fox runs"),
        (job(outputs=(text("[0.5]", kind="embedding"),)), "embedding (5 B)"),
        (job(state=State.FAILED, cause=Cause.BLOCKED, message="not\x1b allowed"), "blocked: not allowed"),
        (job(state=State.PENDING, attempts=0, cost_nusd=None, latency_s=None), "a red fox"),
    ],
)
def test_a_job_is_a_line_that_says_what_came_of_it(row, shown):
    [line] = tables.jobs([row])
    assert line.startswith("fox ")
    assert row.state.value in line
    assert line.endswith(shown)


def test_a_job_in_full():
    failed = attempt(cause=Cause.TIMED_OUT, message="no answer", http_status=None, billed=True, cost_nusd=0)
    row = job(outputs=(kept(), text("hello", index=1, revised_prompt="greet")))
    shown = "\n".join(tables.job(batch(), row, [failed, attempt(number=2, again=True)]))
    for part in (
        "animals/fox  succeeded",
        '"prompt": "a red fox"',
        "2 attempts",
        "timed_out: no answer  may be billed",
        "ok  may be billed twice  request req-1",
        "/home/ann/outputs/animals/fox.png",
        "64\u00d748",
        "revised prompt: greet",
        "hello",
    ):
        assert part in shown


def test_failures_say_how_many_give_an_example_and_say_what_to_do():
    what, such, do = tables.failures("animals", [failure()], "runner")
    assert what == "2 \u00d7 blocked (failed)"
    assert such.strip() == "such as fox: not allowed"
    assert "reword" in do


DAY = DayUsed(endpoint="nebula", requests=1200, limit=2000, resets_at="06:00", nusd=456_000_000)


def test_status_of_a_running_batch():
    row = batch(
        state=BatchState.RUNNING,
        started_at=AT,
        tally=tally(pending=50, succeeded=49, failed=1, attempts=52, maybe_billed_twice=2),
    )
    shown = list(tables.status(row, [failure(count=1)], why=["paused"], days=[DAY], now=AT + 10))
    assert shown == [
        "animals  running",
        "100 jobs: 49 succeeded, 1 failed, 50 pending",
        "52 requests, 0 outputs, $0.00 spent",
        "2 requests may have been billed twice",
        f"5.0 jobs/s since {words.date(AT)}, 10s left at that rate",
        "nebula: 1,200 of 2,000 requests since 06:00 UTC with its key, $0.4560",
        "waiting: paused",
        "1 \u00d7 blocked (failed)",
    ]


def test_status_of_a_stopped_batch_says_why():
    first, *_ = tables.status(
        batch(state=BatchState.STOPPED, reason="no_credit"), [], why=[], days=[], now=AT
    )
    assert first == "animals  stopped: the account has no credit: top it up"


def test_the_summary_of_a_run_that_stopped_says_how_to_go_on():
    row = batch(
        state=BatchState.STOPPED,
        reason="interrupted",
        tally=tally(pending=3, succeeded=7, outputs=7, attempts=7, late=1, spent_nusd=7_000_000),
    )
    shown = list(
        tables.summary(row, [], results="r.jsonl", elapsed_s=72, peak=83_000_000, runner="runner --db q.db")
    )
    assert shown == [
        "animals: stopped: interrupted after 1m 12s, 83.0 MB of memory at most",
        "  10 jobs: 7 succeeded, 3 pending",
        "  7 requests, $0.0070 spent",
        "  1 late result dropped",
        "  7 outputs in /home/ann/outputs/animals",
        "  results in r.jsonl",
        "  go on with: runner --db q.db resume animals",
    ]


def test_the_summary_of_a_finished_run_with_failures_says_how_to_retry():
    row = batch(state=BatchState.FINISHED, tally=tally(succeeded=7, failed=2, maybe_billed_twice=1))
    shown = list(
        tables.summary(
            row, [failure(cause=Cause.MALFORMED)], results=None, elapsed_s=1, peak=1_000, runner="runner"
        )
    )
    assert shown[0] == "animals: finished after 1.0s, 1.0 kB of memory at most"
    assert "  1 request may have been billed twice" in shown
    assert any("runner retry animals --state failed --cause malformed" in line for line in shown)
    assert not any("resume" in line for line in shown)


class Plan:
    batch, total, new, kept, withdrawn, reused, requests = "animals", 40, 12, 28, 1, 0, 12
    cost_usd: float | None = 0.05
    least_usd = most_usd = 0.05
    priced_by = "by the prices of the manifest"
    time_s: float | None = 4.0
    nights = 0
    warnings = ("NEBULA_API_KEY is not set",)
    first = (
        {
            "method": "POST",
            "url": "https://host/images/generation",
            "headers": {"Authorization": "Bearer …a1b2"},
            "body": {"prompt": "a\x1b fox"},
        },
    )


def test_a_plan_says_counts_cost_time_and_the_first_requests():
    shown = list(plans.plan(Plan()))
    assert shown[:3] == [
        "animals: 40 jobs: 12 new, 28 kept, 1 withdrawn",
        "would send 12 requests, cost $0.0500 (by the prices of the manifest), 4.0s under the limits",
        "warning: NEBULA_API_KEY is not set",
    ]
    assert "POST https://host/images/generation" in shown
    assert "Authorization: Bearer …a1b2" in shown
    assert '"a\\u001b fox"' in shown[-1]


def test_a_plan_counts_what_is_reused_by_itself():
    class Reusing(Plan):
        reused = 3

    assert list(plans.plan(Reusing()))[1] == "would reuse 3 outputs of other batches, at no cost"


def test_a_plan_without_a_price_says_so():
    class Unpriced(Plan):
        cost_usd = None
        priced_by = "no price of nebula"
        time_s = None

    assert "cost unknown (no price of nebula), time unknown" in list(plans.plan(Unpriced()))[1]
