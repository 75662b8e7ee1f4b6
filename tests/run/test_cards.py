"""What the ledger, the disk and the network have of a job, as a card."""

import asyncio
import hashlib
import os
import shutil
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from fakes.media import body, picture

from seedvr_cli.ledger.reported import Reported
from seedvr_cli.ledger.rows import Delivery
from seedvr_cli.report import clips
from seedvr_cli.run.cards import cards, summary
from seedvr_cli.run.originals import Originals, wanted_urls
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.job import File, Job
from seedvr_cli.values.request import identifying_params, job_key

BEGAN = datetime(2026, 11, 28, tzinfo=UTC)
URL = "https://example.com/photo.png?sig=geheim&sv=1"


def job(state="completed", **more):
    """A job of a picture behind a URL."""
    return Job(**{
        "key": "k", "gateway": "g", "endpoint": "7b-image", "source": URL, "name": "photo.png",
        "params": {"upscale_factor": 2}, "output": None, "price": 1000, "profile": "default", "id": 1, "state": state,
        "status": state.upper() if state in {"completed", "failed", "error"} else None, "submitted_at": BEGAN,
        "ended_at": BEGAN + timedelta(seconds=4), **more,
    })  # fmt: skip


def delivery(path, position=0, *, is_there=True):
    """A file that was delivered as it lies there now, or one that lies there no more."""
    content = path.read_bytes() if is_there else b""
    file = File(str(path), len(content), hashlib.sha256(content).hexdigest(), "image/png", 40, 30)
    stamp = path.stat().st_mtime_ns if is_there else 1
    return Delivery(position, str(path), "run", True, False, None, None, file, stamp)


@pytest.fixture
def result(tmp_path):
    """A result on the disk."""
    path = tmp_path / "big" / "photo-2x.png"
    path.parent.mkdir()
    path.write_bytes(picture(1, (80, 60)))
    return path


def card(job, *deliveries, source=None, folder="/nowhere"):
    """The job's card; `source` are the bytes behind its URL, or None where nothing is fetched."""

    @asynccontextmanager
    async def fetch(_url):
        yield body(source)(0, None)

    async def run():
        made = Originals(fetch, str(folder), wanted_urls([job])) if source is not None else None
        return [one async for one in cards([Reported(job, deliveries)], made)]

    (one,) = asyncio.run(run())
    return one


def test_both_sides(result, tmp_path):
    """The result is looked at on the disk, the source where it was fetched; its URL has no query."""
    made = card(job(), delivery(result), source=picture(2, (40, 30)), folder=tmp_path)
    assert (made.state, made.charge, made.price, made.seconds, made.error) == ("done", "listed", 1000, 4.0, None)
    assert (made.after.name, made.after.look.width) == ("photo-2x.png", 80)
    assert (made.before.name, made.before.look.width) == ("https://example.com/photo.png", 40)


@pytest.mark.parametrize(
    ("content", "note"),
    [(b"<html>", "No preview: it is neither a picture nor a video."), (b"\x89PNG\r\n\x1a\n", "No preview: ")],
)
def test_a_source_that_is_no_picture(content, note, result, tmp_path):
    """What came from the source's URL and is no picture is told as such."""
    assert card(job(), delivery(result), source=content, folder=tmp_path).before.note.startswith(note)


@pytest.mark.parametrize(
    ("source", "note"),
    [
        (None, "The source is not known to the ledger."),
        ("s3://studio/photo.png", "The source is in an object store."),
        (URL, "The source was not fetched."),
        ("gone.png", "The source is gone."),
    ],
)
def test_why_a_source_is_not_shown(source, note, result):
    """Each reason why there is no source to look at has words of its own."""
    made = card(job(source=source), delivery(result))
    assert (made.before.look, made.before.note) == (None, note)
    assert made.after.look is not None


def test_a_video_is_not_fetched_where_it_cannot_be_shown(result, tmp_path, monkeypatch, clip):
    """Without the extra a video is neither fetched nor decoded, and both sides say so."""
    monkeypatch.setattr(clips, "is_there", lambda: False)
    shutil.copy(clip, result)
    made = card(job(endpoint="3b-video"), delivery(result), source=b"", folder=tmp_path)
    assert made.before.note == "Not fetched: videos need the extra 'video'."
    assert made.after.note == "No preview: videos need the extra 'video'."


@pytest.mark.parametrize(
    ("state", "is_there", "note"),
    [
        ("completed", None, "The result is not delivered yet: 'seedvr download' does it."),
        ("failed", None, "There is no result."),
        ("completed", False, "The file is gone."),
        ("completed", True, "The file was changed after its delivery."),
    ],
)
def test_why_a_result_is_not_shown(state, is_there, note, result):
    """A result that was not delivered, is gone, or is another by now is not shown."""
    entries = [] if is_there is None else [delivery(result)]
    if is_there:
        result.write_bytes(picture(9))
    else:
        result.unlink()
    made = card(job(state), *entries)
    assert (made.after.look, made.after.note) == (None, note)


def test_a_result_that_went_to_standard_output(tmp_path):
    """It is not said to be gone."""
    entry = delivery(tmp_path / "x", is_there=False)
    printed = Delivery(0, "-", "run", True, False, None, None, entry.file, None)
    assert card(job(), printed).after.note == "The result went to standard output."


def test_a_result_in_an_object_store(tmp_path):
    """A result in an object store is named by its address, without a query, and is no file."""
    entry = delivery(tmp_path / "x", is_there=False)
    stored = Delivery(0, "s3://studio/big/photo.png", "run", True, False, None, None, entry.file, None)
    made = card(job(), stored)
    assert (made.after.name, made.after.note) == ("s3://studio/big/photo.png", "The result is in an object store.")


def test_of_copies_the_one_that_is_whole_is_shown(result, tmp_path):
    """Where a result lies under two names and the first is gone the second is shown; other results are named."""
    copy, other = tmp_path / "copy.png", tmp_path / "other.png"
    shutil.copy2(result, copy)
    shutil.copy2(result, other)
    made = card(job(), delivery(tmp_path / "gone.png", is_there=False), delivery(copy), delivery(other, 1))
    assert (made.after.name, made.others) == ("copy.png", ("other.png",))
    assert made.after.look is not None


def local(source, content):
    """A job of a local file with that content."""
    identity = f"sha256:{hashlib.sha256(content).hexdigest()}"
    endpoint = ENDPOINTS["7b-image"]
    params = {"upscale_factor": 2}
    return job(source=source, key=job_key("g", endpoint.name, identifying_params(endpoint, params), identity))


def test_a_local_source_is_known_by_its_content(result, tmp_path):
    """A local source is shown where it is what the job was made of, here or beside its result, and else it is not."""
    content = picture(2)
    (tmp_path / "photo.png").write_bytes(content)
    assert card(local(str(tmp_path / "photo.png"), content)).before.look.width == 40
    assert card(local("photo.png", content), delivery(result)).before.look.width == 40
    assert card(local(str(tmp_path / "photo.png"), b"other")).before.note == "The source was changed since."


def test_a_job_with_a_name_of_its_own_is_taken_at_its_word(tmp_path):
    """Where the user named the job its key says nothing of the content, and the file is shown."""
    (tmp_path / "photo.png").write_bytes(picture(2))
    assert card(job(source=str(tmp_path / "photo.png"), key_name="mine")).before.look is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(result):
    """A result that may not be read is told as such."""
    entry = delivery(result)
    result.chmod(0)
    assert card(job(), entry).after.note == "It cannot be read: Permission denied."


@pytest.mark.parametrize(
    ("state", "told", "shown", "words"),
    [
        ("failed", "out of memory", "failed", "out of memory"),
        ("error", None, "failed", "The gateway gave no reason."),
        ("failed", "see https://x.example/?token=geheim", "failed", "see https://x.example/?token=***"),
        ("unknown", "reset", "unknown", "The submission was never answered (reset): it may have been charged."),
        ("forgotten", None, "unknown", "The submission was never answered: it may have been charged."),
        ("running", None, "running", None),
    ],
)
def test_what_went_wrong(state, told, shown, words):
    """Each state has its card, with what the gateway said, and without what lets somebody in."""
    made = card(job(state, error=told))
    assert (made.state, made.error) == (shown, words)


def test_the_summary_goes_by_the_ledger(result):
    """The summary has the jobs by state, what is charged by the list and what may be, the results' bytes and times."""
    reported = [
        Reported(job(), (delivery(result),)),
        Reported(job("failed", price=120_000), ()),
        Reported(job("error"), ()),
        Reported(job("unknown", ended_at=None), ()),
    ]
    made = summary(reported, "the sandbox", BEGAN, ["a note"])
    assert dict(made.counts) == {"done": 1, "failed": 2, "unknown": 1}
    assert (made.jobs, made.listed, made.maybe, made.bytes) == (4, 1000, 121_000, result.stat().st_size)
    assert (made.seconds, made.notes) == ((4.0,) * 3, ("a note",))
