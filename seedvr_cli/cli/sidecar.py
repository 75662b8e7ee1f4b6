"""--sidecar: NAME.json beside each result, with the JSON object of cli.md."""

import json
import os

from seedvr_cli.render import machine
from seedvr_cli.values.errors import DeliveryError
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.urls import is_object_url
from seedvr_cli.values.whole import write_whole

# Bytes of a file that may be one of ours.
LARGEST = 1 << 20


def write_sidecars(outcome: Outcome) -> None:
    """One for each file of the outcome on this machine's disk; DeliveryError where that cannot be done."""
    text = machine.line(machine.outcome_object(outcome)) + "\n"
    for file in outcome.files:
        if not is_object_url(file.path):
            _write(f"{file.path}.json", text)


def _write(path: str, text: str) -> None:
    if os.path.lexists(path) and not _is_ours(path):
        raise DeliveryError(f"--sidecar: {path} is in the way, and not ours", hint="the result itself is delivered")
    try:
        write_whole(path, text.encode("ascii"))
    except OSError as error:
        hint = "the result itself is delivered"
        raise DeliveryError(f"--sidecar: cannot write {path}: {error.strerror}", hint=hint) from error


def _is_ours(path: str) -> bool:
    """Whether an earlier run has written it."""
    try:
        if os.path.islink(path) or os.path.getsize(path) > LARGEST:
            return False
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"v", "request_id", "files", "charge"} <= found.keys()
