import asyncio
import io

import orjson
import pytest
from PIL import Image

from benchmarks import provider
from benchmarks.bench import Bench
from benchmarks.measuring import Broken, Each, cores, cpu_ratio, each, in_turns, less, measured, speed_ratio
from benchmarks.rivals import HERE, RIVALS
from benchmarks.scale import TINY
from benchmarks.scenarios import chat
from benchmarks.serving import serving
from benchmarks.tables import TIMES, Goal, placed, table


@pytest.fixture(scope="module")
def served():
    with serving(cores()[1]) as served:
        yield served


def took(cpu_us, wall_us=1.0):
    return Each(cpu_us=cpu_us, wall_us=wall_us, peak_mb=1.0)


async def answers(port, *requests):
    """The heads and the bodies of what comes until the provider ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(requests))
    rest, found = await reader.read(), []
    writer.close()
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r")[0])
        found.append((head, rest[:length]))
        rest = rest[length:]
    return found


def asked(path, *, connection):
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: 2\r\nConnection: {connection}\r\n\r\n"
    return head.encode() + b"{}"


async def test_the_provider_answers_in_order_and_ends_the_connection_when_it_is_told_to(served):
    found = await answers(
        served.port,
        asked("/0/v1/chat/completions", connection="keep-alive"),
        asked("/0/v1/images/generations", connection="close"),
    )
    assert [b"Connection: close" in head for head, _ in found] == [False, True]
    text, picture = (orjson.loads(body) for _, body in found)
    assert text["choices"][0]["message"]["content"]
    assert picture["data"][0]["b64_json"]


async def test_the_provider_takes_as_long_as_the_address_says_and_counts(served):
    served.told()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await answers(served.port, asked("/30/v1/chat/completions", connection="close"))
    assert loop.time() - begun >= 0.03
    told = served.told()
    assert (told.requests, told.first_s > 0, told.cpu_s > 0) == (1, True, True)
    assert served.told().requests == 0


def test_its_picture_is_one_of_a_megabyte():
    data = provider.png(provider.SIDE)
    assert 0.9 < len(data) / 2**20 < 1.2
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        assert picture.size == (provider.SIDE, provider.SIDE)


def test_a_job_is_measured_through_the_whole_program_beside_the_bare_client(served, tmp_path):
    bench = Bench(served=served, folder=tmp_path, scale=TINY)
    contenders = chat.Chat(bench, 0, TINY.concurrency)
    served.told()
    bare = contenders.floor("tuned", 20)
    assert served.told().requests == 20
    ours = contenders.resume(30)
    assert served.told().requests == 30
    lines = contenders.submitted(30).folder.joinpath("outputs", "bench", "results.jsonl").read_bytes()
    assert {orjson.loads(line)["state"] for line in lines.splitlines()} == {"succeeded"}
    assert len(lines.splitlines()) == 30
    for figure in (bare, ours):
        assert figure.cpu_s > 0
        assert figure.wall_s > 0
        assert figure.peak_mb > 10


def test_what_fails_is_told_with_its_last_words(tmp_path):
    with pytest.raises(Broken, match=r"ended with 3: gone"):
        measured(["sh", "-c", "echo gone; exit 3"], tmp_path)


def test_contenders_take_turns_there_and_back():
    order = []

    def turn(name):
        return lambda: order.append(name) or took(1.0)

    found = in_turns({"a": turn("a"), "b": turn("b")}, 2, lambda _: None)
    assert order == ["a", "b", "b", "a"]
    assert {name: len(each) for name, each in found.items()} == {"a": 2, "b": 2}


def test_a_contender_that_breaks_is_left_out_where_it_may():
    def broken():
        raise Broken("gone")

    turns = {"ours": lambda: took(1.0), "theirs": broken}
    said = []
    assert list(in_turns(turns, 2, said.append, may_break=["theirs"])) == ["ours"]
    assert "theirs is left out: gone" in said
    with pytest.raises(Broken):
        in_turns(turns, 1, said.append)


def test_a_ratio_is_that_of_a_round():
    slow_and_quick = [took(100.0, 10.0), took(10.0, 1.0), took(10.0, 1.0)]
    ours = [took(200.0, 20.0), took(20.0, 2.0), took(30.0, 2.0)]
    assert cpu_ratio(ours, slow_and_quick) == 2.0
    assert speed_ratio(ours, slow_and_quick) == 0.5
    assert less(ours, slow_and_quick)[0].cpu_us == 100.0


def test_starting_up_counts_for_nobody(tmp_path):
    small = measured(["true"], tmp_path)
    assert each(small, small, 100).cpu_us == 0.0


@pytest.mark.parametrize(
    ("goal", "figure", "expected"),
    [
        (Goal("at most 2", most=2.0), 2.0, "at most 2: reached"),
        (Goal("at most 2", most=2.0), 2.1, "at most 2: **not reached**"),
        (Goal("at least 2", least=2.0), 2.0, "at least 2: reached"),
        (Goal("at least 2", least=2.0), 1.9, "at least 2: **not reached**"),
    ],
)
def test_a_goal_is_reached_or_not(goal, figure, expected):
    assert goal.reached(figure) == expected


def test_a_table_takes_the_place_of_the_last():
    page = "before\n<!-- bench:chat -->\nold\n<!-- /bench:chat -->\nafter\n"
    new = placed(page, "chat", table(("a", "b"), [("1", f"2 {TIMES}")]))
    assert "old" not in new
    assert f"| a | b |\n| --- | --- |\n| 1 | 2 {TIMES} |\n" in new
    assert placed(new, "chat", "other").count("bench:chat") == 2
    with pytest.raises(ValueError, match="no place for images"):
        placed(page, "images", "")


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_every_rival_is_pinned_and_has_its_script(rival):
    [package, *_] = (HERE / f"{rival.name}.txt").read_text().splitlines()
    assert "==" in package
    assert rival.script.exists()
