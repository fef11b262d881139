"""The program's processes, forked from one that has loaded it: a start takes a tenth of what it takes alone.

Run as `python nursery.py FD`: serves what `Nursery.bear` asks for on that socket, until it closes. It only
forks, and opens nothing: what is born has the program loaded, and otherwise begins as it would alone, in its
own folder, with its own environment and streams, and with the dispositions of signals as they were.
"""

import asyncio
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from struct import Struct

import runner

ROOT = Path(__file__).parents[1]
LENGTH = Struct("!Q")
"""Of what a child is to do."""
ALSO_LOADED = (
    "PIL.PngImagePlugin",
    "aiohttp",
    "rich.console",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvloop",
)
"""Beside all of `runner`: what a run loads when it needs it."""


class Told(asyncio.Protocol):
    """What the server tells of a child: its id, and how it ended; its own words where it cannot be asked."""

    def __init__(self):
        self.born = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()

    def data_received(self, data):
        for number in map(int, data.split()):
            (self.ended if self.born.done() else self.born).set_result(number)

    def connection_lost(self, error):
        if not self.born.done():
            self.born.set_exception(AssertionError(nursery().close()))


@dataclass
class Child:
    """A process, asked as one of asyncio's is."""

    pid: int
    told: Told
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader
    pipes: dict
    """By what comes through them."""

    @property
    def returncode(self):
        return self.told.ended.result() if self.told.ended.done() else None

    def send_signal(self, number):
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def deafen(self):
        self.pipes["stderr"].close()

    async def wait(self):
        return await asyncio.shield(self.told.ended)

    async def communicate(self):
        said = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await self.wait()
        for pipe in self.pipes.values():
            pipe.close()
        return said


class Nursery:
    """The process that forks, as its parent sees it."""

    def __init__(self):
        self._asking, theirs = socket.socketpair()
        with closing(theirs):
            command = [sys.executable, __file__, str(theirs.fileno())]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            self._process = subprocess.Popen(
                command,
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )

    def close(self):
        """Ends it; what it has said, which is nothing where all was well."""
        self._asking.close()
        _, said = self._process.communicate()
        return said.decode()

    async def bear(self, *arguments, cwd, env):
        """Start the program; its input is empty, its output and its errors are pipes."""
        to_do = json.dumps({"arguments": arguments, "cwd": str(cwd), "env": env}).encode()
        ours, theirs = zip(*(os.pipe() for _ in range(3)), strict=True)
        socket.send_fds(self._asking, [LENGTH.pack(len(to_do))], theirs)
        self._asking.sendall(to_do)
        for writer in theirs:
            os.close(writer)
        streams = [asyncio.StreamReader(), asyncio.StreamReader()]
        heard = [*map(asyncio.StreamReaderProtocol, streams), told := Told()]
        pipes = [await opened(reader, each) for reader, each in zip(ours, heard, strict=True)]
        named = dict(zip(("stdout", "stderr", "told"), pipes, strict=True))
        return Child(await told.born, told, *streams, named)


@cache
def nursery():
    """The one of this process; `forget` ends it."""
    return Nursery()


def forget():
    if nursery.cache_info().currsize:
        nursery().close()


async def opened(descriptor, protocol):
    """The reading end of a pipe, which that protocol hears."""
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: protocol, os.fdopen(descriptor, "rb")
    )
    return pipe


def load():
    """Everything that a command may need: whatever is loaded before is not loaded by each of them."""
    for module in pkgutil.walk_packages(runner.__path__, "runner."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ALSO_LOADED:
        importlib.import_module(name)


@dataclass
class Server:
    """What forks: opens nothing but what it needs for it."""

    asking: socket.socket
    ended: socket.socket
    """Readable when a child may have ended."""
    woken: socket.socket
    interrupted: object
    """What an interrupt does to a program that is started here."""
    telling: dict = field(default_factory=dict)
    """Where to tell of each child how it ended."""

    @classmethod
    def on(cls, asking):
        ended, woken = socket.socketpair()
        for end in (ended, woken):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken.fileno())
        return cls(asking, ended, woken, signal.signal(signal.SIGINT, signal.SIG_IGN))

    def serve(self):
        """Fork for each request: returns what a child is to do, in that child; and in the end nothing."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.asking, selectors.EVENT_READ)
            selector.register(self.ended, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self.ended in ready:
                    self.ended.recv(4096)
                    self.bury()
                if self.asking in ready:
                    length, descriptors, *_ = socket.recv_fds(self.asking, LENGTH.size, 3)
                    if not length:
                        return None
                    to_do = self.asking.recv(*LENGTH.unpack(length), socket.MSG_WAITALL)
                    if not self.fork(*descriptors):
                        return json.loads(to_do)

    def fork(self, stdout, stderr, telling):
        """The child's id, which in the child is 0."""
        if pid := os.fork():
            os.write(telling, f"{pid}\n".encode())
            self.telling[pid] = telling
        else:
            os.dup2(stdout, sys.stdout.fileno())
            os.dup2(stderr, sys.stderr.fileno())
            os.close(telling)
            self.leave()
        os.close(stdout)
        os.close(stderr)
        return pid

    def leave(self):
        """Keep nothing of what forks."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, self.interrupted)
        for end in (self.asking, self.ended, self.woken):
            end.close()
        for telling in self.telling.values():
            os.close(telling)

    def bury(self):
        """Tell of those that have ended how they did."""
        while self.telling:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            telling = self.telling.pop(pid)
            with suppress(BrokenPipeError):  # its test is over, and nobody waits for it
                os.write(telling, f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os.close(telling)


def become(arguments, cwd, env):
    """The program, as it would be alone."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    importlib.reload(sys.modules["runner.crash"])
    sys.argv = ["runner", *arguments]
    runpy.run_module("runner", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    load()
    if to_do := Server.on(socket.socket(fileno=int(sys.argv[1]))).serve():
        become(**to_do)
