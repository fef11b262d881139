"""A queue that knows less than its outputs, its log or all of it being lost, catches up with them."""

import pytest
from runs import animals, herd

KILLED = -9


async def killed_after(desk, provider, answers, *, of):
    """A run that was killed with so many of its pictures named, its log deleted."""
    desk.write(animals(provider.url, *herd(of), concurrency=2, price={"image": 0.04}))
    assert (await desk.run("run", "jobs.yaml", crash_at=f"committed:{answers}")).status == KILLED
    lose(desk, "runner.db-wal", "runner.db-shm")


async def adopting(desk):
    assert (await desk.run("submit", "jobs.yaml", "--adopt")).status == 0
    return await desk.run("run", "jobs.yaml", "--json")


def lose(desk, *names):
    for name in names:
        (desk.folder / name).unlink(missing_ok=True)


async def test_s6_a_lost_log_is_made_up_for_by_the_outputs(desk, provider):
    await killed_after(desk, provider, 5, of=8)
    sent = provider.sent
    assert desk.states() == {"pending": 8}
    done = await desk.run("run", "jobs.yaml", "--json")
    results = [line for line in done.err.splitlines() if "behind its outputs" in line]
    assert len(results) == 1
    adopted = int(results[0].split("by ")[1].split()[0])
    assert adopted >= 4
    assert (done.status, done.last["jobs"]["succeeded"], done.last["outputs"]) == (0, 8, 8)
    assert (done.last["attempts"], done.last["spent_usd"]) == (8, 0.32)
    assert provider.sent == sent + 8 - adopted
    assert {line["state"] for line in desk.results()} == {"succeeded"}
    assert [path for path in desk.pictures() if "/" in path] == []


@pytest.mark.parametrize("asked", [1, 3])
async def test_s6_a_queue_that_is_lost_whole_is_begun_anew_beside_its_outputs(desk, provider, asked):
    desk.write(animals(provider.url, *herd(4), params={"n": asked}))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    before = {line["id"]: line["outputs"] for line in desk.results()}
    (desk.folder / "runner.db").write_bytes(b"")
    assert (await desk.run("run", "jobs.yaml")).status == 2
    lose(desk, "runner.db", "runner.db-wal", "runner.db-shm")
    refused = await desk.run("run", "jobs.yaml")
    assert (refused.status, "--adopt" in refused.err) == (2, True)
    done = await adopting(desk)
    assert "the queue is behind its outputs by 4 results; adopted" in done.err
    assert (done.status, done.last["outputs"], provider.sent) == (0, 4 * asked, 4)
    assert {line["id"]: line["outputs"] for line in desk.results()} == before


async def test_s6_s9_what_was_put_in_the_place_of_an_output_is_not_adopted(desk, provider):
    desk.write(animals(provider.url, *herd(3)))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    foreign = desk.outputs() / desk.results()[1]["outputs"][0]["path"]
    foreign.write_bytes((desk.outputs() / desk.results()[0]["outputs"][0]["path"]).read_bytes())
    lose(desk, "runner.db")
    done = await adopting(desk)
    assert (done.status, done.last["jobs"]["succeeded"], done.last["jobs"]["failed"]) == (1, 2, 1)
    assert (desk.results()[1]["cause"], provider.sent) == ("conflict", 3)


async def test_s6_outputs_are_found_by_jobs_that_have_other_names_now(desk, provider):
    desk.write(animals(provider.url, {"id": "fox", "prompt": "a fox"}))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    lose(desk, "runner.db")
    desk.write(animals(provider.url, {"id": "vixen", "prompt": "a fox"}))
    done = await adopting(desk)
    assert (done.status, provider.sent) == (0, 1)
    assert [(line["id"], line["outputs"][0]["path"]) for line in desk.results()] == [("vixen", "fox.png")]


async def test_s6_a_picture_whose_claim_was_lost_too_is_adopted_before_it_has_its_name(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml", crash_at="renamed")).status == KILLED
    lose(desk, "runner.db-wal", "runner.db-shm")
    done = await desk.run("run", "jobs.yaml", "--json")
    assert "behind its outputs by 1 result; adopted" in done.err
    assert (done.status, done.last["attempts"], provider.sent) == (0, 1, 1)
    assert desk.pictures() == [desk.results()[0]["outputs"][0]["path"]]


async def test_s6_texts_stand_in_the_queue_alone(desk, provider):
    chat = {"model": "gpt-4o-mini", "prompts": ["tell me"]}
    desk.write(
        {
            "endpoints": {"chat": {"dialect": "openai-chat", "url": provider.url}},
            "jobs": [chat],
            "name": "animals",
        }
    )
    assert (await desk.run("run", "jobs.yaml")).status == 0
    lose(desk, "runner.db")
    assert "texts were in the lost queue alone" in (await desk.run("run", "jobs.yaml")).err
    done = await adopting(desk)
    assert (done.status, "behind" in done.err, provider.sent) == (0, False, 2)
