"""Objects of files of this machine that nobody needs any more: their jobs have ended."""

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it loads what a look for marks does not need
    from seedvr_cli.ledger.jobs import Ledger

# Seconds after which a run that has not submitted its job surely never will: it was killed, or refused.
ABANDONED = 86400.0
# Seconds for what runs have left that were killed, or did not wait; what is not done then the next run does.
PATIENCE = 2.0


def marks_folder(state: str) -> str:
    """Where it is kept which objects jobs need, in the folder of the ledger."""
    return os.path.join(state, "uploads")


def has_marks(state: str, key: str) -> bool:
    """Whether the job of that key has, or had, a file of this machine in a bucket."""
    return os.path.isdir(os.path.join(marks_folder(state), key))


async def let_go_of_ended(ledger: "Ledger") -> None:
    """Let go of what jobs needed that have ended since, or were never submitted. That this fails harms nobody."""
    folder = marks_folder(os.path.dirname(ledger.path))
    if not os.path.isdir(folder):
        return
    import asyncio
    import time

    from seedvr_cli.uploads.marks import Marks
    from seedvr_cli.uploads.upload import Uploads
    from seedvr_cli.values.errors import LedgerError
    from seedvr_cli.values.target import Target

    uploads, marks = Uploads(Target(), folder), Marks(folder)
    with suppress(TimeoutError, LedgerError):
        async with asyncio.timeout(PATIENCE):
            until = await ledger.ended(keys := marks.jobs())
            until |= dict.fromkeys(await ledger.strangers(keys), time.time() - ABANDONED)
            for key, instant in until.items():
                await uploads.release(mark for mark in marks.of(key) if mark.made_at <= instant)
