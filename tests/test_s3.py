"""Outputs that go to a bucket: what holds of a folder holds of it too, by a real server of S3."""

import asyncio
import hashlib
import json
import sys
import threading
from itertools import count
from urllib.parse import unquote

import pytest
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from runs import accounts_balance, animals, herd
from werkzeug.serving import WSGIRequestHandler, make_server

from runner import address
from runner.bucket import Bucket
from runner.files import Unwritable

SECRET = "wJalrXUtnFEMI-never-to-be-seen"
KILLED = -9
NUMBERS = count()
REFUSED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


class S3:
    """A server on loopback, what it was asked, and one bucket of it."""

    def __init__(self):
        self.app = DomainDispatcherApplication(create_backend_app)
        self.server = make_server("127.0.0.1", 0, self.answer, threaded=True, request_handler=Quiet)
        self.bucket, self.asked, self.refuses, self.heard = "", [], "", lambda _: None

    def answer(self, environ, start_response):
        asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        self.asked.append(asked)
        if self.refuses and environ["REQUEST_METHOD"] == "PUT" and self.refuses in environ["PATH_INFO"]:
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [REFUSED]
        answered = self.app(environ, start_response)
        self.heard(asked)
        return answered

    def begin(self):
        """A bucket that nobody has used."""
        self.bucket, self.refuses, self.heard = f"pictures-{next(NUMBERS)}", "", lambda _: None
        self.store.create_bucket(self.bucket, "us-east-1")
        self.asked.clear()
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def store(self):
        """What the server serves, asked from within."""
        return s3_backends["123456789012"]["aws"]

    def plant(self, name, data=b"not ours"):
        self.store.put_object(self.bucket, f"nights/animals/{name}", data)

    def remove(self, name):
        self.store.delete_object(self.bucket, f"nights/animals/{name}")

    def objects(self):
        """All that is in the bucket."""
        keys = self.store.buckets[self.bucket].keys
        return {name.removeprefix("nights/animals/"): keys[name].value for name in list(keys)}

    def writes(self):
        return [unquote(each) for each in self.asked if each.startswith(("PUT", "POST"))]

    def manifest(self, url, *prompts, **more):
        return {**animals(url, *prompts, **more), "outputs": {"dir": f"s3://{self.bucket}/nights/"}}

    async def run(self, desk, *arguments, **options):
        """The program, told where the server is as AWS's own tools are."""
        keys = (
            f"AWS_ENDPOINT_URL={self.url}",
            "AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
            f"AWS_SECRET_ACCESS_KEY={SECRET}",
        )
        return await desk.run(*arguments, through=("env", *keys), **options)


@pytest.fixture(scope="module")
def server():
    s3 = S3()
    thread = threading.Thread(target=s3.server.serve_forever, daemon=True)
    thread.start()
    yield s3
    s3.server.shutdown()
    thread.join()
    s3.server.server_close()


@pytest.fixture
def s3(server):
    return server.begin()


def whole(desk, s3):
    """The bucket has every picture of the results, with the content that they tell, and these alone."""
    objects = s3.objects()
    assert objects.pop("results.jsonl") == (desk.outputs() / "results.jsonl").read_bytes()
    told = {output["path"]: output["sha256"] for line in desk.results() for output in line["outputs"]}
    assert {name: hashlib.sha256(data).hexdigest() for name, data in objects.items()} == told
    assert list((desk.outputs() / ".pending").iterdir()) == []


async def test_pictures_become_objects_each_by_one_request_and_are_read_from_there(desk, provider, s3):
    desk.write(s3.manifest(provider.url, *herd(6)))
    done = await s3.run(desk, "run", "jobs.yaml", "--json")
    assert (done.status, done.last["outputs"]) == (0, 6)
    assert f"6 outputs in s3://{s3.bucket}/nights/animals" in done.err
    assert len([each for each in s3.writes() if each.endswith(".png?")]) == 6
    assert not any("uploads" in each for each in s3.writes())
    whole(desk, s3)
    assert desk.pictures() == []
    shown, made = await asyncio.gather(
        s3.run(desk, "report", "--json"), s3.run(desk, "export", "animals", "album", "--to", "imagefolder")
    )
    assert (shown.status, made.status) == (0, 0)
    assert shown.last["pictures"]["looked_at"] == 6
    assert len(list((desk.folder / "album").rglob("*.png"))) == 6
    files = [path for path in desk.folder.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in path.read_bytes() for path in files)


async def test_a_kill_between_row_and_request_or_after_it_is_made_good_and_paid_once(desk, provider, s3):
    desk.write(s3.manifest(provider.url, *herd(4), concurrency=4))
    assert (await s3.run(desk, "run", "jobs.yaml", crash_at="committed:1")).status == KILLED
    assert list((desk.outputs() / ".pending").iterdir())
    assert s3.objects() == {}
    assert (await s3.run(desk, "run", "jobs.yaml", crash_at="sent away:1")).status == KILLED
    assert len(s3.objects()) >= 1
    done = await s3.run(desk, "run", "jobs.yaml", "--json")
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 4)
    whole(desk, s3)
    accounts_balance(desk, provider)


async def test_what_the_bucket_refuses_waits_here_and_goes_there_with_the_next_start(desk, provider, s3):
    desk.write(s3.manifest(provider.url, *herd(3), concurrency=3))
    s3.refuses = ".png"
    stopped = await s3.run(desk, "run", "jobs.yaml")
    assert stopped.status == 75
    assert f"cannot reach s3://{s3.bucket}/nights/animals/" in stopped.err
    assert "Access Denied" in stopped.err
    assert SECRET not in stopped.err
    waiting = list((desk.outputs() / ".pending").iterdir())
    assert len(waiting) == desk.states()["succeeded"] > 0
    s3.refuses = ""
    assert (await s3.run(desk, "run", "jobs.yaml")).status == 0
    assert provider.billed == provider.sent == 3
    whole(desk, s3)


async def test_an_object_that_is_not_ours_is_found_before_sending_and_never_written_over(desk, provider, s3):
    s3.plant("fox.png")
    s3.heard = lambda asked: (
        s3.plant("owl.png") if "animals/owl." in unquote(asked) and "list" in asked else None
    )
    prompts = [{"id": "fox", "prompt": "a fox"}, {"id": "owl", "prompt": "an owl"}]
    desk.write(s3.manifest(provider.url, *prompts))
    assert (await s3.run(desk, "run", "jobs.yaml")).status == 1
    fox, owl = desk.results()
    assert (fox["cause"], provider.sent) == ("conflict", 1)
    assert fox["message"].startswith(f"s3://{s3.bucket}/nights/animals/fox.png is already there and not ours")
    [kept] = owl["outputs"]
    assert kept["path"] == f"owl-{kept['sha256'][:8]}.png"
    objects = s3.objects()
    assert objects["fox.png"] == objects["owl.png"] == b"not ours"
    assert hashlib.sha256(objects[kept["path"]]).hexdigest() == kept["sha256"]


async def test_objects_are_renamed_missed_and_repaired_as_files_are(desk, provider, s3):
    desk.write(s3.manifest(provider.url, {"id": "fox", "prompt": "a fox"}, {"id": "owl", "prompt": "an owl"}))
    await s3.run(desk, "run", "jobs.yaml")
    desk.write(
        s3.manifest(provider.url, {"id": "fox", "prompt": "a red fox"}, {"id": "owl", "prompt": "an owl"})
    )
    assert (await s3.run(desk, "run", "jobs.yaml")).status == 0
    assert sorted(s3.objects()) == ["fox.png", "fox~1.png", "owl.png", "results.jsonl"]
    whole(desk, s3)
    s3.plant("owl.png", b"changed")
    s3.remove("fox.png")
    s3.plant("mine.txt")
    verified = await s3.run(desk, "verify", "--json", "--repair", "--yes")
    told = json.loads(verified.out.splitlines()[-1])
    assert (told["missing"], told["changed"], told["unknown"]) == (1, 1, 1)
    assert (desk.outputs() / ".evidence" / "owl.png").read_bytes() == b"changed"
    assert sorted(s3.objects()) == ["fox~1.png", "mine.txt", "results.jsonl"]
    assert desk.states() == {"succeeded": 1, "pending": 2}


def test_the_library_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(Unwritable, match=r"s3://a-bucket/x needs s3fs: pip install 'runner\[s3\]'"):
        Bucket.at("s3://a-bucket/x")


@pytest.mark.parametrize(
    "text",
    [
        "gs://bucket/a",
        "https://x.example/a",
        "s3://",
        "s3://key:secret@bucket",
        "s3://bucket/a?b",
        "s3://bucket/../a",
    ],
)
def test_a_url_that_outputs_cannot_go_to_is_refused(text):
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        address.place(text)


@pytest.mark.parametrize(
    ("text", "url", "folder"),
    [
        ("outputs", None, "outputs"),
        ("../elsewhere", None, "../elsewhere"),
        ("s3://bucket", "s3://bucket/animals", "outputs"),
        ("s3://bucket/a/b/", "s3://bucket/a/b/animals", "outputs"),
    ],
)
def test_a_batch_has_a_folder_and_perhaps_a_url(text, url, folder):
    assert address.folder(address.place(text)) == folder
    assert address.below({"outputs": {"dir": text}}, "animals") == url
