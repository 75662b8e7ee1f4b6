"""Boards, several at once, each as another machine has it."""

import asyncio
from contextlib import AsyncExitStack

from seedvr_cli.ledger.board import Record
from seedvr_cli.ledger.boards import find_board


def record(key="key", **more):
    """A claim of that key."""
    facts = {"state": "submitting", "run": "run", "claim": f"claim of {key}", "gateway": "g", "price": 1000, **more}
    return Record(key=key, **facts)


def over(url, work, count=1):
    """What `work(*boards)` comes to, each board over a connection of its own."""

    async def inside():
        async with AsyncExitStack() as stack:
            boards = [await stack.enter_async_context(find_board(url)) for _ in range(count)]
            return await work(*boards)

    return asyncio.run(inside())
