"""`seedvr status`."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from seedvr_cli.cli import options as o
from seedvr_cli.cli.completion import job_states
from seedvr_cli.cli.completion import tags as known_tags
from seedvr_cli.cli.groups import CommonOptions, command

if TYPE_CHECKING:
    from seedvr_cli.cli.context import Common
    from seedvr_cli.ledger.listing import Selection
    from seedvr_cli.render.listing import Entry, Screen
    from seedvr_cli.values.items import Outcome

# Jobs that a terminal shows, unless it is told otherwise.
SCREENFUL = 20


@command
def status(
    request_ids: o.RequestIds = None,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD",
            help="Only these: running, completed, delivered, failed, error, unknown, ...; repeatable.",
            autocompletion=job_states,
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only jobs with such a tag; repeatable.", autocompletion=known_tags),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only jobs since then: 2026-11-01, 2026-11, today, 7d, 12h.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help=f"The latest jobs, no more than so many ({SCREENFUL} on a terminal)."),
    ] = None,
    unknown: Annotated[bool, typer.Option("--unknown", help="List submissions that were never answered.")] = False,
    options: CommonOptions,
) -> int:
    """Ask the gateway how jobs stand; without ids, list your own jobs from the ledger, newest first.

    The columns are request id, status, endpoint, time of submission and source, on a terminal the file it became, too.
    An id may be cut short, as a terminal shows it. With ids the exit code is 0 where every job is COMPLETED, 1 where
    one ended otherwise, 6 where one still runs. Submissions that were never answered have no id: --unknown lists them,
    and 'seedvr forget' settles them.
    """
    common = options.resolve()
    if not request_ids:
        return _list(common, _selection(common, [*(state or ()), *(["unknown"] if unknown else ())], tag, since, limit))
    if state or tag or since or limit or unknown:
        from seedvr_cli.values.errors import UsageError

        raise UsageError("status: ids, or what is to be listed: one of the two")
    import asyncio

    return asyncio.run(_ask(common, request_ids))


async def _ask(common: "Common", words: Sequence[str]) -> int:
    from seedvr_cli.cli.session import open_session
    from seedvr_cli.ledger.listing import short_ids
    from seedvr_cli.render.talk import error_line
    from seedvr_cli.run.ask import ask, check_home, full_ids
    from seedvr_cli.run.leftovers import let_go_of_ended
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.errors import JobFailed, OutcomeUnknown, worst_exit_code

    ids, codes = full_ids(state_folder(), common.gateway_name, words), []
    check_home(state_folder(), common.gateway_name, ids)
    short = short_ids(state_folder(), ids) if _is_screen(common) else {}
    show = _listing(common, list(short.values()))
    async with open_session(common) as session:
        for request_id in ids:
            outcome = await ask(session, request_id)
            codes.append(_exit_code(outcome))
            if outcome.error is not None and not isinstance(outcome.error, JobFailed | OutcomeUnknown):
                common.talk.error(error_line(outcome.error, request_id))
            show([(outcome, short.get(request_id), False)])
        await let_go_of_ended(session.ledger)
    return worst_exit_code(codes)


def _selection(
    common: "Common", states: Sequence[str], tags: Sequence[str] | None, since: str | None, limit: int | None
) -> "Selection":
    from datetime import UTC, datetime

    from seedvr_cli.ledger.listing import STATES, Selection
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.options import read
    from seedvr_cli.values.schedule import parse_since

    words = [word.lower() for word in states]
    if wrong := [word for word in words if word not in STATES]:
        raise UsageError(f"--state: {wrong[0]!r} is not one of {', '.join(STATES)}")
    try:
        begin = parse_since(since, datetime.now(UTC)).timestamp() if since is not None else None
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    return Selection(
        gateway=common.gateway_name,
        states=list(dict.fromkeys(words)),
        tags=read("tag", tags, "--tag") if tags else (),
        since=begin,
        limit=SCREENFUL if limit is None and _is_screen(common) else limit,
    )


def _list(common: "Common", selection: "Selection") -> int:
    from seedvr_cli.ledger.listing import MOST_LEFT, Listing, short_ids
    from seedvr_cli.run.ask import GATEWAY_WORDS, outcome_of
    from seedvr_cli.settings.folders import state_folder

    folder, is_screen = state_folder(), _is_screen(common)
    show, is_empty, has_old = _listing(common), True, False
    listing = Listing(folder, selection, has_files=common.json or is_screen, counts=is_screen)
    for jobs in listing:
        is_empty = False
        has_old = has_old or any(one.is_old for one in jobs)
        ids = [one.job.request_id for one in jobs if one.job.request_id] if is_screen else []
        short = short_ids(folder, ids)
        show([(outcome_of(one.job, one.files), short.get(one.job.request_id or ""), one.is_old) for one in jobs])
    if is_empty:
        which = "such " if selection.tags or selection.since or selection.states not in ([], ["unknown"]) else ""
        what = "no submission without an answer" if selection.states == ["unknown"] else f"no {which}job"
        also = "; --sandbox shows those of the sandbox" if what == "no job" and not common.sandbox else ""
        where = GATEWAY_WORDS.get(selection.gateway, selection.gateway)
        common.talk.say(f"seedvr: the ledger has {what} for {where}{also}")
    if listing.left:
        more = f"{'at least ' if listing.left >= MOST_LEFT else ''}{listing.left}"
        common.talk.say(f"seedvr: {more} more: --limit N")
    if has_old and is_screen:
        common.talk.say("seedvr: ? is old knowledge; 'seedvr status ID' asks the gateway")
    return 0


# An outcome, its id cut short where that is shown, and whether it is old knowledge.
_Told = tuple["Outcome", str | None, bool]


def _listing(common: "Common", ids: Sequence[str] = ()) -> Callable[[Sequence[_Told]], None]:
    """What prints outcomes, some at a time; `ids` are those that will come, as they are shown."""
    from seedvr_cli.render.results import object_lines, write_lines

    screen = _screen(ids) if _is_screen(common) else None

    def show(told: Sequence[_Told]) -> None:
        if common.json:
            write_lines(object_lines((outcome for outcome, _, _ in told), common.pick))
        elif screen is not None:
            write_lines(screen.lines([_entry(*one) for one in told if one[0].known]))
        else:
            from seedvr_cli.render.human import job_rows

            write_lines("\t".join(row) for row in job_rows(outcome for outcome, _, _ in told if outcome.known))

    return show


def _screen(ids: Sequence[str]) -> "Screen":
    import shutil
    from datetime import UTC, datetime

    from seedvr_cli.render.columns import has_colour
    from seedvr_cli.render.listing import Screen

    return Screen(shutil.get_terminal_size().columns, datetime.now(UTC), has_colour=has_colour(), ids=ids)


def _entry(outcome: "Outcome", request_id: str | None, is_old: bool) -> "Entry":
    from seedvr_cli.render.listing import Entry

    return Entry(outcome, request_id or outcome.request_id or "", is_old)


def _is_screen(common: "Common") -> bool:
    return not common.json and sys.stdout.isatty()


def _exit_code(outcome: "Outcome") -> int:
    from seedvr_cli.values.catalog import COMPLETED, TERMINAL

    if outcome.error is not None:
        return outcome.error.exit_code
    status = outcome.known.status if outcome.known else None
    return 0 if status == COMPLETED else 1 if status in TERMINAL else 6
