"""`seedvr status`."""

import sys
from collections.abc import Callable, Iterable, Sequence
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
    common = options.resolve()
    if not request_ids:
        return _list(common, only_unknown=unknown)
    import asyncio

    return asyncio.run(_ask(common, request_ids))


async def _ask(common: "Common", ids: Sequence[str]) -> int:
    from seedvr_cli.cli.session import open_session
    from seedvr_cli.render.talk import error_line
    from seedvr_cli.run.ask import ask, check_home
    from seedvr_cli.run.leftovers import let_go_of_ended
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.errors import JobFailed, OutcomeUnknown, worst_exit_code

    show, codes = _listing(common), []
    check_home(state_folder(), common.gateway_name, ids)
    async with open_session(common) as session:
        for request_id in dict.fromkeys(ids):
            outcome = await ask(session, request_id)
            codes.append(_exit_code(outcome))
            if outcome.error is not None and not isinstance(outcome.error, JobFailed | OutcomeUnknown):
                common.talk.error(error_line(outcome.error, request_id))
            show([outcome])
        await let_go_of_ended(session.ledger)
    return worst_exit_code(codes)


def _list(common: "Common", *, only_unknown: bool) -> int:
    from seedvr_cli.ledger.glance import listed_jobs
    from seedvr_cli.run.ask import outcome_of
    from seedvr_cli.settings.folders import state_folder

    show, is_empty, name = _listing(common), True, common.gateway_name
    for jobs in listed_jobs(state_folder(), name, only_unknown=only_unknown, has_files=common.json):
        is_empty = False
        show([outcome_of(job, files) for job, files in jobs])
    if is_empty:
        what = "no submission without an answer" if only_unknown else "no job"
        common.talk.say(f"seedvr: the ledger has {what} for {name}")
    return 0


def _listing(common: "Common") -> "Callable[[Sequence[Outcome]], None]":
    """What prints outcomes, some at a time."""
    from seedvr_cli.render.human import Table, job_rows
    from seedvr_cli.render.results import write_line

    table = Table(aligned=sys.stdout.isatty())

    def show(outcomes: "Sequence[Outcome]") -> None:
        lines: Iterable[str]
        if common.json:
            from seedvr_cli.render import machine

            lines = (machine.line(machine.outcome_object(outcome)) for outcome in outcomes)
        else:
            lines = table.lines(job_rows(outcome for outcome in outcomes if outcome.known))
        for text in lines:
            write_line(text)

    return show


def _exit_code(outcome: "Outcome") -> int:
    from seedvr_cli.values.catalog import COMPLETED, TERMINAL

    if outcome.error is not None:
        return outcome.error.exit_code
    status = outcome.known.status if outcome.known else None
    return 0 if status == COMPLETED else 1 if status in TERMINAL else 6
