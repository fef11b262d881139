"""A browser without a window, spoken to over a pipe: what a page looks like, and what it asks for."""

import base64
import io
import itertools
import json
import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
)


def program():
    """Skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no chromium here: apt-get install chromium")
    return found


class Browser:
    """Commands of the DevTools protocol; what the browser tells meanwhile is kept."""

    def __init__(self, into, out):
        self._into = into
        self._out = out
        self._numbers = itertools.count(1)
        self._session = {}
        self.events = []

    def call(self, method, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters, **self._session}
        self._into.write(json.dumps(message).encode() + b"\0")
        self._into.flush()
        while True:
            heard = self.hear()
            if heard.get("id") == number:
                assert "error" not in heard, heard
                return heard["result"]
            self.events.append(heard)

    def hear(self):
        said = bytearray()
        while (byte := self._out.read(1)) != b"\0":
            assert byte, "the browser has ended"
            said += byte
        return json.loads(said)

    def open(self, address, *, wide, high, dark=False):
        """Shows the page, whole, at that width."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {}
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=wide,
            height=high,
            deviceScaleFactor=1,
            mobile=wide < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=address)
        while all(event["method"] != "Page.loadEventFired" for event in self.events):
            self.events.append(self.hear())

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def screenshot(self):
        """The whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")

    def told(self, method):
        return [event["params"] for event in self.events if event["method"] == method]


@contextmanager
def browser(folder):
    """It ends with the block."""
    to_read, into = os.pipe()
    out, to_write = os.pipe()
    command = (program(), *OPTIONS, f"--user-data-dir={folder}")
    # the browser reads descriptor 3 and writes descriptor 4
    shell = f'exec "$@" 3<&{to_read} 4>&{to_write}'
    with (
        os.fdopen(into, "wb") as commands,
        os.fdopen(out, "rb", buffering=1 << 16) as answers,
        subprocess.Popen(
            ["/bin/bash", "-c", shell, "chromium", *command],
            pass_fds=(to_read, to_write),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        ) as process,
    ):
        os.close(to_read)
        os.close(to_write)
        try:
            yield Browser(commands, answers)
        finally:
            process.kill()
