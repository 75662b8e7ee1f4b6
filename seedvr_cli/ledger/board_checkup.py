"""What `doctor` asks of the ledger that machines share. No table and no object of its own is made there."""

import asyncio
import sqlite3

from seedvr_cli.ledger.boards import find_board
from seedvr_cli.ledger.checkup import check_backlog
from seedvr_cli.values.checkup import Check
from seedvr_cli.values.errors import LedgerError, UsageError


async def check_board(url: str, folder: str, *, seconds: float) -> list[Check]:
    """Whether the board at that URL can be used from here, and knows what this machine has paid for."""
    try:
        board = find_board(url)
        async with asyncio.timeout(seconds):
            checks = list(await board.examine())
    except (LedgerError, UsageError) as error:
        return [Check("shared", "problem", error.message, error.hint)]
    except TimeoutError:
        return [Check("shared", "problem", f"{board.name} has not answered in {seconds:g} seconds",
                      "check the address, and whether a firewall is between")]  # fmt: skip
    try:
        return [*checks, check_backlog(folder, board.id)]
    except sqlite3.Error:
        return checks
