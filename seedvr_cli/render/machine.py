"""The JSON object of cli.md: one a source, every key always there."""

import json
from collections.abc import Mapping
from typing import Any

from seedvr_cli.values.errors import SeedvrError
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.job import File
from seedvr_cli.values.result import Problem, result_of
from seedvr_cli.values.schedule import iso

VERSION = 1
# The keys of the object: the types of each, and what it means. The schema shows them.
KEYS: Mapping[str, tuple[str, str]] = {
    "v": ("integer", "the version of this shape: 1"),
    "source": ("string|null", "as it was given"),
    "endpoint": ("string|null", "7b-image, 3b-image or 3b-video"),
    "request_id": ("string|null", "the gateway's name of the job; null where nothing was submitted"),
    "status": ("string|null", "the gateway's word: COMPLETED, FAILED, ERROR, or one of a job that still runs"),
    "charge": (
        "string|null",
        (
            "none: nothing was submitted; listed: completed, at the list price; not_charged: ERROR;"
            " maybe: FAILED, or still running; unknown: the submission was never answered"
        ),
    ),
    "price_usd": ("number|null", "the list price; null where nothing was submitted"),
    "media_url": ("array|null", "where the result is to be had"),
    "media_type": ("string|null", "as the gateway says it"),
    "files": ("array|null", "what is on disk: path, bytes, sha256, media_type, width, height"),
    "error": ("object|null", "code, message, hint"),
    "params": ("object|null", "the request's parameters, as they were sent"),
    "resumed": ("boolean|null", "true where the ledger had it"),
    "submitted_at": ("string|null", "UTC, ISO 8601"),
    "completed_at": ("string|null", "UTC, ISO 8601"),
    "elapsed_s": ("number|null", "seconds from submission to completion"),
    "extra": ("object|null", "what the gateway said beyond its documentation"),
}
# Keys below some of these.
PARTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "files": {
        "path": ("string", "where it is: a path, or an object store's URL"),
        "bytes": ("integer", "its size"),
        "sha256": ("string", "of its bytes"),
        "media_type": ("string|null", "as its first bytes say it"),
        "width": ("integer|null", "pixels"),
        "height": ("integer|null", "pixels"),
    },
    "error": {
        "code": ("string", "for programs"),
        "message": ("string", "for people: what is wrong"),
        "hint": ("string|null", "what to do"),
    },
}


def outcome_object(outcome: Outcome) -> dict[str, Any]:
    """The object of one outcome. `extra` has what the gateway said beyond the contract, untouched."""
    result = result_of(outcome)
    error, submitted, completed = result.error, result.submitted_at, result.completed_at
    return {
        "v": VERSION,
        "source": result.source,
        "endpoint": result.endpoint,
        "request_id": result.request_id,
        "status": result.status,
        "charge": result.charge,
        "price_usd": result.price_usd,
        "media_url": list(result.media_url),
        "media_type": result.media_type,
        "files": [_file(file) for file in result.files],
        "error": _error(error) if error else None,
        "params": dict(result.params),
        "resumed": result.resumed,
        "submitted_at": iso(submitted) if submitted else None,
        "completed_at": iso(completed) if completed else None,
        "elapsed_s": result.elapsed_s,
        "extra": dict(result.extra),
    }


def failure_object(error: SeedvrError) -> dict[str, Any]:
    """The object of a command that fails as a whole: every key but `v` and `error` is null."""
    return {**dict.fromkeys(KEYS), "v": VERSION, "error": _error(error)}


def line(value: Any) -> str:
    """One line; plain ASCII, so that no terminal is fooled by it."""
    return json.dumps(value)


def _error(error: SeedvrError | Problem) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "hint": error.hint}


def _file(file: File) -> dict[str, Any]:
    return {
        "path": file.path,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "media_type": file.media_type,
        "width": file.width,
        "height": file.height,
    }
