"""Jobs by their ids: how they stand, by a single poll whose answer is recorded, and as items to be delivered."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from seedvr_cli.ledger.glance import gateways_of
from seedvr_cli.ledger.listing import find_ids
from seedvr_cli.plan.attach import attach, attach_stranger
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.catalog import ERROR, FAILED
from seedvr_cli.values.errors import OutcomeUnknown, SeedvrError, UsageError
from seedvr_cli.values.items import Item, Outcome
from seedvr_cli.values.job import File, Job, failure
from seedvr_cli.values.urls import SANDBOX_NAME

if TYPE_CHECKING:  # it loads the network, which a list of jobs does not need
    from seedvr_cli.run.session import Session

# Ids that are named, and those that are counted, where it is not clear which is meant.
MOST_CANDIDATES = 5
MOST_COUNTED = 1000
# Gateways that have no address, for people.
GATEWAY_WORDS = {SANDBOX_NAME: "the sandbox"}


async def ask(session: "Session", request_id: str) -> Outcome:
    """What the gateway says of a job, or what went wrong. A job that the ledger does not have stays unknown to it."""
    ledger, error, answer = session.ledger, None, None
    job = await ledger.find(request_id, session.access.name)
    try:
        answer = await session.gateway.poll(request_id)
        if job:
            job = await ledger.record(job, answer)
    except SeedvrError as caught:
        error = caught
    if job:
        return outcome_of(job, await ledger.deliveries.files(job), error)
    if error is None and answer is not None:
        error = _failure(answer)
    return Outcome(item=attach_stranger(1, request_id, None), answer=answer, error=error)


async def attachments(session: "Session", request_ids: Sequence[str] | None, output: str | None) -> list[Item]:
    """Items for these jobs; None stands for all that is paid for and was not yet delivered."""
    ledger, name = session.ledger, session.access.name
    if request_ids is None:
        return [attach(index, job, output) for index, job in enumerate(await ledger.pending(name), start=1)]
    items: list[Item] = []
    for index, request_id in enumerate(request_ids, start=1):
        job = await ledger.find(request_id, name)
        items.append(attach(index, job, output) if job else attach_stranger(index, request_id, output))
    return items


def full_ids(folder: str, name: str, words: Iterable[str]) -> list[str]:
    """The ids that these are beginnings of, each once; what the ledger does not know stays as it is.

    UsageError where several of this gateway's jobs begin like that, and for an id that is empty.
    """
    return list(dict.fromkeys(_full_id(folder, name, word) for word in words))


def several(beginning: str, ids: Iterable[str]) -> UsageError:
    """What is said of the beginning of several ids: some of them, and how many there are."""
    known = sorted(ids)
    left = len(known) - MOST_CANDIDATES
    most = "at least " if len(known) >= MOST_COUNTED else ""
    more = f" and {most}{left} more" if left > 0 else ""
    return UsageError(f"{beginning} begins several ids: {', '.join(known[:MOST_CANDIDATES])}{more}",
                      hint="give more of it")  # fmt: skip


def _full_id(folder: str, name: str, word: str) -> str:
    if not word.strip():
        raise UsageError("REQUEST_ID: it is empty", hint="an unset variable, perhaps")
    found = find_ids(folder, word, MOST_COUNTED)
    own = [request_id for request_id, gateway in found if gateway == name]
    ids = own or list(dict.fromkeys(request_id for request_id, _ in found))
    if len(ids) > 1:
        raise several(word, ids)
    return ids[0] if ids else word


def check_home(folder: str, name: str, request_ids: Iterable[str]) -> None:
    """UsageError for the id of a job that the ledger knows from other gateways alone: `name` has never heard of it."""
    for request_id, homes in gateways_of(folder, request_ids).items():
        if homes and name not in homes:
            home, here = (GATEWAY_WORDS.get(one, one) for one in (homes[0], name))
            flag = "--sandbox" if homes[0] == SANDBOX_NAME else f"--base-url {homes[0]}"
            raise UsageError(f"{request_id} is a job of {home}, and not of {here}", hint=f"ask with {flag}")


def outcome_of(job: Job, files: tuple[File, ...] = (), error: SeedvrError | None = None) -> Outcome:
    """What the ledger has of a job; `error` is what went wrong while it was asked for."""
    if error is None and job.state == "unknown":
        error = OutcomeUnknown(f"the submission was never answered ({job.error})")
    item = attach(1, replace(job, output=None), None)
    return Outcome(item=item, job=job, files=files, error=error or _failure(job), resumed=True)


def _failure(known: Job | Answer) -> SeedvrError | None:
    return failure(known) if known.status in {FAILED, ERROR} else None
