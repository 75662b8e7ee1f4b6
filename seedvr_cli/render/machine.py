"""The JSON object of cli.md: one a source, every key always there."""

import json
from typing import Any

from seedvr_cli.values.items import Outcome
from seedvr_cli.values.job import File
from seedvr_cli.values.money import as_usd
from seedvr_cli.values.schedule import iso

VERSION = 1


def outcome_object(outcome: Outcome) -> dict[str, Any]:
    """The object of one outcome. `extra` has what the gateway said beyond the contract, untouched."""
    item, job, known, error = outcome.item, outcome.job, outcome.known, outcome.error
    submitted = job.submitted_at if job else outcome.answer.created_at if outcome.answer else None
    completed = known.completed_at if known else None
    charge = outcome.charge
    return {
        "v": VERSION,
        "source": item.source,
        "endpoint": item.endpoint,
        "request_id": outcome.request_id,
        "status": known.status if known else None,
        "charge": charge,
        "price_usd": as_usd(job.price) if job and job.price is not None and charge != "none" else None,
        "media_url": list(known.media_url) if known else [],
        "media_type": known.media_type if known else None,
        "files": [_file(file) for file in outcome.files],
        "error": {"code": error.code, "message": error.message, "hint": error.hint} if error else None,
        "params": dict(item.params),
        "resumed": outcome.resumed,
        "submitted_at": iso(submitted) if submitted else None,
        "completed_at": iso(completed) if completed else None,
        "elapsed_s": round(max(0.0, (completed - submitted).total_seconds()), 3) if submitted and completed else None,
        "extra": dict(known.extra) if known else {},
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
