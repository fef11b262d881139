import re
import subprocess
import sys
from pathlib import Path

import pytest

from runner import cli
from runner.manifest import json_schema

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def block(language):
    """The README's only code block in that language."""
    [found] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return found


def test_the_generated_reference_is_current():
    done = subprocess.run(
        [sys.executable, "-m", "docs.generate", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", [command.__name__.rstrip("_") for command in cli.COMMANDS])
def test_every_command_is_documented(command):
    assert f"\n## {command}\n" in (ROOT / "docs" / "cli.md").read_text()


def test_every_key_of_the_manifest_is_documented():
    schema = json_schema()
    text = (ROOT / "docs" / "manifest.md").read_text()
    keys = [item for part in (schema, *schema["$defs"].values()) for item in part["properties"].items()]
    assert [key for key, _ in keys if f"\n| `{key}` |" not in text] == []
    assert [key for key, field in keys if "$ref" not in field and not field.get("description")] == []


def test_every_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_every_command_that_the_readme_shows_exists():
    shown = set(re.findall(r"(?:^|`)runner ([a-z]+)", README, re.MULTILINE))
    assert shown
    assert shown <= {command.__name__.rstrip("_") for command in cli.COMMANDS}


def test_the_readmes_manifest_can_be_run(tmp_path):
    (tmp_path / "prompts.csv").write_text("caption\na lighthouse at dusk\n")
    (tmp_path / "animals.yaml").write_text(block("yaml"))
    done = subprocess.run(
        [sys.executable, "-m", "runner", "plan", "animals.yaml"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "17 jobs: 17 new" in done.stdout


def test_the_readmes_python_example_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", block("python")],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *jobs, last = done.stdout.splitlines()
    assert last == "2 of 2"
    assert len(jobs) == 2
    assert all("succeeded" in job and ".png" in job for job in jobs)
