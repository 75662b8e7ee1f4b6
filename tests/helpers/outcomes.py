"""Items, jobs and answers as a run has them, of one picture that everything is asked for."""

from datetime import UTC, datetime, timedelta

from helpers.building import build, key
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.items import Attachment, Purchase
from seedvr_cli.values.job import File, Job
from seedvr_cli.values.naming import Output

BEGIN = datetime(2026, 5, 22, 13, 17, 32, tzinfo=UTC)
END = BEGIN + timedelta(seconds=111, microseconds=456_700)
MEDIA = "https://cdn.example/v1/output.png"
FILE = File("/home/me/photo-2x.png", 4096, "ab" * 32, "image/png", 960, 640)


def purchase(**fields):
    """The purchase of a picture at twice its size."""
    defaults = {
        "index": 1,
        "key": key("7b-image", scale=2),
        "request": build("7b-image", scale=2),
        "output": Output("template", "{stem}-{scale}x{ext}"),
    }
    return Purchase(**{**defaults, **fields})


def job(state="completed", status="COMPLETED", **fields):
    """The ledger's record of that purchase."""
    defaults = {
        "id": 7,
        "key": key("7b-image", scale=2),
        "gateway": "https://gateway.pixazo.ai",
        "endpoint": "7b-image",
        "source": "https://example.com/photo.jpg",
        "name": "photo.jpg",
        "params": {"upscale_factor": 2},
        "output": None,
        "price": 1_000,
        "profile": "default",
        "request_id": "job_1",
    }
    return Job(**{**defaults, "state": state, "status": status, **fields})


def attachment(known=None, *, request_id="job_1", **fields):
    """A job that was submitted before: one of the ledger's, or of somebody else."""
    return Attachment(index=1, request_id=request_id, output=Output("template", "{stem}{ext}"), job=known, **fields)


def answer(status="COMPLETED", **fields):
    """What the gateway says of a job that the ledger does not have."""
    return Answer("job_1", status, **fields)
