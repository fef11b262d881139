import hashlib
from collections import Counter
from datetime import date

import orjson
import pytest

from runner import seeds
from runner.dialects import DIALECTS
from runner.expand import expand
from runner.manifest import from_mapping
from runner.problems import ManifestError

BODIES = {name: dialect.body for name, dialect in DIALECTS.items()}
DERIVED = {"derive": True}
CANONICAL = b'["studio","nebula-images","m",{"model":"m","prompt":"a fox","seed":{"derive":true}},1]'
SEED = int.from_bytes(hashlib.sha256(CANONICAL).digest()[:4])
"""Of the prompt `a fox`, by what is documented."""


def jobs(folder, *groups, dialect="nebula-images", name="{{ key }}", **endpoint):
    manifest = from_mapping(
        {
            "name": "batch",
            "outputs": {"name": name},
            "endpoints": {"studio": {"dialect": dialect, "url": "demo", **endpoint}},
            "jobs": [{"model": "m", "params": {"seed": DERIVED}, **group} for group in groups],
        },
        folder=folder,
        today=date(2026, 11, 23),
    )
    return list(expand(manifest, BODIES))


def by_prompt(made):
    return {job.prompt: orjson.loads(job.body)["seed"] for job in made}


@pytest.mark.parametrize(
    ("tree", "filled"),
    [
        (DERIVED, 7),
        ({"seed": DERIVED, "width": 64}, {"seed": 7, "width": 64}),
        ({"nodes": [{"seed": DERIVED}]}, {"nodes": [{"seed": 7}]}),
        ({"derive": True, "more": 1}, {"derive": True, "more": 1}),
    ],
)
def test_a_seed_stands_wherever_one_is_derived(tree, filled):
    assert seeds.filled(tree, 7) == filled


def test_each_job_has_a_seed_of_its_own_in_body_and_parameters(tmp_path):
    made = jobs(tmp_path, {"prompts": ["a fox", "an owl"], "matrix": {"width": [64, 128]}, "samples": 3})
    found = [orjson.loads(job.body)["seed"] for job in made]
    assert found == [orjson.loads(job.params)["seed"] for job in made]
    assert len(set(found)) == len({job.key for job in made}) == 12
    assert all(0 <= seed < 2**32 for seed in found)
    assert Counter(job.sample for job in made) == {1: 4, 2: 4, 3: 4}


def test_a_prompt_that_comes_later_changes_no_other_seed(tmp_path):
    before = by_prompt(jobs(tmp_path, {"prompts": ["a fox", "an owl"]}))
    after = by_prompt(jobs(tmp_path, {"prompts": ["a bee", "an owl", "a fox"]}))
    assert {prompt: after[prompt] for prompt in before} == before


def test_a_seed_is_what_is_documented_and_makes_the_job_that_it_would_written_out(tmp_path):
    (job,) = jobs(tmp_path, {"prompt": "a fox"})
    assert by_prompt([job]) == {"a fox": SEED}
    (written,) = jobs(tmp_path, {"prompt": "a fox", "params": {"seed": SEED}})
    assert written.key == job.key


@pytest.mark.parametrize("derived_first", [True, False])
def test_a_derived_seed_that_is_written_out_too_makes_two_jobs(tmp_path, derived_first):
    written = {"prompt": "a fox", "params": {"seed": SEED}}
    groups = [{"prompt": "a fox"}, written]
    made = jobs(tmp_path, *(groups if derived_first else reversed(groups)))
    assert len({job.key for job in made}) == 2
    assert [job.sample for job in made] == [1, 2]


@pytest.mark.parametrize(
    "group",
    [
        {"matrix": {"seed": [1, DERIVED]}},
        {"prompts": [{"prompt": "a fox", "params": {"seed": DERIVED}}], "prompt": None, "params": {}},
    ],
)
def test_a_seed_is_derived_wherever_parameters_stand(tmp_path, group):
    found = [orjson.loads(job.body)["seed"] for job in jobs(tmp_path, {"prompt": "a fox", **group})]
    assert found[-1] == SEED


def test_a_template_of_an_endpoint_sees_the_number(tmp_path):
    body = {"text": "{{ prompt }} --seed {{ seed }}"}
    (job,) = jobs(tmp_path, {"prompt": "a fox"}, dialect="json-http", path="/x", body=body, texts="a")
    words = orjson.loads(job.body)["text"].split()
    assert words[:3] == ["a", "fox", "--seed"]
    assert int(words[3]) == orjson.loads(job.params)["seed"]


def test_the_name_of_a_file_may_hold_the_number(tmp_path):
    (job,) = jobs(tmp_path, {"prompt": "a fox"}, name="{{ prompt }}-{{ seed }}")
    assert job.stem == f"a fox-{SEED}"


def test_samples_of_derived_seeds_may_be_expected_to_be_no_copies(tmp_path):
    assert len(jobs(tmp_path, {"prompt": "a fox", "samples": 2, "expect": {"duplicate": False}})) == 2


def test_derive_is_true_or_left_out(tmp_path):
    with pytest.raises(ManifestError, match=r"params.seed.derive: a seed is derived, by {derive: true}, or"):
        jobs(tmp_path, {"prompt": "a fox", "params": {"seed": {"derive": False}}})
