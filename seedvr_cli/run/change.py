"""Whether the source at a URL is another one by now than the one that was paid for."""

import asyncio
import itertools
from collections.abc import Iterable, Mapping

from seedvr_cli.gateway.client import Gateway
from seedvr_cli.plan.planner import Prospect
from seedvr_cli.run.preflight import AT_ONCE
from seedvr_cli.run.state import RunState
from seedvr_cli.values.errors import NetworkError
from seedvr_cli.values.events import Notice
from seedvr_cli.values.items import Purchase
from seedvr_cli.values.job import Job
from seedvr_cli.values.request import Request
from seedvr_cli.values.urls import is_object_url, url_identity
from seedvr_cli.values.version import Version

# Seconds for the answer of a source's server, and bytes of it that are wanted: what is paid for does not wait for it.
PATIENCE = 5.0
ENOUGH = 1
# States of jobs whose submission is settled: what they were paid for can be compared.
SETTLED = frozenset({"running", "completed", "failed"})


async def outdated_job(item: Purchase, run: RunState) -> Job | None:
    """The job that a new one is to take the place of, as its source has changed and --if-changed is given.

    Without that the user is told. What cannot be compared is not changed, and a server that does not answer stops
    nothing. LedgerError where the ledger is not to be had.
    """
    policy, request = run.policy, item.request
    if not policy.looks_again or policy.new or not is_at_url(request):
        return None
    outdated: Job | None = None
    seen: Version | None = None
    while (job := await run.ledger.counting(item.key, after=outdated)) is not None and is_comparable(job, request):
        seen = seen or await glimpse(request, run.gateway)
        if seen is None:
            break
        if job.seen is None:  # it is compared from now on
            await run.ledger.note(job, seen)
        if job.seen is None or not seen.differs_from(job.seen):
            break
        if not policy.if_changed:
            run.emit(Notice(change_line(item.source)))
            break
        outdated = job
    return outdated


async def glimpse(request: Request, gateway: Gateway) -> Version | None:
    """Which version of the source is there now; None where its server does not answer as it should, or in time."""
    try:
        peek = await gateway.media.peek(request.source.url, ENOUGH, seconds=PATIENCE)
    except NetworkError:
        return None
    return peek.version


async def glimpse_all(requests: Mapping[int, Request], gateway: Gateway) -> dict[int, Version]:
    """Which version of each source is there now, by its number, where that is to be seen."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(request: Request) -> Version | None:
        async with room:
            return await glimpse(request, gateway)

    found = await asyncio.gather(*map(one, requests.values()))
    return {number: seen for number, seen in zip(requests, found, strict=True) if seen is not None}


async def changed_sources(pairs: Mapping[str, tuple[Request, Job]], gateway: Gateway) -> set[str]:
    """Of requests and the jobs that are paid for, by key, those whose source is another one by now."""
    then = [job.seen for _, job in pairs.values()]
    now = await glimpse_all({number: request for number, (request, _) in enumerate(pairs.values())}, gateway)
    return {
        key
        for number, (key, seen) in enumerate(zip(pairs, then, strict=True))
        if seen is not None and number in now and now[number].differs_from(seen)
    }


async def changed_since(seen: Iterable[tuple[Prospect, Version | None]], gateway: Gateway) -> str | None:
    """The first source of which another version was seen than stands there now, without its query; None if none is."""
    some = ((prospect.item().request, version) for prospect, version in seen if version is not None)
    while chunk := list(itertools.islice(some, AT_ONCE)):
        now = await asyncio.gather(*(glimpse(request, gateway) for request, _ in chunk))
        for (request, then), version in zip(chunk, now, strict=True):
            if version is not None and version.differs_from(then):
                return request.source.text.partition("?")[0]
    return None


def is_at_url(request: Request) -> bool:
    """Whether the source stands where it may change: a file of this machine is known by its content."""
    return not request.source.url.startswith("file:") and not is_object_url(request.source.url)


def is_comparable(job: Job, request: Request) -> bool:
    """Whether the job was paid for, and of the same URL: under a name of the user's own (--key) it may be another."""
    if job.state not in SETTLED or job.source is None:
        return False
    try:
        return job.key_name is None or url_identity(job.source) == request.source.identity
    except ValueError:
        return False


def change_line(source: str) -> str:
    """What is said of it, without the URL's query, which may be a signature."""
    return f"{source.partition('?')[0]} has changed since it was paid for; --if-changed submits it"
