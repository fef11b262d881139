import json
import tracemalloc
from collections import Counter
from datetime import date
from math import prod

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.combinations import Grid, combinations
from runner.dialects import DIALECTS
from runner.expand import count, expand
from runner.manifest import from_mapping
from runner.problems import ManifestError
from runner.ranking import Ranking, nth
from runner.sampling import chosen

BODIES = {name: dialect.body for name, dialect in DIALECTS.items()}
ANIMALS = [f"animal {number}" for number in range(1000)]
STYLES = [f"style {number}" for number in range(1000)]


def manifest(folder, dialect="nebula-images", **group):
    return from_mapping(
        {
            "name": "batch",
            "endpoints": {"studio": {"dialect": dialect, "url": "demo"}},
            "jobs": [{"model": "m", **group}],
        },
        folder=folder,
        today=date(2026, 11, 23),
    )


def jobs(folder, **group):
    made = manifest(folder, **group)
    found = list(expand(made, BODIES))
    assert count(made) == len(found)
    return found


def content(found):
    return [(job.prompt, job.params) for job in found]


GRID = {
    "prompts": ["a {{ x }}", {"prompt": "b {{ x }}", "vars": {"x": [7, 8, 9]}}],
    "vars": {"x": [1, 2]},
    "matrix": {
        "steps": [1, 2, 3],
        "cfg": [5, 6],
        "exclude": [{"steps": 2, "cfg": 5}],
        "include": [{"steps": 9}],
    },
}


@pytest.mark.parametrize(
    ("size", "most"), [(1, 1), (2, 1), (10, 3), (97, 50), (100, 99), (1000, 1), (10**60, 40)]
)
def test_so_many_numbers_are_chosen_each_once_and_in_order(size, most):
    found = list(chosen(size, most, 1))
    assert found == sorted(set(found))
    assert len(found) == most
    assert all(0 <= number < size for number in found)


@pytest.mark.parametrize("most", [5, 6, 1000])
def test_all_are_chosen_where_there_are_no_more(most):
    assert list(chosen(5, most, 1)) == [0, 1, 2, 3, 4]


def test_the_choice_is_the_same_on_every_machine():
    assert list(chosen(10**12, 4, 7)) == [56234144866, 516429173159, 806794201546, 887952123731]


def test_more_are_those_and_others():
    assert {*chosen(10**9, 100, 7)} < {*chosen(10**9, 200, 7)}


def test_every_number_is_as_likely_as_any_other():
    times = Counter(number for seed in range(3000) for number in chosen(12, 3, seed))
    assert len(times) == 12
    assert all(abs(times[number] - 750) < 150 for number in range(12))


values = st.integers(0, 2)
axes = st.dictionaries(
    st.sampled_from("abc"), st.lists(values, min_size=1, max_size=3, unique=True), max_size=3
)
patterns = st.lists(st.dictionaries(st.sampled_from("abcd"), values, min_size=1, max_size=3), max_size=4)


@given(axes, patterns, patterns)
def test_the_combination_of_a_number_is_that_which_is_made_then(axes, exclude, include):
    grid = Grid(axes=axes, exclude=exclude, include=include)
    ranking = Ranking(grid)
    assert [ranking.nth(number) for number in range(grid.count())] == list(grid)


def test_plain_axes_are_numbered_as_they_are_made():
    axes = {"a": [1, 2], "b": "xyz"}
    assert [nth(axes, number) for number in range(6)] == list(combinations(axes))


@pytest.mark.parametrize("most", [1, 7, 29, 30, 1000])
def test_a_sample_is_of_the_grid_in_its_order(tmp_path, most):
    whole = content(jobs(tmp_path, **GRID))
    sampled = content(jobs(tmp_path, **GRID, sample=most))
    assert len(sampled) == min(most, len(whole))
    assert sampled == [each for each in whole if each in sampled]


def test_a_sample_is_the_same_each_time_and_another_by_another_seed(tmp_path):
    plain, zero, seven = (
        content(jobs(tmp_path, **GRID, sample=sample)) for sample in (9, {"take": 9}, {"take": 9, "seed": 7})
    )
    assert plain == zero != seven


def test_each_of_a_sample_has_its_samples(tmp_path):
    found = jobs(tmp_path, **GRID, sample=3, samples=2)
    assert [job.sample for job in found] == [1, 2] * 3


def test_rows_of_a_file_are_part_of_the_grid(tmp_path):
    lines = [json.dumps({"id": f"r{number}", "prompt": f"p {number}"}) for number in range(50)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    rows = {"file": "rows.jsonl", "matrix": {"steps": [1, 2]}}
    found = jobs(tmp_path, **rows, sample=10)
    assert len({job.id for job in found}) == 10
    assert {job.id for job in found} < {job.id for job in jobs(tmp_path, **rows)}


def test_lines_of_a_batch_file_are_sampled_as_they_stand(tmp_path):
    asked = [{"custom_id": f"r{at}", "body": {"model": "m", "input": f"p {at}"}} for at in range(9)]
    (tmp_path / "batch.jsonl").write_text("\n".join(map(json.dumps, asked)))
    found = jobs(tmp_path, dialect="openai-embeddings", file="batch.jsonl", sample=3)
    assert len({job.id for job in found} & {each["custom_id"] for each in asked}) == 3


def test_a_grid_of_trillions_is_sampled_in_no_time_and_room(tmp_path):
    variables = {"animal": ANIMALS, "style": STYLES, "tone": ANIMALS}
    made = manifest(
        tmp_path,
        prompt="{{ animal }} {{ style }} {{ tone }}",
        id="{{ animal }} {{ style }} {{ tone }}",
        vars=variables,
        matrix={"steps": list(range(1000)), "cfg": [1, 2], "exclude": [{"steps": 5, "cfg": 1}]},
        sample=500,
    )
    tracemalloc.start()
    found = sum(1 for _ in expand(made, BODIES))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == count(made) == 500
    assert prod(map(len, variables.values())) == 10**9
    assert peak < 5_000_000


def test_ids_and_derived_seeds_are_those_of_the_whole_grid(tmp_path):
    grid = {
        "prompt": "{{ x }}",
        "id": "{{ x }}",
        "vars": {"x": ANIMALS},
        "params": {"seed": {"derive": True}},
    }
    whole = {job.id: job.key for job in jobs(tmp_path, **grid)}
    sampled = {job.id: job.key for job in jobs(tmp_path, **grid, sample=20)}
    assert len(sampled) == 20
    assert sampled.items() < whole.items()
    assert all(0 <= orjson.loads(job.body)["seed"] < 2**32 for job in jobs(tmp_path, **grid, sample=2))


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (0, "'sample' must be at least 1"),
        ("many", "a whole number expected, not text"),
        ({"take": 3, "sed": 1}, "unknown key 'sed' in 'sample'. Did you mean 'seed'?"),
        ({"seed": 3}, "'take' is missing in 'sample'"),
    ],
)
def test_a_sample_that_is_none_is_told_of(tmp_path, sample, said):
    with pytest.raises(ManifestError) as caught:
        manifest(tmp_path, prompt="x", sample=sample)
    assert [problem.message for problem in caught.value.problems] == [said]
