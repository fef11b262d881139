import orjson
import pytest
import rows

from runner.axes import Axes, Layout, Unsheeted, check, facet, known, layout, told
from runner.job import State
from runner.outcome import Cause


def job(number, *, params=None, names=None, outputs=(), **fields):
    fields = {"state": State.SUCCEEDED, **fields}
    return rows.job(
        row=number,
        id=f"job-{number}",
        params=orjson.dumps(params or {}),
        vars=orjson.dumps(names or {}),
        outputs=outputs,
        **fields,
    )


def picture(name="a.png", **fields):
    return rows.kept(path=name, **fields)


ONE = job(1, params={"steps": 9, "size": None}, names={"size": "large", "params": 7})


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("model", "sdxl"),
        ("sample", 1),
        ("prompt", "a red fox"),
        ("steps", 9),
        ("size", None),
        ("vars.size", "large"),
        ("params.size", None),
        ("params", 7),
    ],
)
def test_a_job_has_what_is_its_own_then_its_parameters_then_its_variables(name, found):
    assert facet(ONE, name) == found


def labels(made: Layout, axis: int = 0):
    return [label for _, label in made.along(axis)]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ([9, 5, 12, 5.5], ["5", "5.5", "9", "12"]),
        (["oil", "ink", "9"], ["oil", "ink", "9"]),
        (["oil", None, 3, True], ["oil", "null", "3", "true"]),
        ([{"b": 1, "a": 2}, {"a": 2, "b": 1}], ['{"a":2,"b":1}']),
    ],
)
def test_numbers_stand_by_size_and_other_values_as_they_come(given, shown):
    made = layout([job(number, params={"v": each}) for number, each in enumerate(given)], Axes(x="v"))
    assert labels(made) == shown


def test_a_cell_has_the_first_picture_and_counts_the_others():
    failed = job(1, state=State.FAILED, cause=Cause.BLOCKED)
    made = layout(
        [
            failed,
            job(2, outputs=(picture("b-0.png"), picture("b-1.png", index=1))),
            job(3, outputs=(picture("c.png"),)),
        ],
        Axes(x="model"),
    )
    [cell] = made.cells.values()
    assert (cell.job, cell.path, cell.pictures, made.pictures) == ("job-2", "b-0.png", 3, 3)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": State.FAILED, "cause": Cause.BLOCKED}, "failed: blocked"),
        ({"state": State.PENDING}, "pending"),
        ({"outputs": (rows.text("a poem"),)}, "no picture"),
    ],
)
def test_a_cell_without_a_picture_says_how_its_job_ended(fields, words):
    [cell] = layout([job(1, **fields)], Axes(x="model")).cells.values()
    assert (cell.path, cell.ended) == (None, words)


def test_jobs_without_one_of_the_names_are_left_out_and_counted():
    made = layout([job(1, params={"v": 1}), job(2), job(3)], Axes(x="v", y="model"))
    assert (made.left_out, len(made.cells), labels(made, 1)) == (2, 1, ["sdxl"])


def test_too_many_values_are_refused_as_soon_as_there_are():
    endless = (job(number, params={"seed": number}) for number in range(10**9))
    with pytest.raises(Unsheeted, match="'seed' has more than 256 values"):
        layout(endless, Axes(x="seed"))


def test_too_many_combinations_are_refused():
    many = (
        job(number, params={"a": number % 250, "b": number // 250 % 250, "c": number % 3})
        for number in range(10**9)
    )
    with pytest.raises(Unsheeted, match="more than 20,000 combinations"):
        layout(many, Axes(x="a", y="b", z="c"))


def test_what_varies_is_told_with_what_was_probably_meant():
    names = known([job(1, params={"steps": 5, "wide": 1}), job(2, params={"steps": 9, "wide": 1})])
    assert told(names) == "What varies: steps (2)"
    with pytest.raises(Unsheeted) as refusal:
        check("step", names)
    assert str(refusal.value) == "no job has 'step'. Did you mean 'steps'? What varies: steps (2)"
    assert told({"wide": 1}) == "Nothing varies in this batch"
