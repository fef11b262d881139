"""A manifest that was changed costs what is new in it, and nothing else."""

import hashlib
import re

from runs import animals

from runner.demo import Hang, refused

CHANGE = re.compile(r"(\d+) new, (\d+) kept, (\d+) withdrawn")
SMALL = {"width": 64, "height": 64}


def counts(done):
    """New, kept and withdrawn, as `submit --json` tells them."""
    return tuple(done.last[name] for name in ("new", "kept", "withdrawn"))


def rows(url, **job):
    """A manifest of a file's rows."""
    manifest = animals(url)
    manifest["jobs"] = [{"model": "sdxl", "file": "prompts.txt", "params": SMALL, **job}]
    return manifest


def named(url, **prompts):
    """A manifest whose jobs have ids."""
    manifest = animals(url)
    manifest["jobs"][0]["prompts"] = [{"id": name, "prompt": prompt} for name, prompt in prompts.items()]
    return manifest


async def ran(desk, manifest):
    """A run of it to its end: what it says is new, kept and withdrawn."""
    desk.write(manifest)
    done = await desk.run("run", "jobs.yaml")
    assert done.status == 0, done.err
    return tuple(map(int, CHANGE.search(done.err).groups()))


def is_whole(desk):
    """Each output of the results is the file that it says, and there is no other picture."""
    told = [output for line in desk.results() for output in line["outputs"]]
    for output in told:
        content = (desk.outputs() / output["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == output["sha256"]
    assert desk.pictures() == sorted(output["path"] for output in told)


async def test_m9_a_line_at_the_top_sends_nothing_again(desk, provider):
    (desk.folder / "prompts.txt").write_text("a fox\nan owl\na hare\n")
    assert await ran(desk, rows(provider.url)) == (3, 0, 0)
    before = {line["key"]: line for line in desk.results()}
    (desk.folder / "prompts.txt").write_text("a newt\na fox\nan owl\na hare\n")
    assert await ran(desk, rows(provider.url)) == (1, 3, 0)
    assert provider.sent == 4
    assert [line["prompt"] for line in desk.results()] == ["a newt", "a fox", "an owl", "a hare"]
    assert {line["key"]: line for line in desk.results() if line["prompt"] != "a newt"} == before
    is_whole(desk)


async def test_m9_how_it_is_sent_makes_no_job_new(desk, provider):
    assert await ran(desk, animals(provider.url, "a fox")) == (1, 0, 0)
    changed = {
        "concurrency": 3,
        "limits": {"requests_per_minute": 5000},
        "timeout": 7,
        "price": {"image": 0.5},
        "model_field": "model",
        "headers": {"X-Team": "animals"},
        "idempotency_header": "Idempotency-Key",
    }
    assert await ran(desk, animals(provider.url, "a fox", **changed)) == (0, 1, 0)
    assert provider.sent == 1


async def test_m9_a_moved_address_retries_and_the_order_of_keys_make_no_job_new(desk, provider):
    assert await ran(desk, animals(provider.url, "a fox", "an owl")) == (2, 0, 0)
    moved = animals(f"{provider.url}/v1", "an owl", "a fox", retry={"attempts": 9})
    moved["jobs"][0]["params"] = {"height": 64, "width": 64}
    assert await ran(desk, moved) == (0, 2, 0)
    assert provider.sent == 2
    assert [line["prompt"] for line in desk.results()] == ["an owl", "a fox"]


async def test_m9_a_changed_parameter_makes_its_jobs_new(desk, provider):
    assert await ran(desk, animals(provider.url, "a fox", "an owl")) == (2, 0, 0)
    assert await ran(desk, animals(provider.url, "a fox", "an owl", params={"num_steps": 9})) == (2, 0, 0)
    assert provider.sent == 4
    assert [line["params"].get("num_steps") for line in desk.results()] == [9, 9, None, None]


async def test_m9_an_unchanged_manifest_is_not_expanded(desk, provider):
    (desk.folder / "prompts.txt").write_text("a fox\n")
    assert await ran(desk, rows(provider.url)) == (1, 0, 0)
    again = await desk.run("run", "jobs.yaml", "--json", crash_at="expanding:1")
    assert again.status == 0
    (desk.folder / "prompts.txt").write_text("a fox\nan owl\n")
    assert (await desk.run("run", "jobs.yaml", crash_at="expanding:1")).status == -9


async def test_m9_equal_captions_are_samples_of_their_own(desk, provider):
    (desk.folder / "prompts.txt").write_text("a fox\na fox\n")
    assert await ran(desk, rows(provider.url)) == (2, 0, 0)
    (desk.folder / "prompts.txt").write_text("a fox\nan owl\na fox\na fox\n")
    assert await ran(desk, rows(provider.url)) == (2, 2, 0)
    assert [line["sample"] for line in desk.results()] == [1, 1, 2, 3]
    assert provider.sent == 4


async def test_m9_a_finished_job_whose_id_gets_new_content_is_kept_with_its_file(desk, provider):
    assert await ran(desk, named(provider.url, fox="a red fox", owl="an owl")) == (2, 0, 0)
    [red] = [line["outputs"][0]["sha256"] for line in desk.results() if line["id"] == "fox"]
    assert await ran(desk, named(provider.url, fox="a grey fox", owl="an owl")) == (1, 1, 0)
    assert await ran(desk, named(provider.url, fox="a white fox", owl="an owl")) == (1, 1, 0)
    assert provider.sent == 4
    told = {line["id"]: line for line in desk.results()}
    assert {name: line["prompt"] for name, line in told.items()} == {
        "fox": "a white fox",
        "owl": "an owl",
        "fox~1": "a red fox",
        "fox~2": "a grey fox",
    }
    assert told["fox~1"]["outputs"][0]["path"] == "fox~1.png"
    assert told["fox~1"]["outputs"][0]["sha256"] == red
    assert [line["id"] for line in desk.results()][:2] == ["fox", "owl"]
    is_whole(desk)


async def test_m9_going_back_gives_names_and_files_back_and_sends_nothing(desk, provider):
    red, grey = named(provider.url, fox="a red fox"), named(provider.url, fox="a grey fox")
    await ran(desk, red)
    await ran(desk, grey)
    assert await ran(desk, red) == (0, 1, 0)
    assert provider.sent == 2
    told = {line["id"]: line["prompt"] for line in desk.results()}
    assert told["fox"] == "a red fox"
    assert sorted(told.values()) == ["a grey fox", "a red fox"]
    is_whole(desk)


async def test_m9_two_ids_can_be_swapped(desk, provider):
    await ran(desk, named(provider.url, one="a fox", two="an owl"))
    assert await ran(desk, named(provider.url, one="an owl", two="a fox")) == (0, 2, 0)
    assert provider.sent == 2
    assert {line["id"]: line["prompt"] for line in desk.results()} == {"one": "an owl", "two": "a fox"}
    is_whole(desk)


async def test_m9_what_is_gone_is_withdrawn_unless_it_is_done(desk, provider):
    provider.script = lambda seen: refused(400) if seen.json["prompt"] == "an owl" else None
    desk.write(animals(provider.url, "a fox", "an owl", "a hare"))
    assert (await desk.run("run", "jobs.yaml", "--limit", "2")).status == 75
    assert desk.states() == {"succeeded": 1, "failed": 1, "pending": 1}
    assert await ran(desk, animals(provider.url, "a newt")) == (1, 0, 2)
    assert desk.states() == {"succeeded": 2, "cancelled": 2}
    assert desk.results()[0]["prompt"] == "a newt"
    assert "a fox" in [line["prompt"] for line in desk.results()]
    provider.script = None
    assert await ran(desk, animals(provider.url, "a fox", "an owl", "a hare", "a newt")) == (2, 2, 0)
    assert desk.states() == {"succeeded": 4}
    assert provider.sent == 5


async def test_m9_a_cancelled_job_stays_so(desk, provider):
    desk.write(animals(provider.url, "a fox", "an owl"))
    await desk.run("submit", "jobs.yaml")
    await desk.run("cancel")
    assert await ran(desk, animals(provider.url, "a fox", "an owl", "a hare")) == (1, 2, 0)
    assert desk.states() == {"succeeded": 1, "cancelled": 2}
    assert provider.sent == 1


async def test_m9_an_input_file_counts_by_its_content(desk, provider):
    (desk.folder / "cat.png").write_bytes(b"one")
    first = animals(provider.url, "a fox", params={"image": {"file": "cat.png"}})
    assert await ran(desk, first) == (1, 0, 0)
    (desk.folder / "dog.png").write_bytes(b"one")
    assert await ran(desk, animals(provider.url, "a fox", params={"image": {"file": "dog.png"}})) == (0, 1, 0)
    (desk.folder / "dog.png").write_bytes(b"another")
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert provider.sent == 2


async def test_m9_a_manifest_can_be_changed_while_a_runner_works(desk, provider):
    provider.play(Hang())
    desk.write(animals(provider.url, "a fox", "an owl", concurrency=1, timeout=2))
    started = await desk.start("run", "jobs.yaml", "--json")
    await provider.until(lambda seen: seen.sent == 1)
    desk.write(animals(provider.url, "a fox", "a hare", concurrency=1, timeout=2))
    assert counts(await desk.run("submit", "jobs.yaml", "--json")) == (1, 1, 1)
    done = await started.ends()
    assert (done.status, done.last["state"]) == (0, "finished")
    assert {seen.json["prompt"] for seen in provider.requests} == {"a fox", "a hare"}
    assert desk.states() == {"succeeded": 2, "cancelled": 1}


async def test_m9_plan_tells_what_would_be_new(desk, provider):
    await ran(desk, animals(provider.url, "a fox", "an owl"))
    desk.write(animals(provider.url, "a newt", "a fox"))
    plan = await desk.run("plan", "jobs.yaml", "--json")
    assert plan.last["jobs"] == {"total": 2, "new": 1, "kept": 1, "withdrawn": 0}
    assert plan.last["requests"] == 1
    assert provider.sent == 2
