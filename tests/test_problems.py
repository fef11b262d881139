import pytest

from runner.problems import MOST_KEPT, ManifestError, Problem, Problems, masked, meant


def test_problems_are_listed_in_the_order_of_lines():
    problems = Problems()
    for where in ("jobs.yaml:10:1", "jobs.yaml:9:5", "jobs.yaml:9:12"):
        problems.add(where, "wrong")
    with pytest.raises(ManifestError) as caught:
        problems.check()
    assert [problem.where for problem in caught.value.problems] == [
        "jobs.yaml:9:5",
        "jobs.yaml:9:12",
        "jobs.yaml:10:1",
    ]


def test_twenty_are_shown_and_all_are_counted():
    problems = Problems()
    for line in range(MOST_KEPT + 5):
        problems.add(f"rows.txt:{line}", "wrong")
    with pytest.raises(ManifestError) as caught:
        problems.check()
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 985 more"
    assert caught.value.count == MOST_KEPT + 5


def test_no_problem_is_no_error():
    Problems().check()


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("sample", ("samples", "system"), ". Did you mean 'samples'?"),
        ("base_url", ("url", "key"), ". Did you mean 'url'?"),
        ("API-Key", ("url", "key"), ". Did you mean 'key'?"),
        ("zzz", ("url", "key"), "; known: url, key"),
        ("zzz", (), ""),
    ],
)
def test_what_was_meant(name, known, said):
    assert meant(name, known) == said


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdef0123456789abcd",
        "Bearer abcdef0123456789",
        "ghp_abcdefghijklmnop1234",
        "AKIAABCDEFGHIJKLMNOP",
        "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeKKF2QT4",
        "nb-0123456789abcdefghij",
    ],
)
def test_x1_a_message_shows_no_more_of_a_key_than_its_end(secret):
    said = str(Problem("jobs.yaml:1:1", f"unknown key '{secret}' in a job"))
    assert secret not in said
    assert f"…{secret[-4:]}" in said


@pytest.mark.parametrize(
    "text", ["a sk-etch of a fox", "bearer of bad news, walking", "task-oriented dialogue"]
)
def test_a_prompt_is_not_taken_for_a_key(text):
    assert masked(text) == text
