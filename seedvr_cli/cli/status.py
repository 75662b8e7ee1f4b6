"""`seedvr status`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from seedvr_cli.cli import options as o
from seedvr_cli.cli.groups import CommonOptions, command

if TYPE_CHECKING:
    from seedvr_cli.cli.context import Common
    from seedvr_cli.values.items import Outcome


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


async def _ask(common: "Common", ids: Sequence[str]) -> int:
    from seedvr_cli.cli.session import open_session
    from seedvr_cli.render.human import error_line
    from seedvr_cli.run.ask import ask, check_home
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.errors import JobFailed, OutcomeUnknown, worst_exit_code

    codes = []
    check_home(state_folder(), common.gateway_name, ids)
    async with open_session(common) as session:
        for request_id in dict.fromkeys(ids):
            outcome = await ask(session, request_id)
            codes.append(_exit_code(outcome))
            if outcome.error is not None and not isinstance(outcome.error, JobFailed | OutcomeUnknown):
                common.talk.error(error_line(outcome.error, request_id))
            _show(common, [outcome])
    return worst_exit_code(codes)


async def _list(common: "Common", *, only_unknown: bool) -> int:
    from seedvr_cli.ledger.jobs import Ledger
    from seedvr_cli.run.ask import outcome_of
    from seedvr_cli.settings.folders import state_folder

    async with Ledger(state_folder()) as ledger:
        jobs = await (ledger.unknown if only_unknown else ledger.list_jobs)(common.gateway_name)
        outcomes = [await outcome_of(ledger, job, has_files=common.json) for job in jobs]
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
    rows = job_rows(outcome for outcome in outcomes if outcome.known)
    for text in table(rows, aligned=sys.stdout.isatty()) if rows else ():
        write_line(text)


def _exit_code(outcome: "Outcome") -> int:
    from seedvr_cli.values.catalog import COMPLETED, TERMINAL

    if outcome.error is not None:
        return outcome.error.exit_code
    status = outcome.known.status if outcome.known else None
    return 0 if status == COMPLETED else 1 if status in TERMINAL else 6
