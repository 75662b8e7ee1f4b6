"""Items for jobs that there are already."""

from helpers.planning import URL

from seedvr_cli.plan.attach import attach, attach_stranger
from seedvr_cli.values.job import Job


def job(**more):
    facts = {"source": URL, "name": "photo.jpg", "params": {"upscale_factor": 2}, "output": None}
    return Job(id=1, key="k", gateway="g", endpoint="7b-image", price=1000, profile="default", state="running",
               request_id="job_1", **{**facts, **more})  # fmt: skip


def test_a_job_goes_where_it_was_meant_to():
    """A job of the ledger is delivered where -o says, else where its own command meant it to go."""
    assert attach(1, job(), None).output.template == "{stem}-{scale}x{ext}"
    assert attach(1, job(output="/tmp/out/a.png"), None).output.template == "/tmp/out/a.png"
    assert attach(1, job(output="/tmp/out/a.png"), "b.png").output.template == "b.png"
    item = attach(4, job(), None)
    assert (item.index, item.source, item.label, item.endpoint) == (4, URL, "photo.jpg", "7b-image")


def test_a_job_from_elsewhere_is_known_by_its_id():
    """A job without a source is called by its request id."""
    assert attach(1, job(source=None), None).label == "job_1"
    stranger = attach_stranger(1, "job_2", None)
    assert (stranger.label, stranger.request_id, stranger.job, stranger.key) == ("job_2", "job_2", None, None)
