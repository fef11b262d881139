import asyncio
import subprocess
import sys
import threading
from contextlib import contextmanager

import fsspec
import pyarrow as pa
import pyarrow.parquet
import pytest
from aiohttp import web

from runner.origin import Unusable, mark_of, origins
from runner.problems import Problems
from runner.rows import found


@contextmanager
def served(folder):
    """The folder over HTTP, on loopback, from a thread of its own."""
    loop, ready, addresses = asyncio.new_event_loop(), threading.Event(), []

    async def start():
        app = web.Application()
        app.router.add_static("/", folder)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        addresses.append(runner.addresses[0][1])
        ready.set()
        return runner

    def serve():
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait()
    try:
        yield f"http://127.0.0.1:{addresses[0]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@pytest.fixture
def memory(request):
    """A folder in the memory of this process, as a store like any other."""
    store = fsspec.filesystem("memory")
    name = f"/{request.node.name}"
    yield store, name, f"memory://{name}"
    store.rm(name, recursive=True)


def read(supply):
    problems = Problems()
    return list(supply.rows(problems)), [str(each) for each in problems]


def test_rows_come_over_http_with_the_url_as_their_place(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "a fox"}\n{"prompt"}\n')
    pa.parquet.write_table(pa.table({"prompt": ["an owl"]}), tmp_path / "b.parquet")
    with served(tmp_path) as url:
        rows, said = read(found(f"{url}/a.jsonl?download=1", tmp_path))
        assert rows == [(f"{url}/a.jsonl?download=1:1", {"prompt": "a fox"})]
        assert [each.partition(" ")[0] for each in said] == [f"{url}/a.jsonl?download=1:2:10:"]
        assert read(found(f"{url}/b.parquet", tmp_path))[0] == [
            (f"{url}/b.parquet:row 0", {"prompt": "an owl"})
        ]
        marks = list(found(f"{url}/a.jsonl", tmp_path).marks())
        assert list(found(f"{url}/a.jsonl", tmp_path).marks()) == marks
        (tmp_path / "a.jsonl").write_text('{"prompt": "a red fox"}\n')
        assert list(found(f"{url}/a.jsonl", tmp_path).marks()) != marks
        with pytest.raises(Unusable, match=r"c\.jsonl: no such file"):
            found(f"{url}/c.jsonl", tmp_path)


def test_a_pattern_behind_a_url_means_all_files_that_match(memory, tmp_path):
    store, name, url = memory
    store.pipe({f"{name}/b.txt": b"an owl", f"{name}/a.txt": b"a fox", f"{name}/c.csv": b"x"})
    rows, said = read(found(f"{url}/*.txt", tmp_path))
    assert said == []
    assert rows == [(f"{url}/a.txt:1", {"prompt": "a fox"}), (f"{url}/b.txt:1", {"prompt": "an owl"})]
    with pytest.raises(Unusable, match=r"\*\.parquet: no file matches"):
        found(f"{url}/*.parquet", tmp_path)


def test_a_file_that_tells_no_change_is_known_by_its_content(memory, tmp_path):
    store, name, url = memory
    store.pipe(f"{name}/a.txt", b"a fox")
    (origin,) = origins(f"{url}/a.txt", tmp_path)
    first = origin.mark()
    store.pipe(f"{name}/a.txt", b"a fox")
    assert origin.mark() == first
    store.pipe(f"{name}/a.txt", b"a fix")
    assert origin.mark() != first


@pytest.mark.parametrize(
    ("info", "mark"),
    [
        ({"ETag": '"abc"', "size": 3}, 'ETag "abc"'),
        ({"ETag": None, "size": 3, "mtime": 1.5}, "3 1.5"),
        ({"size": None, "LastModified": "x"}, None),
        ({"size": 3}, None),
        ({"blob_id": "f00", "size": 3}, "blob_id f00"),
    ],
)
def test_what_a_store_says_of_a_file_is_its_mark_if_it_changes_with_the_content(info, mark):
    assert mark_of(info) == mark


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nowhere://bucket/a.txt", "nowhere://bucket/a.txt: Protocol not known: nowhere"),
        ("http://127.0.0.1:1/a.txt", "http://127.0.0.1:1/a.txt: "),
    ],
)
def test_a_url_that_leads_nowhere_is_one_error(tmp_path, url, said):
    with pytest.raises(Unusable) as caught:
        found(url, tmp_path)
    assert str(caught.value).startswith(said)


BLOCKED = """
import sys
from pathlib import Path
sys.modules[sys.argv[1]] = None
from runner.rows import found
try:
    found(sys.argv[2], Path(sys.argv[3]))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [
        ("pyarrow", "a.parquet", "parquet"),
        ("backports.zstd", "a.txt.zst", "zstd"),
        ("fsspec", "https://example.org/a.txt", "remote"),
        ("s3fs", "s3://bucket/a.txt", "s3"),
        ("huggingface_hub", "hf://datasets/a/b/c.txt", "hf"),
    ],
)
def test_a_missing_library_is_one_error_that_says_how_to_install_it(tmp_path, module, name, extra):
    (tmp_path / name.rpartition("/")[2]).touch()
    command = [sys.executable, "-c", BLOCKED, module, name, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert said.startswith("Unusable ")
    assert name in said
    assert said.endswith(f"pip install 'runner[{extra}]'\n")
