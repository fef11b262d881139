import hashlib
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.dialects import DIALECTS
from runner.expand import count, expand
from runner.manifest import from_mapping
from runner.names import folded
from runner.problems import ManifestError

BODIES = {name: dialect.body for name, dialect in DIALECTS.items()}
TODAY = date(2026, 11, 23)


def manifest(folder, *groups, dialect="nebula-images", sets=None, **endpoint):
    return from_mapping(
        {
            "name": "batch",
            "endpoints": {"studio": {"dialect": dialect, "url": "demo", **endpoint}},
            "jobs": [{"model": "m", **group} for group in groups],
        },
        folder=folder,
        sets=sets or {},
        today=TODAY,
    )


def jobs(folder, *groups, **more):
    made = manifest(folder, *groups, **more)
    found = list(expand(made, BODIES))
    assert count(made) == len(found)
    return found


def keys(folder, *groups, **more):
    return [job.key for job in jobs(folder, *groups, **more)]


def problems(folder, *groups, **more):
    with pytest.raises(ManifestError) as caught:
        jobs(folder, *groups, **more)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def bodies(found):
    return [orjson.loads(job.body) for job in found]


def test_rows_then_variables_then_the_matrix_then_samples(tmp_path):
    found = jobs(
        tmp_path,
        {
            "prompts": ["a {{ animal }}", "the {{ animal }}"],
            "vars": {"animal": ["fox", "owl"]},
            "matrix": {"steps": [1, 2]},
            "samples": 2,
        },
    )
    said = [(job.prompt, orjson.loads(job.params)["steps"], job.sample) for job in found]
    assert said == [
        (f"{article} {animal}", steps, sample)
        for article in ("a", "the")
        for animal in ("fox", "owl")
        for steps in (1, 2)
        for sample in (1, 2)
    ]


def test_a_job_says_what_it_was_made_of(tmp_path):
    (job,) = jobs(
        tmp_path,
        {
            "prompt": "a {{ animal }} in {{ style }}",
            "vars": {"animal": ["fox"]},
            "params": {"width": 64, "negative_prompt": None, "seed": "{{ 6 * 7 }}", "tag": "{{ date }}"},
            "matrix": {"width": [128]},
        },
        sets={"style": "oil"},
    )
    assert job.endpoint == "studio"
    assert job.model == "m"
    assert job.prompt == "a fox in oil"
    assert orjson.loads(job.vars) == {"animal": "fox", "style": "oil"}
    params = {"width": 128, "negative_prompt": None, "seed": 42, "tag": "2026-11-23"}
    assert orjson.loads(job.params) == params
    assert orjson.loads(job.body) == {"model": "m", "prompt": "a fox in oil", **params}
    assert job.id == job.stem == job.key[:12]


def test_the_key_is_the_hash_of_what_is_documented(tmp_path):
    (job,) = jobs(tmp_path, {"prompt": "ü", "params": {"b": 1.5, "a": [None, True]}})
    canonical = '["studio","nebula-images","m",{"a":[null,true],"b":1.5,"model":"m","prompt":"ü"},1]'
    assert job.key == hashlib.sha256(canonical.encode()).hexdigest()


@pytest.mark.parametrize(
    "same",
    [
        {"concurrency": 3},
        {"limits": {"requests_per_minute": 5}},
        {"price": {"image": 1}},
        {"url": "https://elsewhere.example.com"},
        {"model_field": "model"},
        {"timeout": 5, "idempotency_header": "X-Key"},
    ],
)
def test_a_key_holds_nothing_but_the_request(tmp_path, same):
    assert keys(tmp_path, {"prompt": "a fox"}, **same) == keys(tmp_path, {"prompt": "a fox"})


def test_how_a_request_is_written_makes_no_difference_to_its_key(tmp_path):
    plain = {"prompt": "a fox", "params": {"seed": 1, "width": 2}}
    (tmp_path / "rows.jsonl").write_text('{"caption": "a fox", "id": "x"}\n')
    others = [
        {"prompt": "a {{ animal }}", "vars": {"animal": "fox"}, "params": {"width": 2, "seed": 1}},
        {"prompts": [{"prompt": "a fox", "id": "mine", "params": {"seed": 1}}], "params": {"width": 2}},
        {"prompt": "a fox", "params": {"seed": 7, "width": 2}, "matrix": {"seed": [1]}},
        {"file": "rows.jsonl", "prompt": "{{ caption }}", "params": {"seed": 1, "width": 2}},
        {"prompt": "a fox", "params": {"seed": "{{ n }}", "width": 2}, "vars": {"n": 1}},
    ]
    assert {key for group in (plain, *others) for key in keys(tmp_path, group)} == set(keys(tmp_path, plain))


@pytest.mark.parametrize(
    ("before", "after", "new", "gone"),
    [
        (["a", "b", "c"], ["new", "a", "b", "c"], 1, 0),
        (["a", "b", "c"], ["c", "a", "b"], 0, 0),
        (["a", "b", "c"], ["a", "c"], 0, 1),
        (["a", "b"], ["a", "b", "a"], 1, 0),
        (["a", "a", "b"], ["a", "b", "a", "a"], 1, 0),
        (["a", "b"], ["a", "B"], 1, 1),
    ],
)
def test_m9_an_edit_makes_new_only_what_is_new(tmp_path, before, after, new, gone):
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(before))
    was = set(keys(tmp_path, {"file": "prompts.txt"}))
    path.write_text("\n".join(after))
    found = set(keys(tmp_path, {"file": "prompts.txt"}))
    assert (len(found - was), len(was - found)) == (new, gone)


def test_m9_a_group_put_first_moves_no_key(tmp_path):
    groups = [{"prompt": "a {{ x }}", "vars": {"x": [1, 2]}}, {"prompts": ["b", "c"]}]
    was = keys(tmp_path, *groups)
    assert keys(tmp_path, {"prompt": "new"}, *groups)[1:] == was
    assert set(keys(tmp_path, *reversed(groups))) == set(was)


def told(requests, **endpoint):
    """What each key stands for."""
    groups = [{"prompt": prompt, "params": {"n": number}} for prompt, number in requests]
    found = jobs(Path(), *groups, **endpoint) if groups else []
    return {job.key: (job.prompt, job.params, job.sample) for job in found}


requests = st.lists(
    st.tuples(st.sampled_from(["a", "A", "á", ""]), st.sampled_from([1, 1.5, "1", True, None]))
)


@given(requests, st.randoms(use_true_random=False), st.integers(1, 9))
def test_m9_a_request_has_its_key_wherever_it_stands_and_whatever_the_limits_are(made, chance, limit):
    moved = chance.sample(made, len(made))
    limits = {
        "limits": {"requests_per_minute": limit},
        "concurrency": limit,
        "url": f"https://{limit}.example.com",
    }
    assert len(told(made)) == len(made)
    assert told(moved, **limits) == told(made)


@given(requests, requests, requests)
def test_m9_an_edit_costs_what_it_adds_and_nothing_else(before, middle, after):
    was, now = told(before + after), told(before + middle + after)
    assert was.items() <= now.items()
    assert len(now) - len(was) == len(middle)


def test_equal_requests_are_samples_of_one(tmp_path):
    found = jobs(tmp_path, {"prompts": ["a", "a"], "samples": 2}, {"prompt": "a"})
    assert [job.sample for job in found] == [1, 2, 3, 4, 5]
    assert len({job.key for job in found}) == 5


def test_files_bring_rows_whose_columns_are_variables_and_no_templates(tmp_path):
    (tmp_path / "rows.csv").write_text("id,caption,n\nfox,a {{ n }} fox,3\nowl,an owl,4\n")
    found = jobs(tmp_path, {"file": "rows.csv", "prompt": "{{ caption }}!", "params": {"n": "{{ n | int }}"}})
    assert [job.id for job in found] == ["fox", "owl"]
    assert [job.prompt for job in found] == ["a {{ n }} fox!", "an owl!"]
    assert [orjson.loads(job.params) for job in found] == [{"n": 3}, {"n": 4}]
    assert orjson.loads(found[0].vars) == {"id": "fox", "caption": "a {{ n }} fox", "n": "3"}


def test_lines_of_a_text_file_are_prompts(tmp_path):
    (tmp_path / "rows.txt").write_text("a {{ fox }}\n\nan owl\n")
    assert [job.prompt for job in jobs(tmp_path, {"file": "rows.txt"})] == ["a {{ fox }}", "an owl"]
    with_template = jobs(tmp_path, {"file": "rows.txt", "prompt": "{{ prompt }}, oil"})
    assert [job.prompt for job in with_template] == ["a {{ fox }}, oil", "an owl, oil"]
    assert orjson.loads(with_template[1].vars) == {"prompt": "an owl"}


@pytest.mark.parametrize(
    ("group", "messages"),
    [
        ({"prompt": "hi"}, [{"role": "user", "content": "hi"}]),
        (
            {"prompt": "hi", "system": "be {{ how }}", "vars": {"how": "kind"}},
            [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}],
        ),
        ({"messages": [{"role": "user", "content": "hi"}]}, [{"role": "user", "content": "hi"}]),
        (
            {"file": "rows.jsonl", "messages": [{"role": "user", "content": "say {{ prompt }}"}]},
            [{"role": "user", "content": "say hi"}],
        ),
        ({"file": "rows.jsonl", "messages": "{{ talk }}"}, [{"role": "user", "content": "there"}]),
        (
            {"prompts": ["hi"], "messages": [{"role": "user", "content": "{{ prompt }}!"}]},
            [{"role": "user", "content": "hi!"}],
        ),
    ],
)
def test_chats_are_a_prompt_or_messages_in_full(tmp_path, group, messages):
    (tmp_path / "rows.jsonl").write_text('{"prompt": "hi", "talk": [{"role": "user", "content": "there"}]}\n')
    (job,) = jobs(tmp_path, group, dialect="openai-chat")
    assert orjson.loads(job.body)["messages"] == messages


def test_a_model_may_vary(tmp_path):
    found = jobs(tmp_path, {"model": "{{ m }}", "prompt": "x", "vars": {"m": ["one", "two"]}})
    assert [job.model for job in found] == ["one", "two"]
    assert [body["model"] for body in bodies(found)] == ["one", "two"]


def test_json_http_may_do_without_model_and_prompt(tmp_path):
    body = {"input": {"text": "{{ style }}", "n": "{{ n }}"}}
    made = from_mapping(
        {
            "name": "b",
            "endpoints": {"any": {"dialect": "json-http", "url": "demo", "body": body}},
            "jobs": [{"vars": {"style": ["oil", "ink"]}, "params": {"n": 3}}],
        },
        folder=tmp_path,
        today=TODAY,
    )
    found = list(expand(made, BODIES))
    assert bodies(found) == [{"input": {"text": "oil", "n": 3}}, {"input": {"text": "ink", "n": 3}}]
    assert found[0].prompt is None


def test_a_files_content_and_not_its_place_is_in_the_key(tmp_path):
    for name, data in (("a.png", b"cat"), ("b.png", b"cat"), ("c.png", b"dog")):
        (tmp_path / name).write_bytes(data)
    found = [
        jobs(tmp_path, {"prompt": "x", "params": {"image": {"file": name}}})[0]
        for name in ("a.png", "b.png", "c.png")
    ]
    assert found[0].key == found[1].key != found[2].key
    assert orjson.loads(found[0].body)["image"] == {
        "file": str(tmp_path / "a.png"),
        "sha256": hashlib.sha256(b"cat").hexdigest(),
    }


def test_a_row_names_a_file_by_a_template_of_the_manifest_alone(tmp_path):
    (tmp_path / "cat.png").write_bytes(b"cat")
    (tmp_path / "rows.jsonl").write_text(
        '{"prompt": "x", "picture": "cat.png", "raw": {"file": "cat.png"}}\n'
    )
    params = {"image": {"file": "{{ picture }}"}, "raw": "{{ raw }}"}
    (job,) = jobs(tmp_path, {"file": "rows.jsonl", "params": params})
    body = orjson.loads(job.body)
    assert body["image"]["sha256"] == hashlib.sha256(b"cat").hexdigest()
    assert body["raw"] == {"file": "cat.png"}


def test_m4_bad_rows_are_all_told_and_no_job_comes_after_one(tmp_path):
    (tmp_path / "rows.jsonl").write_text(
        '{"caption": "a", "image": "cat.png"}\nnonsense\n{"image": "cat.png"}\n'
        '{"caption": null, "image": "cat.png"}\n{"caption": "b", "image": "dog.png"}\n'
    )
    (tmp_path / "cat.png").write_bytes(b"cat")
    group = {"file": "rows.jsonl", "prompt": "{{ caption }}", "params": {"image": {"file": "{{ image }}"}}}
    yielded = expand(manifest(tmp_path, group), BODIES)
    assert next(yielded).prompt == "a"
    with pytest.raises(ManifestError) as caught:
        next(yielded)
    assert [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems] == [
        "rows.jsonl:2:1: not JSON: invalid literal, expected 'null'",
        "rows.jsonl:3: 'caption' is undefined",
        "rows.jsonl:4: prompt: text expected, not null",
        "rows.jsonl:5: dog.png: No such file or directory",
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"x": 1}', "rows.jsonl:1: no column 'prompt'; known: x"),
        ('{"prompt": "a"}\n{"prompt": null}', "rows.jsonl:2: no prompt in this row"),
        ('{"prompt": ["a"]}', 'rows.jsonl:1: prompt: text expected, not ["a"]'),
        ('{"prompt": "a", "id": {}}', "rows.jsonl:1: id: text expected, not {}"),
    ],
)
def test_a_row_without_a_text_for_its_prompt_is_a_problem(tmp_path, row, said):
    (tmp_path / "rows.jsonl").write_text(row)
    (found,) = problems(tmp_path, {"file": "rows.jsonl"})
    assert found.startswith(said)


def test_what_json_cannot_say_is_a_problem(tmp_path):
    (found,) = problems(tmp_path, {"prompt": "x", "params": {"a": "{{ [1, 2] | map('string') }}"}})
    assert "not JSON serializable" in found


@pytest.mark.parametrize(
    ("group", "ids"),
    [
        ({"prompt": "x", "id": "fox"}, ["fox"]),
        ({"prompt": "x", "id": "fox", "samples": 2}, ["fox-{0}", "fox-{1}"]),
        ({"prompt": "x", "id": "fox", "matrix": {"seed": [1, 2]}}, ["fox-{0}", "fox-{1}"]),
        ({"prompt": "{{ a }}", "id": "{{ a }}", "vars": {"a": ["fox", "owl"]}}, ["fox", "owl"]),
        ({"prompt": "{{ a }}", "id": "one", "vars": {"a": ["fox", "owl"]}}, ["one-{0}", "one-{1}"]),
        ({"prompts": ["x", "y"], "id": "both"}, ["both-{0}", "both-{1}"]),
        ({"prompts": [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": "x"}]}, ["a", "b"]),
        ({"prompts": ["x", {"id": "b", "prompt": "y"}], "id": "a"}, ["a-{0}", "b"]),
        ({"file": "rows.jsonl"}, ["r1", "2"]),
        ({"file": "rows.jsonl", "samples": 2}, ["r1-{0}", "r1-{1}", "2-{2}", "2-{3}"]),
        ({"file": "rows.jsonl", "id": "row-{{ n }}"}, ["row-1", "row-2"]),
        ({"file": "rows.jsonl", "id": "rows"}, ["rows-{0}", "rows-{1}"]),
    ],
)
def test_a_users_id_that_makes_several_jobs_gets_their_keys(tmp_path, group, ids):
    (tmp_path / "rows.jsonl").write_text(
        '{"id": "r1", "n": 1, "prompt": "a"}\n{"id": 2, "n": 2, "prompt": "b"}\n'
    )
    found = jobs(tmp_path, group)
    digits = [job.key[:8] for job in found]
    assert [job.id for job in found] == [name.format(*digits) for name in ids]
    assert len({job.stem for job in found}) == len(found)


def test_m2_an_id_twice_names_both_lines(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": "x", "prompt": "a"}\n{"id": "y", "prompt": "b"}\n')
    (tmp_path / "b.csv").write_text("id,prompt\ny,c\nz,d\nx,e\n")
    assert problems(tmp_path, {"file": "a.jsonl"}, {"file": "b.csv"}, {"prompt": "q", "id": "z"}) == [
        "b.csv:2: the id 'y' stands here a second time, first at a.jsonl:2",
        "b.csv:4: the id 'x' stands here a second time, first at a.jsonl:1",
        "manifest.jobs[2].prompt: the id 'z' stands here a second time, first at b.csv:3",
    ]


def test_m2_a_template_that_makes_one_id_twice_is_a_problem(tmp_path):
    group = {"prompt": "{{ a }}", "id": "{{ a | lower }}", "vars": {"a": ["Fox", "fox"]}}
    (found,) = problems(tmp_path, group)
    assert "the id 'fox' stands here a second time" in found


def test_m7_twins_are_told_apart_whatever_their_order(tmp_path):
    prompts = [
        {"id": name, "prompt": name} for name in ("Fox", "owl", "fox", "e\u0301", "\u00e9", "a/b", "a:b")
    ]
    found = jobs(tmp_path, {"prompts": prompts})
    assert {job.id for job in found} == {prompt["id"] for prompt in prompts}
    stems = {job.id: job.stem for job in found}
    assert stems["owl"] == "owl"
    for job in found:
        assert job.id == "owl" or job.stem.endswith(f"-{job.key[:8]}")
    again = jobs(tmp_path, {"prompts": list(reversed(prompts))})
    assert {job.id: job.stem for job in again} == stems


def test_m7_a_stem_is_not_one_of_the_pictures_of_another_job(tmp_path):
    found = jobs(tmp_path, {"prompts": [{"id": "fox-1", "prompt": "a"}, {"id": "fox", "prompt": "b"}]})
    assert [job.stem for job in found] == [f"fox-1-{found[0].key[:8]}", "fox"]


@given(st.lists(st.text(max_size=40), min_size=1, max_size=12, unique=True))
def test_m7_whatever_ids_there_are_no_two_files_meet(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("ids")
    rows = (orjson.dumps({"id": name, "prompt": "x"}) for name in names)
    (folder / "rows.jsonl").write_bytes(b"\n".join(rows))
    found = jobs(folder, {"file": "rows.jsonl"})
    assert len(found) == len(names)
    assert max(Counter(folded(job.stem) for job in found).values()) == 1
    assert all("/" not in job.stem and "\0" not in job.stem for job in found)


def test_a_derived_id_gives_way_to_a_users(tmp_path):
    (plain,) = jobs(tmp_path, {"prompt": "a"})
    found = jobs(tmp_path, {"prompt": "a"}, {"prompt": "b", "id": plain.id})
    assert [job.id for job in found] == [plain.key[:16], plain.id]


def test_set_variables_beat_those_of_the_manifest(tmp_path):
    found = jobs(tmp_path, {"prompt": "{{ a }}", "vars": {"a": ["x", "y"]}}, sets={"a": "z"})
    assert [job.prompt for job in found] == ["z"]


def test_m6_three_billion_jobs_are_counted_at_once(tmp_path):
    group = {"prompt": "{{ a }}", "vars": {"a": list(range(1000))}, "samples": 3}
    matrix = {"b": list(range(1000)), "c": list(range(1000)), "exclude": [{"b": 1}]}
    assert count(manifest(tmp_path, {**group, "matrix": matrix})) == 1000 * 999 * 1000 * 3


EXPANDS = """
import resource, sys
from datetime import date
from pathlib import Path
from runner.dialects import DIALECTS
from runner.expand import expand
from runner.manifest import from_mapping
made = from_mapping(
    {"name": "b", "endpoints": {"e": {"dialect": "nebula-images", "url": "demo"}},
     "jobs": [{"model": "m", "file": "rows.txt"}]},
    folder=Path(sys.argv[1]), today=date(2026, 1, 1),
)
made = expand(made, {name: dialect.body for name, dialect in DIALECTS.items()})
next(made)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(sum(1 for _ in made), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_m6_a_hundred_thousand_rows_take_a_few_megabytes(tmp_path):
    (tmp_path / "rows.txt").write_text("".join(f"a fox, number {number}\n" for number in range(100_000)))
    done = subprocess.run(
        [sys.executable, "-c", EXPANDS, str(tmp_path)], capture_output=True, text=True, check=True
    )
    made, kilobytes = map(int, done.stdout.split())
    assert made == 99_999
    assert kilobytes < 16_000
