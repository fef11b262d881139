"""What the environment holds for a batch: looked up when it is needed, and kept nowhere."""

import os
from pathlib import Path

from runner.endpoint import Endpoint
from runner.problems import ManifestError, Problem
from runner.redaction import Secrets, read_environment
from runner.settings import Settings, environment


def known_secrets(manifest: str | None, settings: Settings) -> Secrets:
    """The environment, and `.env` beside the manifest; raises `ManifestError` for what is missing."""
    if missing := missing_variables(manifest, settings):
        raise ManifestError([Problem(manifest or "manifest", message) for message in missing])
    return Secrets(values(manifest, settings))


def missing_variables(manifest: str | Path | None, settings: Settings) -> list[str]:
    """Every variable that the settings refer to and nobody has set, in words."""
    found = values(manifest, settings)
    return [
        f"${{{name}}} is not set: put it into the environment, or into .env beside the manifest"
        for name in sorted(environment(settings))
        if name not in found
    ]


def values(manifest: str | Path | None, settings: Settings) -> dict[str, str]:
    """The variables that the settings refer to, as far as they are set."""
    folder = Path.cwd() if manifest is None else Path(manifest).parent
    named = environment(settings)
    return {name: value for name, value in read_environment(folder, os.environ).items() if name in named}


def credentials(endpoint: Endpoint) -> dict[str, str]:
    """The header that carries the key, the key being the reference that the manifest has."""
    if endpoint.key is None or endpoint.auth == "none":
        return {}
    if endpoint.key_header is not None:
        return {endpoint.key_header: endpoint.key}
    return {"Authorization": f"Bearer {endpoint.key}"}
