"""--sidecar: NAME.json beside each result, with the JSON object of cli.md."""

import json
import os
from collections.abc import Mapping
from typing import Any

from seedvr_cli.render import machine
from seedvr_cli.values.errors import DeliveryError, UsageError
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.urls import is_object_url
from seedvr_cli.values.whole import write_whole

# Bytes of a file that may be one of ours.
LARGEST = 1 << 20

_HINT = "the result itself is delivered"


def check_sidecars(output: str | None) -> None:
    """UsageError where -o leaves no file on this machine that one could lie beside."""
    if output is not None and (output == "-" or is_object_url(output)):
        raise UsageError(f"--sidecar: -o {output} leaves no file on this machine to write it beside")


def write_sidecars(outcome: Outcome, *, overwrite: bool) -> None:
    """One for each file of the outcome; DeliveryError where that cannot be done, as in an object store."""
    text = machine.line(machine.outcome_object(outcome)) + "\n"
    for file in outcome.files:
        if is_object_url(file.path):  # as a line of a list asked for, or an earlier command
            raise DeliveryError(f"--sidecar: {file.path} is not on this machine, and gets none", hint=_HINT)
        _write(f"{file.path}.json", text, overwrite=overwrite)


def renew_sidecars(outcome: Outcome) -> None:
    """What an earlier run has written beside another file of that name is no longer so; DeliveryError as above."""
    value = machine.outcome_object(outcome)
    for file in outcome.files:
        path = f"{file.path}.json"
        found = _ours(path)
        if found is not None and _named(found) != _named(value):
            _write(path, machine.line(value) + "\n", overwrite=False)


def _named(value: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """Which job an object is of, and which files."""
    files = value["files"] if isinstance(value["files"], list) else []  # somebody may have edited it
    return value["request_id"], [file.get("sha256", "") for file in files if isinstance(file, dict)]


def _write(path: str, text: str, *, overwrite: bool) -> None:
    may_go = overwrite and os.path.isfile(path) and not os.path.islink(path)
    if os.path.lexists(path) and not may_go and _ours(path) is None:
        raise DeliveryError(f"--sidecar: {path} is in the way, and not ours", hint=_HINT)
    try:
        write_whole(path, text.encode("ascii"))
    except OSError as error:
        raise DeliveryError(f"--sidecar: cannot write {path}: {error.strerror}", hint=_HINT) from error


def _ours(path: str) -> dict[str, Any] | None:
    """What an earlier run has written there, if it has."""
    try:
        if os.path.islink(path) or os.path.getsize(path) > LARGEST:
            return None
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and {"v", "request_id", "files", "charge"} <= found.keys() else None
