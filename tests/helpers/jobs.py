"""Jobs for tests of the ledger."""

import asyncio

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.values.job import Draft


def draft(key="key"):
    """What a submission would ask the ledger for."""
    return Draft(
        key=key, gateway="g", endpoint="7b-image", source=f"https://a/{key}.png", name=f"{key}.png", params={},
        output=None, price=1000, profile="default",
    )  # fmt: skip


def run(folder, work):
    """What `work` makes of an open ledger."""

    async def inside():
        async with Ledger(str(folder)) as ledger:
            return await work(ledger)

    return asyncio.run(inside())


async def listed(ledger):
    """All jobs of the gateway."""
    return [job async for jobs in ledger.list_jobs("g") for job in jobs]
