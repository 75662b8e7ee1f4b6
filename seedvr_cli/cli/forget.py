"""`seedvr forget`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from seedvr_cli.cli.groups import LedgerOptions, command

if TYPE_CHECKING:
    from seedvr_cli.cli.context import Common
    from seedvr_cli.values.job import Job


@command
def forget(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE|REQUEST_ID]...", help="As 'status --unknown' shows them."),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    options: LedgerOptions,
) -> None:
    """Settle submissions that were never answered: the next run may submit them again, and pay for them.

    Look first on the gateway's own pages whether they were charged. The sources that are settled are printed.
    """
    from seedvr_cli.values.errors import UsageError

    common = options.resolve()
    if bool(sources) == everything:
        raise UsageError("forget: give the SOURCEs to settle, or --all", hint="'seedvr status --unknown' lists them")
    if any(not word.strip() for word in sources or ()):
        raise UsageError("SOURCE: it is empty", hint="an unset variable, perhaps")
    _forget(common, sources or ())


def _set_free(common: "Common", jobs: "Sequence[Job]") -> None:
    """Where machines share a ledger, there first: the others go by that."""
    from seedvr_cli.settings.ledger_url import find_ledger_url

    url = find_ledger_url(common.settings)
    if url is None or common.sandbox or not jobs:
        return
    import asyncio

    from seedvr_cli.ledger.boards import find_board, set_free

    async def settle() -> None:
        async with find_board(url) as board:
            await set_free(board, [job.key for job in jobs])

    asyncio.run(settle())


def _with_id(unknown: "Sequence[Job]", beginning: str) -> "list[Job]":
    """The job whose id begins like that: a callback has told one for some. UsageError where it is none, or several."""
    from seedvr_cli.run.ask import several
    from seedvr_cli.values.errors import UsageError

    ids = {job.id: job.request_id or job.told or "" for job in unknown}
    found = [job for job in unknown if any(spelling.startswith(beginning) for spelling in _spellings(ids[job.id]))]
    if not found:
        raise UsageError(f"forget: no submission of {beginning} is without an answer",
                         hint="'seedvr status --unknown' lists them")  # fmt: skip
    if len(found) > 1:
        raise several(beginning, [ids[job.id] for job in found])
    return found


def _spellings(request_id: str) -> tuple[str, str]:
    """An id, and what stands behind the endpoint's name in it."""
    return request_id, request_id.partition("_")[2]


def _forget(common: "Common", sources: Sequence[str]) -> None:
    from seedvr_cli.ledger.glance import forget_jobs
    from seedvr_cli.ledger.listing import Listing, Selection
    from seedvr_cli.plan.attach import attach
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.items import Outcome

    folder = state_folder()
    listing = Listing(folder, Selection(gateway=common.gateway_name, states=["unknown"]))
    unknown = [one.job for page in listing for one in page][::-1]
    chosen = [job for job in unknown if not sources or job.source in sources]
    for word in dict.fromkeys(sources):
        if all(job.source != word for job in unknown):
            chosen += [job for job in _with_id(unknown, word) if job not in chosen]
    _set_free(common, chosen)
    forget_jobs(folder, chosen)
    for job in chosen:
        outcome = Outcome(item=attach(1, job, None), job=job, resumed=True)
        write_line(machine.line(machine.outcome_object(outcome)) if common.json else str(job.source))
    again = "; the same command again submits them" if chosen else ""
    common.talk.say(f"seedvr: {len(chosen)} settled{again}")
