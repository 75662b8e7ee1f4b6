"""The cards of a report: what the ledger has of each job, its result from the disk, its source from where it was."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from seedvr_cli.ledger.reported import Reported
from seedvr_cli.ledger.rows import Delivery
from seedvr_cli.report import clips, previews
from seedvr_cli.report.card import Card, CardState, Look, Side, Summary
from seedvr_cli.run.originals import Originals
from seedvr_cli.run.source_file import is_source, source_places
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.job import Job
from seedvr_cli.values.media import sniff_file
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.urls import is_object_url

STATES: dict[str, CardState] = {
    "completed": "done",
    "failed": "failed",
    "error": "failed",
    "unknown": "unknown",
    "forgotten": "unknown",
}


async def cards(jobs: Sequence[Reported], originals: Originals | None) -> AsyncIterator[Card]:
    """A card for each, in their order, the pictures of one in memory at a time.

    `originals` are the sources behind URLs; None: they are not to be fetched.
    """
    for reported in jobs:
        yield await _card(reported, originals)


def summary(jobs: Sequence[Reported], gateway: str, made_at: datetime, notes: Iterable[str]) -> Summary:
    """All of them together, by the ledger alone."""
    all_jobs = [reported.job for reported in jobs]
    states = [_state(job) for job in all_jobs]
    priced = [(job.charge, job.price or 0) for job in all_jobs]
    return Summary(
        gateway=gateway,
        made_at=made_at,
        jobs=len(jobs),
        counts={state: states.count(state) for state in dict.fromkeys(states)},
        listed=sum(price for charge, price in priced if charge == "listed"),
        maybe=sum(price for charge, price in priced if charge in {"maybe", "unknown"}),
        bytes=sum(entry.file.bytes for one in jobs for entry in _results(one.deliveries) if entry.file),
        seconds=tuple(job.seconds for job in all_jobs if job.seconds is not None),
        notes=tuple(notes),
    )


def is_video(job: Job) -> bool:
    """Whether its endpoint is one for videos."""
    endpoint = ENDPOINTS.get(job.endpoint or "")
    return endpoint is not None and endpoint.kind == "video"


async def _card(reported: Reported, originals: Originals | None) -> Card:
    job, results = reported.job, _results(reported.deliveries)
    after = await asyncio.to_thread(_after, job, results)
    before = await _before(job, results, originals, after.look)
    return Card(
        name=job.name,
        state=_state(job),
        endpoint=job.endpoint,
        request_id=job.request_id,
        status=job.status,
        params={name: redact(str(value)) for name, value in job.params.items()},
        price=job.price,
        charge=job.charge,
        started_at=job.shown_start,
        seconds=job.seconds,
        error=_error(job),
        before=before,
        after=after,
        others=tuple(_shown_name(entry.path) for entry in results[1:]),
    )


def _state(job: Job) -> CardState:
    return STATES.get(job.state, "running")


def _error(job: Job) -> str | None:
    state, told = _state(job), redact(job.error) if job.error else ""
    if state == "unknown":
        return f"The submission was never answered{f' ({told})' if told else ''}: it may have been charged."
    if state == "failed":
        return told or "The gateway gave no reason."
    return None


def _results(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """One file for each result, of copies the first that is still whole."""
    found: dict[int, Delivery] = {}
    for entry in deliveries:
        kept = found.setdefault(entry.position, entry)
        if kept is not entry and not is_object_url(kept.path) and not kept.is_whole() and entry.is_whole():
            found[entry.position] = entry
    return list(found.values())


# The result.


def _after(job: Job, results: Sequence[Delivery]) -> Side:
    if not results:
        note = "The result is not delivered yet: 'seedvr download' does it." if _state(job) == "done" else None
        return Side(note=note or "There is no result.")
    first = results[0]
    name, size = _shown_name(first.path), first.file.bytes if first.file else None
    if is_object_url(first.path):
        return Side(name, size, note="The result is in an object store.")
    if first.path == "-":
        return Side(name, size, note="The result went to standard output.")
    if not first.is_whole():
        is_there = os.path.lexists(first.path)
        return Side(name, size, note="The file was changed after its delivery." if is_there else "The file is gone.")
    return _side(first.path, name)


def _shown_name(path: str) -> str:
    """A page may go to other people, whom the folders of this machine do not concern."""
    return redact(path.partition("?")[0]) if "://" in path else os.path.basename(path)


def _side(path: str, name: str, like: Look | None = None) -> Side:
    """What is to be seen of a file, or why it is not."""
    size = None
    try:
        size = os.path.getsize(path)
        return Side(name, size, _look(path, like))
    except previews.Unshown as error:
        return Side(name, size, note=f"No preview: {error}.")
    except OSError as error:
        return Side(name, size, note=f"It cannot be read: {error.strerror}.")


def _look(path: str, like: Look | None) -> Look:
    media_type = sniff_file(path)
    if media_type is None:
        raise previews.Unshown("it is neither a picture nor a video")
    if not media_type.startswith("video/"):
        return previews.look(path, like=like)
    if not clips.is_there():
        raise previews.Unshown("videos need the extra 'video'")
    return clips.look_at_clip(path, like=like)


# The source.


async def _before(job: Job, results: Sequence[Delivery], originals: Originals | None, like: Look | None) -> Side:
    source = job.source
    if source is not None and "://" not in source:
        return await asyncio.to_thread(_local, job, source, results, like)
    if note := _why_not(job, is_fetched=originals is not None):
        return Side(_shown_name(source or ""), note=note)
    assert source is not None
    assert originals is not None
    async with originals.taken(source) as (path, trouble):
        if path is None:
            return Side(_shown_name(source), note=f"The source is not to be had: {redact(trouble)}.")
        return await asyncio.to_thread(_side, path, _shown_name(source), like)


def _why_not(job: Job, *, is_fetched: bool) -> str | None:
    """Why a source elsewhere is not looked at."""
    if job.source is None:
        return "The source is not known to the ledger."
    if is_object_url(job.source):
        return "The source is in an object store."
    if not is_fetched:
        return "The source was not fetched."
    if is_video(job) and not clips.is_there():
        return "Not fetched: videos need the extra 'video'."
    return None


def _local(job: Job, source: str, results: Sequence[Delivery], like: Look | None) -> Side:
    name, is_there = _shown_name(source), False
    for path in source_places(job, [os.path.dirname(entry.path) for entry in results]):
        if os.path.isfile(path):
            is_there = True
            if job.key_name is not None or is_source(path, job):
                return _side(path, name, like)
    return Side(name, note="The source was changed since." if is_there else "The source is gone.")
