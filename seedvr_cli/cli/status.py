"""`seedvr status`."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from seedvr_cli.cli import options as o
from seedvr_cli.cli.groups import CommonOptions, command

if TYPE_CHECKING:
    from seedvr_cli.cli.context import Common
    from seedvr_cli.cli.session import Session
    from seedvr_cli.values.errors import SeedvrError
    from seedvr_cli.values.job import Item, Job, Outcome


@command
def status(
    request_ids: o.RequestIds = None,
    *,
    unknown: Annotated[bool, typer.Option("--unknown", help="List submissions that were never answered.")] = False,
    options: CommonOptions,
) -> int:
    """Ask the gateway how jobs stand; without ids, list your own jobs from the ledger.

    The columns are request id, status, endpoint, time of submission and source. With ids the exit code is 0 where
    every job is COMPLETED, 1 where one ended otherwise, 6 where one still runs. Submissions that were never answered
    have no id: --unknown lists them, and 'seedvr forget' settles them.
    """
    import asyncio

    common = options.resolve()
    return asyncio.run(_ask(common, request_ids) if request_ids else _list(common, only_unknown=unknown))


def stranger(request_id: str, common: "Common") -> "Job":
    """A job that another machine or program submitted: all we have is its id."""
    from seedvr_cli.values.job import Job
    from seedvr_cli.values.naming import safe_name

    return Job(
        id=0, key=f"request:{request_id}", gateway=common.gateway_name, endpoint=None, source=None,
        name=safe_name(request_id), params={}, output=None, price=None, profile=common.settings.profile,
        state="running", request_id=request_id,
    )  # fmt: skip


async def _ask(common: "Common", ids: Sequence[str]) -> int:
    from seedvr_cli.cli.session import open_session
    from seedvr_cli.values.errors import worst_exit_code

    codes = []
    async with open_session(common) as session:
        for request_id in dict.fromkeys(ids):
            outcome = await _ask_one(session, request_id)
            codes.append(_exit_code(outcome))
            _show(common, [outcome])
    return worst_exit_code(codes)


async def _ask_one(session: "Session", request_id: str) -> "Outcome":
    """One poll; what is learned of an own job is recorded."""
    from seedvr_cli.render.human import error_line
    from seedvr_cli.values.errors import SeedvrError
    from seedvr_cli.values.job import Outcome

    common = session.common
    job = await session.ledger.find(request_id, common.gateway_name)
    own = job is not None
    job = job or stranger(request_id, common)
    error = None
    try:
        answer = await session.gateway.poll(request_id)
        if own:
            job = await session.ledger.record(job, answer)
        else:
            job = replace(
                job, status=answer.status, media_url=answer.media_url, media_type=answer.media_type,
                error=answer.error, extra=answer.extra, submitted_at=answer.created_at,
                completed_at=answer.completed_at,
            )  # fmt: skip
    except SeedvrError as caught:
        error = caught
        common.talk.error(error_line(caught, request_id))
    files = await session.ledger.deliveries.files(job) if own else ()
    return Outcome(_item(job), job, files, error or _failure(job), resumed=own, price=job.price)


async def _list(common: "Common", *, only_unknown: bool) -> int:
    from seedvr_cli.ledger.jobs import Ledger
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.job import Outcome

    async with Ledger(state_folder()) as ledger:
        jobs = await (ledger.unknown if only_unknown else ledger.list_jobs)(common.gateway_name)
        outcomes = []
        for job in jobs:
            files = await ledger.deliveries.files(job) if common.json else ()
            outcomes.append(Outcome(_item(job), job, files, _failure(job), resumed=True, price=job.price))
    if not outcomes:
        what = "no submission without an answer" if only_unknown else "no job"
        common.talk.say(f"seedvr: the ledger has {what} for {common.gateway_name}")
    _show(common, outcomes)
    return 0


def _show(common: "Common", outcomes: "Sequence[Outcome]") -> None:
    from seedvr_cli.render import machine
    from seedvr_cli.render.human import job_rows, table
    from seedvr_cli.render.results import write_line

    if common.json:
        for outcome in outcomes:
            write_line(machine.line(machine.outcome_object(outcome)))
        return
    known = (outcome.job for outcome in outcomes if outcome.resumed or (outcome.job and outcome.job.status))
    rows = job_rows(job for job in known if job)
    for text in table(rows, aligned=sys.stdout.isatty()) if rows else ():
        write_line(text)


def _item(job: "Job") -> "Item":
    from seedvr_cli.plan.planner import attach_item

    return attach_item(1, replace(job, output=None), None)


def _failure(job: "Job") -> "SeedvrError | None":
    from seedvr_cli.values.errors import OutcomeUnknown
    from seedvr_cli.values.job import failure

    if job.state == "unknown":
        return OutcomeUnknown(f"the submission was never answered ({job.error})")
    return failure(job) if job.status in {"FAILED", "ERROR"} else None


def _exit_code(outcome: "Outcome") -> int:
    from seedvr_cli.values.catalog import COMPLETED, TERMINAL

    if outcome.error is not None:
        return outcome.error.exit_code
    status = outcome.job.status if outcome.job else None
    return 0 if status == COMPLETED else 1 if status in TERMINAL else 6
