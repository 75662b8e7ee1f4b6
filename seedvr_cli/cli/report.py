"""`seedvr report`."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from seedvr_cli.cli import options as o
from seedvr_cli.cli.completion import request_ids as known_ids
from seedvr_cli.cli.groups import NetworkOptions, command

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from seedvr_cli.cli.context import Common
    from seedvr_cli.cli.page_file import PageFile
    from seedvr_cli.ledger.reported import Reported, Wanted
    from seedvr_cli.run.originals import Originals

DEFAULT_NAME = "seedvr-report.html"
# Jobs; a page of so many stays below 30 MB.
DEFAULT_LIMIT = 200
# Seconds between two lines that say how far it is.
LINE_SECONDS = 15.0
# What stands for the sandbox, which need not run: sources on this machine may be fetched.
LOCAL = "http://127.0.0.1"


@command
def report(
    which: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REQUEST_ID|FOLDER]...",
            help="Jobs, or where their results lie.",
            show_default=False,
            autocompletion=known_ids,
        ),
    ] = None,
    *,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="A date, or so long ago: 2026-11-01, 7d, 12h.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="The latest jobs, no more than so many.")
    ] = DEFAULT_LIMIT,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="PATH", help="Where the page goes: a file or a folder.")
    ] = DEFAULT_NAME,
    overwrite: o.Overwrite = None,
    no_fetch: Annotated[bool, typer.Option("--no-fetch", help="Do not fetch sources; show results alone.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    options: NetworkOptions,
) -> None:
    """Make a page that shows before and after: one HTML file that needs nothing beside it.

    Without arguments it has the jobs that have ended; with ids those, with a folder those whose results lie in it.
    Sources behind URLs are fetched once to be shown. It has names of files, and no folders and no signatures of URLs.
    Nothing is submitted, so nothing is paid.
    """
    common = options.resolve()
    from seedvr_cli.cli.page_file import PageFile

    place = PageFile.check(output, DEFAULT_NAME, overwrite=common.choose("overwrite", overwrite))
    jobs, total = _find(_wanted(common, which or (), since, limit))
    import asyncio

    asyncio.run(_write_or_end(common, place, jobs, total, fetch=not no_fetch))
    _tell(common, place, len(jobs))
    if open_page:
        import webbrowser
        from pathlib import Path

        address = Path(place.path).absolute().as_uri()
        if not webbrowser.open(address):
            common.talk.warn(f"seedvr: --open: there is no browser that shows it; the page is {address}")


def _wanted(common: "Common", words: Sequence[str], since: str | None, limit: int) -> "Wanted":
    from datetime import UTC, datetime

    from seedvr_cli.ledger.reported import Wanted
    from seedvr_cli.run.ask import full_ids
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.schedule import parse_since

    folders = [word for word in words if os.path.isdir(word)]
    try:
        begin = parse_since(since, datetime.now(UTC)).timestamp() if since is not None else None
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    ids = full_ids(state_folder(), common.gateway_name, (word for word in words if word not in folders))
    return Wanted(
        gateway=common.gateway_name,
        request_ids=tuple(ids),
        folders=tuple(dict.fromkeys(way(folder) for folder in folders for way in (os.path.abspath, os.path.realpath))),
        since=begin,
        limit=limit,
    )


def _find(wanted: "Wanted") -> "tuple[list[Reported], int]":
    """The jobs, newest first, and how many there are; UsageError for an id that the ledger does not have."""
    from seedvr_cli.ledger.glance import gateways_of
    from seedvr_cli.ledger.reported import reported_jobs
    from seedvr_cli.run.ask import check_home
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.errors import UsageError

    folder = state_folder()
    check_home(folder, wanted.gateway, wanted.request_ids)
    for request_id, homes in gateways_of(folder, wanted.request_ids).items():
        if not homes:
            raise UsageError(f"{request_id}: the ledger has no such job, and there is no such folder")
    return reported_jobs(folder, wanted)


async def _write_or_end(
    common: "Common", place: "PageFile", jobs: "Sequence[Reported]", total: int, *, fetch: bool
) -> None:
    """Ctrl-C and SIGTERM end it: what was begun is taken away."""
    import asyncio

    from seedvr_cli.values.errors import Interrupted
    from seedvr_cli.values.system import on_stop

    writing, reason = asyncio.create_task(_write(common, place, jobs, total, fetch=fetch)), Interrupted("interrupted")

    def stop(number: int) -> None:
        reason.exit_code = 128 + number
        writing.cancel()

    on_stop(asyncio.get_running_loop(), stop)
    try:
        await writing
    except asyncio.CancelledError:
        raise reason from None


async def _write(common: "Common", place: "PageFile", jobs: "Sequence[Reported]", total: int, *, fetch: bool) -> None:
    """A card at a time goes to the disk."""
    import time
    from contextlib import AsyncExitStack
    from datetime import UTC, datetime

    from seedvr_cli.report.page import Page
    from seedvr_cli.run.ask import GATEWAY_WORDS
    from seedvr_cli.run.cards import cards, summary

    said = time.monotonic()
    name = GATEWAY_WORDS.get(common.gateway_name, common.gateway_name)
    page = Page(summary(jobs, name, datetime.now(UTC), _notes(common, jobs, total)))
    with place.writing() as file:
        file.write(page.beginning())
        async with AsyncExitStack() as stack:
            originals = await _originals(common, jobs, stack) if fetch else None
            count = 0
            async for card in cards(jobs, originals):
                file.write(page.card(card))
                count += 1
                if time.monotonic() - said > LINE_SECONDS:
                    said = time.monotonic()
                    common.talk.say(f"seedvr: {count} of {len(jobs)} jobs")
        file.write(page.end())


def _notes(common: "Common", jobs: "Sequence[Reported]", total: int) -> "list[str]":
    """What stands above the page's cards, and is said here too."""
    from seedvr_cli.report import clips
    from seedvr_cli.run.ask import GATEWAY_WORDS
    from seedvr_cli.run.cards import is_video

    notes = []
    if common.sandbox:
        notes.append("Made with the sandbox: enlarged by arithmetic, not by SeedVR2; nothing was charged.")
    if total > len(jobs):
        notes.append(f"The latest {len(jobs):,} of {total:,} jobs.")
        common.talk.say(f"seedvr: the latest {len(jobs)} of {total} jobs; --limit takes more")
    if not jobs:
        name = common.gateway_name
        also = "" if common.sandbox else "; --sandbox shows those of the sandbox"
        common.talk.say(f"seedvr: the ledger has no such job for {GATEWAY_WORDS.get(name, name)}{also}")
    if not clips.is_there() and any(is_video(reported.job) for reported in jobs):
        common.talk.say("seedvr: to show videos: pip install 'seedvr-cli[video]'")
    return notes


async def _originals(common: "Common", jobs: "Sequence[Reported]", stack: "AsyncExitStack") -> "Originals | None":
    """What fetches the sources; None where none is behind a URL."""
    import tempfile

    from seedvr_cli.report import clips
    from seedvr_cli.run.cards import is_video
    from seedvr_cli.run.originals import Originals, wanted_urls

    wanted = wanted_urls(reported.job for reported in jobs if clips.is_there() or not is_video(reported.job))
    if not wanted:
        return None
    gateway = await stack.enter_async_context(common.asking(LOCAL if common.sandbox else None))
    gateway.prepare()
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="seedvr-"))
    originals = Originals(gateway.media.fetch, folder, wanted)
    stack.push_async_callback(originals.aclose)
    return originals


def _tell(common: "Common", place: "PageFile", count: int) -> None:
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import shown, write_line
    from seedvr_cli.values.size import show_size

    size = os.path.getsize(place.path)
    if common.json:
        write_line(machine.line({"v": machine.VERSION, "path": place.path, "bytes": size, "jobs": count}))
    else:
        write_line(shown(place.path))
    common.talk.say(f"seedvr: {count} {'job' if count == 1 else 'jobs'}, {show_size(size)}")
