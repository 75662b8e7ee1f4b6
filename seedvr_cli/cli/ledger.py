"""`seedvr ledger`: the ledger that machines share."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from seedvr_cli.cli import options as o

if TYPE_CHECKING:
    from seedvr_cli.cli.context import Common
    from seedvr_cli.ledger.board import Board

T = TypeVar("T")

ledger = typer.Typer(no_args_is_help=True, help="The ledger that machines share (SEEDVR_LEDGER_URL).")


@ledger.command("init")
def init(*, quiet: o.Quiet = None, profile: o.Profile = None) -> None:
    """Make the shared ledger: in PostgreSQL its tables, for users who may not.

    They need SELECT, INSERT, UPDATE and DELETE on the tables seedvr_meta, seedvr_board, seedvr_runs,
    seedvr_days, seedvr_tags and seedvr_rates.
    """
    common = _common(quiet=quiet, profile=profile)
    board = _board(common)
    _run(_open(board))
    common.talk.say(f"seedvr: {board.name} is ready")


@ledger.command("push")
def push(*, quiet: o.Quiet = None, profile: o.Profile = None) -> None:
    """Tell the shared ledger what this machine has paid for: once, before its first run with it."""
    common = _common(quiet=quiet, profile=profile)
    board = _board(common)
    count = _run(_push(board))
    common.talk.say(f"seedvr: {board.name} has learnt of {count} {'job' if count == 1 else 'jobs'}")


@ledger.command("status")
def status(*, json: o.Json = None, quiet: o.Quiet = None, profile: o.Profile = None) -> None:
    """Print which ledger is in use, and how many jobs the shared one has by their state."""
    from seedvr_cli.ledger.place import ledger_path
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.settings.ledger_url import find_ledger_url

    common = _common(json=json, quiet=quiet, profile=profile)
    path, name, counts = ledger_path(state_folder()), None, {}
    if find_ledger_url(common.settings) is not None:
        board = _board(common)
        name, counts = board.name, _run(_open(board))
    if common.json:
        write_line(machine.line({"ledger": path, "shared": name, "jobs": counts}))
        return
    write_line(f"this machine\t{path}")
    write_line(f"shared\t{name or '-'}")
    for state, count in counts.items():
        write_line(f"{state}\t{count}")


@ledger.command("export")
def export(*, quiet: o.Quiet = None, profile: o.Profile = None) -> None:
    """Print all that the shared ledger has: a JSON object a line, for a backup or a look of your own."""
    board = _board(_common(quiet=quiet, profile=profile))
    _run(_export(board))


def _common(**given: Any) -> "Common":
    from seedvr_cli.cli.context import Common

    return Common.resolve(**given)


def _board(common: "Common") -> "Board":
    from seedvr_cli.ledger.boards import find_board
    from seedvr_cli.settings.ledger_url import find_ledger_url
    from seedvr_cli.values.errors import UsageError

    url = find_ledger_url(common.settings)
    if url is None:
        raise UsageError("there is no shared ledger", hint="set SEEDVR_LEDGER_URL=postgresql://USER@HOST/DATABASE")
    return find_board(url)


def _run(work: Coroutine[Any, Any, T]) -> T:
    import asyncio

    return asyncio.run(work)


async def _open(board: "Board") -> dict[str, int]:
    async with board:
        return dict(await board.count())


async def _export(board: "Board") -> None:
    from dataclasses import asdict

    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line

    last = ""
    async with board:
        while records := await board.page(last):
            for record in records:
                write_line(machine.line(asdict(record)))
            last = records[-1].key


async def _push(board: "Board") -> int:
    from seedvr_cli.ledger.shared import SharedLedger
    from seedvr_cli.settings.folders import state_folder

    async with SharedLedger(state_folder(), board) as shared:
        return await shared.push()
