"""A Kubernetes CronJob (batch/v1): it is printed, and applied by `kubectl apply -f -`."""

from typing import Any

import yaml

from runner.starts.crontab import fields
from runner.starts.start import Start, Text

IMAGE, SECRET, CLAIM = "runner:latest", "runner-keys", "runner-data"
"""The image to run, the Secret with the keys, the volume claim with manifest, queue and outputs."""
MISSED_S = 3600
"""How late a start may still be made up for."""
BACK_OFF = 20
"""Tries of one night: Kubernetes doubles the pause between them, from 10 s up to 6 min."""


def objects(start: Start) -> list[Text]:
    return [Text(f"{start.name}.yaml", yaml.safe_dump(cron_job(start), sort_keys=False))]


def cron_job(start: Start) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "schedule": fields(start.timetable),
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": MISSED_S,
        "jobTemplate": {"spec": job(start)},
    }
    if start.timetable.zone is not None:
        spec["timeZone"] = start.timetable.zone.key
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": start.name}, "spec": spec}


def job(start: Start) -> dict[str, Any]:
    """A run that is tried again while work is left (75), and given up where that is no use (1, 2)."""
    ended = {"containerName": "runner", "operator": "In", "values": [1, 2]}
    spec: dict[str, Any] = {
        "backoffLimit": BACK_OFF,
        "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": ended}]},
        "template": {"spec": pod(start)},
    }
    window = start.timetable.window()
    if window is not None:
        spec["activeDeadlineSeconds"] = int(window.total_seconds())
    return spec


def pod(start: Start) -> dict[str, Any]:
    zone = start.timetable.zone
    container = {
        "name": "runner",
        "image": IMAGE,
        "command": list(start.command),
        "workingDir": start.folder,
        "envFrom": [{"secretRef": {"name": SECRET}}],
        "env": [] if zone is None else [{"name": "TZ", "value": zone.key}],
        "volumeMounts": [{"name": "data", "mountPath": start.folder}],
    }
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 60,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": CLAIM}}],
    }
