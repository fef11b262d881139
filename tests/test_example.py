from datetime import date
from pathlib import Path

from runner.dialects import DIALECTS
from runner.expand import count, expand
from runner.manifest import load
from runner.settings import environment

EXAMPLE = Path(__file__).parent.parent / "jobs.example.yaml"


def test_the_example_runs_without_a_key_and_shows_what_there_is():
    manifest = load(EXAMPLE, today=date(2026, 11, 23))
    found = list(expand(manifest, {name: dialect.body for name, dialect in DIALECTS.items()}))
    assert 0 < len(found) == count(manifest) <= 40
    assert environment(manifest.settings) == set()
    assert all(endpoint.is_demo for endpoint in manifest.endpoints.values())
    dialects = {manifest.endpoints[job.endpoint].dialect for job in found}
    assert dialects == {"nebula-images", "openai-chat", "openai-embeddings"}
    assert any(group.vars for group in manifest.jobs)
    assert any(group.matrix.grid for group in manifest.jobs)
    assert any(group.samples > 1 for group in manifest.jobs)


def test_the_example_names_its_schema():
    first = EXAMPLE.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=docs/manifest.schema.json"
