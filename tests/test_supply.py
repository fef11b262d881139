from datetime import date

import pyarrow as pa
import pyarrow.parquet
import pytest

from runner.dialects import DIALECTS
from runner.expand import count, expand
from runner.manifest import fingerprint, load
from runner.problems import ManifestError

HEAD = """\
name: batch
endpoints:
  studio: {dialect: openai-chat, url: demo}
jobs:
"""
TABLE = "id,prompt,score\na,a fox,0.4\nb,an owl,0.9\nc,an ant,0.7\nd,a bee,\n"
TWICE = ("27: 'take'", "36: 'rows'")
BODIES = {name: dialect.body for name, dialect in DIALECTS.items()}


def read(folder, job, **sets):
    (folder / "animals.csv").write_text(TABLE)
    path = folder / "jobs.yaml"
    path.write_text(f"{HEAD}  - {job}\n")
    return load(path, sets=sets, today=date(2026, 11, 23))


def ids(folder, keys, **sets):
    manifest = read(folder, f"{{model: m, file: animals.csv, {keys}}}", **sets)
    found = [job.id for job in expand(manifest, BODIES)]
    assert count(manifest) == len(found)
    return "".join(found)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("rows: 0:50", "abcd"),
        ("rows: 1:03", "bc"),
        ("rows: '-2:'", "cd"),
        ("rows: '::2'", "ac"),
        ("where: score > 0.5", "bc"),
        ("where: score == '' or score > 0.5", "bcd"),
        ("take: 3", "abc"),
        ("take: 30", "abcd"),
        ("rows: '1:', where: score > 0.5, take: 1", "b"),
    ],
)
def test_a_job_chooses_among_rows(tmp_path, keys, expected):
    assert ids(tmp_path, keys) == expected


def test_a_filter_knows_what_the_command_line_gives(tmp_path):
    assert ids(tmp_path, "where: score >= least and date > '2026'", least="0.7") == "bc"


def test_a_shuffle_is_the_same_each_time_and_has_the_same_jobs(tmp_path):
    shuffled = ids(tmp_path, "shuffle: 2")
    assert shuffled == ids(tmp_path, "shuffle: 2")
    assert sorted(shuffled) == list("abcd")
    assert len({ids(tmp_path, f"shuffle: {seed}") for seed in range(9)}) > 3


def test_another_choice_is_another_fingerprint(tmp_path):
    marks = [
        fingerprint(read(tmp_path, f"{{model: m, file: animals.csv, take: {most}}}")) for most in (1, 2, 2)
    ]
    assert marks[0] != marks[1] == marks[2]


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (
            "{model: m, prompt: x, take: 3, rows: 1:2}",
            [f"jobs.yaml:5:{at} chooses among rows: there are none without 'file'" for at in TWICE],
        ),
        (
            "{model: m, file: animals.csv, where: scor > 3}",
            ["jobs.yaml:5:42: the variable 'scor' is undefined. Did you mean 'score'?"],
        ),
        (
            "{model: m, file: animals.csv, where: '{{ score }}'}",
            ["jobs.yaml:5:42: an expression stands without braces: score > 0.5"],
        ),
        (
            "{model: m, file: animals.csv, where: score = 3}",
            ["jobs.yaml:5:42: not an expression: expected token ')', got '='"],
        ),
        (
            "{model: m, file: animals.csv, where: ' '}",
            ["jobs.yaml:5:42: not an expression: one is expected, such as score > 0.5"],
        ),
        (
            "{model: m, file: animals.csv, where: score | no_such}",
            ["jobs.yaml:5:42: not an expression: No filter named 'no_such'."],
        ),
        (
            "{model: m, file: animals.csv, rows: 100}",
            ["jobs.yaml:5:41: rows are chosen as in Python, from 0: 100:200, '100:', ':200'"],
        ),
        ("{model: m, file: animals.csv, take: 0}", ["jobs.yaml:5:41: 'take' must be at least 1"]),
        (
            "{model: m, file: animals.csv, shuffle: yes}",
            ["jobs.yaml:5:44: 'yes' may be read as true or false"],
        ),
        (
            "{model: m, prompt: '{{ rows }}', vars: {rows: 10:50}}",
            ["jobs.yaml:5:51: '10:50' may be read as a"],
        ),
        (
            "{model: m, file: 's3://user:word@host/a.csv'}",
            ["jobs.yaml:5:22: a URL holds no key or password: stores find theirs in the environment"],
        ),
        (
            "{model: m, file: 'https://host/a.csv?sig=abc'}",
            ["jobs.yaml:5:22: a URL holds no key or password"],
        ),
        ("{model: m, file: '*.tsv'}", ["jobs.yaml:5:22: *.tsv: no file matches"]),
    ],
)
def test_a_choice_that_cannot_be_made_is_told_with_its_place(tmp_path, job, said):
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, job)
    found = [str(each).replace(f"{tmp_path}/", "") for each in caught.value.problems]
    assert [each[: len(start)] for each, start in zip(found, said, strict=False)] == said


def test_a_row_that_a_filter_can_say_nothing_of_is_told_of_when_jobs_are_made(tmp_path):
    manifest = read(tmp_path, "{model: m, file: animals.csv, where: id > 3}")
    with pytest.raises(ManifestError) as caught:
        list(expand(manifest, BODIES))
    first, *others = (str(each).replace(f"{tmp_path}/", "") for each in caught.value.problems)
    assert first == "animals.csv:2: where: 'a' is no number"
    assert len(others) == 3


def test_a_template_that_names_a_column_of_bytes_is_an_error(tmp_path):
    pa.parquet.write_table(pa.table({"prompt": ["a fox"], "image": [b"x"]}), tmp_path / "a.parquet")
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, "{model: m, file: a.parquet, prompt: '{{ image }}', where: image != 3}")
    said = "the variable 'image' is a column of bytes, which no template can use"
    assert [str(each) for each in caught.value.problems] == [
        f"{tmp_path}/jobs.yaml:5:{column}: {said}" for column in (41, 63)
    ]
