"""`runner schema`: what editors complete and check a manifest by."""

from runner.cli.speaking import tell


def schema() -> None:
    """Print the JSON Schema of the manifest."""
    import json

    from runner.manifest import json_schema

    tell([json.dumps(json_schema(), indent=2, ensure_ascii=False)])
