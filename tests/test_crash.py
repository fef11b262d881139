import os
import signal
import subprocess
import sys

import pytest

CHILD = """
from runner import crash
for name in ("sent", "other", "sent", "sent"):
    crash.point(name)
    print(name, crash.armed(name), flush=True)
"""


@pytest.mark.parametrize(
    ("armed", "status", "passed"),
    [
        (None, 0, ["sent False", "other False", "sent False", "sent False"]),
        ("unknown:1", 0, ["sent False", "other False", "sent False", "sent False"]),
        ("sent:1", -signal.SIGKILL, []),
        ("sent", -signal.SIGKILL, []),
        ("sent:2", -signal.SIGKILL, ["sent True", "other False"]),
        ("sent:3", -signal.SIGKILL, ["sent True", "other False", "sent True"]),
        ("sent:4", 0, ["sent True", "other False", "sent True", "sent True"]),
    ],
)
def test_a_process_ends_the_nth_time_it_passes_the_armed_point(armed, status, passed):
    environment = {**os.environ, "RUNNER_CRASH_AT": armed or ""}
    child = subprocess.run(
        [sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=False
    )
    assert (child.returncode, child.stdout.splitlines(), child.stderr) == (status, passed, "")
