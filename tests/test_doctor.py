"""`runner doctor`: what a run would stumble over is named before anything is sent."""

import socket

import pytest
from runs import animals

CANARY = "sk-canary-0123456789-a1b2"


def of(done, check):
    """What was found by a check: level, words, and what to do."""
    return [
        (each["level"], f"{each['found']} {each['advice'] or ''}")
        for each in done.last["checks"]
        if each["check"] == check
    ]


async def test_a_doctor_connects_and_sends_nothing(desk, provider):
    desk.write(animals(provider.url, "a fox", key="${FOX_KEY}"))
    (desk.folder / ".env").write_text(f"FOX_KEY={CANARY}\n")
    done = await desk.run("doctor", "jobs.yaml", "--json")
    assert (done.status, done.last["ok"]) == (0, True)
    assert {each["check"] for each in done.last["checks"]} == {
        "sqlite",
        "queue",
        "outputs",
        "clock",
        "key",
        "endpoint",
    }
    [(level, words)] = of(done, "endpoint")
    assert (level, "is there" in words) == ("ok", True)
    assert of(done, "key") == [("ok", "${FOX_KEY} is set (…a1b2) ")]
    assert CANARY not in done.out + done.err
    assert provider.requests == []
    assert not (desk.folder / "runner.db").exists()
    assert not desk.outputs().exists()
    lines = (await desk.run("doctor", "jobs.yaml")).out.splitlines()
    assert [line.split()[0] in {"ok", "warn"} for line in lines] == [True] * len(lines)


async def test_n2_an_endpoint_where_nobody_listens_is_told_and_a_missing_key_too(desk):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    desk.write(animals(f"http://127.0.0.1:{port}", "a fox", key="${FOX_KEY}"))
    done = await desk.run("doctor", "jobs.yaml", "--json")
    assert (done.status, done.last["ok"]) == (1, False)
    [(level, words)] = of(done, "endpoint")
    assert (level, f"nebula: 127.0.0.1:{port}: refused" in words) == ("fail", True)
    [(level, words)] = of(done, "key")
    assert (level, "${FOX_KEY} is not set" in words, ".env" in words) == ("fail", True, True)


async def test_n3_a_certificate_that_nobody_vouches_for_is_told_with_its_reason(desk, self_signed):
    desk.write(animals(self_signed, "a fox"))
    done = await desk.run("doctor", "jobs.yaml", "--json")
    [(level, words)] = of(done, "endpoint")
    assert (done.status, level) == (1, "fail")
    assert "certificate refused: self-signed certificate" in words


async def test_n1_a_name_that_is_not_found_is_told(desk):
    desk.write(animals("https://nobody.invalid/v1", "a fox"))
    [(level, words)] = of(await desk.run("doctor", "jobs.yaml", "--json"), "endpoint")
    assert (level, "name is not found" in words) == ("fail", True)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
async def test_s5_a_queue_that_cannot_be_used_is_told_with_what_to_do(desk, content):
    (desk.folder / "runner.db").write_bytes(content)
    done = await desk.run("doctor", "--json")
    assert done.status == 1
    [words] = [words for level, words in of(done, "queue") if level == "fail"]
    assert "runner.db" in words


async def test_without_a_manifest_the_newest_batch_is_looked_at(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    (desk.folder / "runner.db").chmod(0o644)
    done = await desk.run("doctor", "--json")
    assert (done.status, len(of(done, "endpoint"))) == (0, 1)
    assert any(level == "warn" and "chmod go-rwx" in words for level, words in of(done, "queue"))
    assert len(provider.requests) == 1


async def test_a_manifest_with_mistakes_is_bad_usage(desk):
    desk.write({"name": "animals", "job": []})
    assert (await desk.run("doctor", "jobs.yaml")).status == 2
