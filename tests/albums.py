"""Batches with outputs of every kind and real files, made without a run."""

import hashlib
from io import BytesIO
from pathlib import Path

import orjson
from PIL import Image
from queues import NOW, attempt, batch, claim, settlement

from runner import database
from runner.identity import Claimed, Identity
from runner.job import Job, State
from runner.outcome import Kept
from runner.store import Settled, Store

SETTINGS = '{"endpoints":{"nebula":{"dialect":"nebula-images"}}}'


class Album:
    """A batch that is filled job by job."""

    def __init__(self, folder, name="animals"):
        self.folder = Path(folder)
        self.name = name
        self.outputs = self.folder / "outputs" / name
        self.outputs.mkdir(parents=True)
        self.jobs = []
        self.endings = []
        self.identity = Identity(Claimed())

    @property
    def db(self):
        return str(self.folder / "runner.db")

    def add(self, name, *kept, state=State.SUCCEEDED, body=None, params=None, values=None, prompt="", **how):
        """A job with its outputs; equal bodies are samples of one request."""
        prompt = prompt or f"a picture of {name}"
        content = orjson.dumps(body or {"prompt": prompt}, option=orjson.OPT_SORT_KEYS)
        request = orjson.dumps(["nebula", "nebula-images", "sdxl"])[:-1] + b"," + content + b","
        key, sample = self.identity.numbered(request)
        made = Job(
            id=name,
            stem=key[:12],
            key=key,
            endpoint="nebula",
            model="sdxl",
            prompt=prompt,
            params=orjson.dumps(params or {}),
            vars=orjson.dumps(values or {}),
            sample=sample,
            body=content,
        )
        self.jobs.append(made)
        self.endings.append((state, kept, how))

    def picture(self, path, colour="red", size=(32, 24), index=0, **fields):
        """A file beside the others, and the row that it has."""
        suffix = path.rpartition(".")[2]
        buffer = BytesIO()
        Image.new("RGB", size, colour).save(buffer, {"jpg": "jpeg"}.get(suffix, suffix))
        data = buffer.getvalue()
        (self.outputs / path).parent.mkdir(parents=True, exist_ok=True)
        (self.outputs / path).write_bytes(data)
        return Kept(
            kind="image",
            index=index,
            path=path,
            mime=f"image/{suffix}",
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            width=size[0],
            height=size[1],
            **fields,
        )

    def close(self):
        """Put all of it into the queue."""
        queue = database.named(self.db)
        queue.prepare()
        with queue.writing().begin() as connection:
            store = Store(connection)
            made = batch(self.name, folder=str(self.outputs), settings=SETTINGS)
            batch_id = store.submit(made, self.jobs, now=NOW).batch_id
            claims = claim(store, batch_id, len(self.jobs))
            settled = [ended(one, *how) for one, how in zip(claims, self.endings, strict=True)]
            assert all(store.settle(batch_id, settled, now=NOW + 1))
        return self


def ended(claim, state, kept, how):
    cause = how.get("cause")
    return Settled(
        claim=claim,
        settlement=settlement(claim, state, cause=cause, message=how.get("message")),
        attempt=attempt(claim, cause=cause, seed=how.get("seed")),
        kept=kept,
    )


def words(value, index=0, kind="text", **fields):
    data = value.encode()
    return Kept(
        kind=kind,
        index=index,
        value=value,
        mime="text/plain" if kind == "text" else "application/json",
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        **fields,
    )
