"""Ledgers of machines that share a board, and their end."""

from contextlib import asynccontextmanager

from seedvr_cli.ledger.verdicts import Terms
from seedvr_cli.values.answer import Answer

ANYHOW = Terms()


def answer(status="QUEUED", request_id="job_1", **more):
    """The gateway's answer about the one job that most of these tests have."""
    return Answer(request_id, status, **more)


async def kill(ledger):
    """End it as SIGKILL does: nothing is settled, nobody is told."""
    if getattr(ledger, "_beating", None) is not None:
        ledger._beating.cancel()
    await ledger._database.close()
    ledger._lock.release()


@asynccontextmanager
async def killed(ledger):
    """A ledger whose machine is gone at the end of the block."""
    await ledger.__aenter__()
    try:
        yield ledger
    finally:
        await kill(ledger)
