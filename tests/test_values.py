from datetime import date

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
BODIES = {name: dialect.body for name, dialect in DIALECTS.items()}
FILES = {
    "animals.txt": "fox\n\nowl\n",
    "styles.csv": "name,price\noil,1\npencil,2\n",
    "names.csv": "name\noil\npencil\n",
    "sizes.jsonl": '{"size": [6, 4]}\n{"size": [7]}\n',
    "torn.jsonl": '{"size": 64}\n{"width": 1}\n',
    "empty.txt": "",
}


def read(folder, job, **files):
    for name, content in {**FILES, **files}.items():
        (folder / name).write_text(content)
    path = folder / "jobs.yaml"
    path.write_text(f"{HEAD}  - {job}\n")
    return load(path, today=date(2026, 11, 23))


def prompts(folder, job):
    manifest = read(folder, job)
    made = [job.prompt for job in expand(manifest, BODIES)]
    assert count(manifest) == len(made)
    return made


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("{model: m, prompt: 'a {{ x }}', vars: {x: {file: animals.txt}}}", ["a fox", "a owl"]),
        ("{model: m, prompt: '{{ x }}', vars: {x: {file: styles.csv, column: name}}}", ["oil", "pencil"]),
        ("{model: m, prompt: '{{ x }}', vars: {x: {file: names.csv}}}", ["oil", "pencil"]),
        ("{model: m, prompt: '{{ x[0] }}', vars: {x: {file: sizes.jsonl}}}", ["6", "7"]),
        (
            "{model: m, prompt: '{{ x }} {{ y }}', vars: {x: {file: animals.txt}, y: [1, 2]}}",
            ["fox 1", "fox 2", "owl 1", "owl 2"],
        ),
        (
            "{model: m, prompts: [{prompt: '{{ x }}', vars: {x: {file: animals.txt}}}, 'b']}",
            ["fox", "owl", "b"],
        ),
        ("{model: m, prompt: '{{ x.file }}', vars: {x: [{file: animals.txt}]}}", ["animals.txt"]),
    ],
)
def test_values_of_a_variable_come_from_a_file(tmp_path, job, expected):
    assert prompts(tmp_path, job) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "{file: 's3://me:secret@bucket/a.txt'}",
            "jobs.yaml:5:52: a URL holds no key or password: stores find theirs in the environment",
        ),
        ("{file: birds.txt}", "jobs.yaml:5:45: birds.txt: no such file"),
        ("{file: empty.txt}", "jobs.yaml:5:45: empty.txt: no row, where each is to be a value"),
        (
            "{file: styles.csv}",
            "jobs.yaml:5:45: styles.csv: which column? Write {file: …, column: …}; known: name, price",
        ),
        ("{file: styles.csv, column: nam}", "styles.csv:2: no column 'nam'. Did you mean 'name'?"),
        ("{file: torn.jsonl, column: size}", "torn.jsonl:2: no column 'size'; known: width"),
        (
            "{file: styles.csv, colum: name}",
            "jobs.yaml:5:64: unknown key 'colum' in a variable's file. Did you mean 'column'?",
        ),
    ],
)
def test_a_file_without_such_values_is_told_of_where_it_is_named(tmp_path, given, said):
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, f"{{model: m, prompt: '{{{{ x }}}}', vars: {{x: {given}}}}}")
    first = str(caught.value.problems[0]).replace(f"{tmp_path}/", "")
    assert first == said


def test_other_values_are_another_fingerprint(tmp_path):
    job = "{model: m, prompt: 'a {{ x }}', vars: {x: {file: animals.txt}}}"
    marks = [fingerprint(read(tmp_path, job, **{"animals.txt": text})) for text in ("a\n", "b\n", "b\n")]
    assert marks[0] != marks[1] == marks[2]
