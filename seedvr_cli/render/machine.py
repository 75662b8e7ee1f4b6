"""The JSON object of cli.md: one a source, every key always there."""

import json
from typing import Any

from seedvr_cli.values.job import File, Outcome
from seedvr_cli.values.money import as_usd
from seedvr_cli.values.schedule import iso

VERSION = 1


def outcome_object(outcome: Outcome) -> dict[str, Any]:
    """The object of one outcome. `extra` has what the gateway said beyond the contract, untouched."""
    item, job, error = outcome.item, outcome.job, outcome.error
    submitted = job.submitted_at if job else None
    completed = job.completed_at if job else None
    params = item.request.params if item.request else job.params if job else {}
    return {
        "v": VERSION,
        "source": item.source if item.source is not None else job.source if job else None,
        "endpoint": item.endpoint,
        "request_id": job.request_id if job else None,
        "status": job.status if job else None,
        "charge": job.charge if job else "none",
        "price_usd": as_usd(job.price) if job and job.price is not None and job.charge != "none" else None,
        "media_url": list(job.media_url) if job else [],
        "media_type": job.media_type if job else None,
        "files": [_file(file) for file in outcome.files],
        "error": {"code": error.code, "message": error.message, "hint": error.hint} if error else None,
        "params": dict(params),
        "resumed": outcome.resumed,
        "submitted_at": iso(submitted) if submitted else None,
        "completed_at": iso(completed) if completed else None,
        "elapsed_s": round(max(0.0, (completed - submitted).total_seconds()), 3) if submitted and completed else None,
        "extra": dict(job.extra) if job else {},
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
