"""How one job stands: a single poll, and what is learned of an own job is recorded. Nothing is waited for."""

from dataclasses import replace
from typing import TYPE_CHECKING

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.plan.planner import attach, attach_stranger
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.catalog import ERROR, FAILED
from seedvr_cli.values.errors import OutcomeUnknown, SeedvrError
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.job import Job, failure

if TYPE_CHECKING:  # it loads the network, which a list of jobs does not need
    from seedvr_cli.run.session import Session


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
        return await outcome_of(ledger, job, error)
    if error is None and answer is not None:
        error = _failure(answer)
    return Outcome(item=attach_stranger(1, request_id, None), answer=answer, error=error)


async def outcome_of(
    ledger: Ledger, job: Job, error: SeedvrError | None = None, *, has_files: bool = True
) -> Outcome:  # fmt: skip
    """What the ledger has of a job; `error` is what went wrong while it was asked for."""
    files = await ledger.deliveries.files(job) if has_files else ()
    if error is None and job.state == "unknown":
        error = OutcomeUnknown(f"the submission was never answered ({job.error})")
    item = attach(1, replace(job, output=None), None)
    return Outcome(item=item, job=job, files=files, error=error or _failure(job), resumed=True)


def _failure(known: Job | Answer) -> SeedvrError | None:
    return failure(known) if known.status in {FAILED, ERROR} else None
