"""The JSON object of cli.md: one a source, every key always there."""

import json
from typing import Any

from seedvr_cli.values.items import Outcome
from seedvr_cli.values.job import File
from seedvr_cli.values.result import result_of
from seedvr_cli.values.schedule import iso

VERSION = 1


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
        "error": {"code": error.code, "message": error.message, "hint": error.hint} if error else None,
        "params": dict(result.params),
        "resumed": result.resumed,
        "submitted_at": iso(submitted) if submitted else None,
        "completed_at": iso(completed) if completed else None,
        "elapsed_s": result.elapsed_s,
        "extra": dict(result.extra),
    }


def line(value: Any) -> str:
    """One line; plain ASCII, so that no terminal is fooled by it."""
    return json.dumps(value)


def _file(file: File) -> dict[str, Any]:
    return {
        "path": file.path,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "media_type": file.media_type,
        "width": file.width,
        "height": file.height,
    }
