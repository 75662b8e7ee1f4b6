"""Jobs for tests of the ledger."""

import asyncio

from seedvr_cli.ledger.glance import listed_jobs
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.values.job import Draft


def draft(key="key", **more):
    """What a submission would ask the ledger for."""
    return Draft(
        key=key, gateway="g", endpoint="7b-image", source=f"https://a/{key}.png", name=f"{key}.png", params={},
        output=None, price=1000, profile="default", **more,
    )  # fmt: skip


def run(folder, work):
    """What `work` makes of an open ledger."""

    async def inside():
        async with Ledger(str(folder)) as ledger:
            return await work(ledger)

    return asyncio.run(inside())


def listed(folder, **how):
    """All jobs of the gateway."""
    return [job for jobs in listed_jobs(str(folder), "g", **how) for job, _ in jobs]


async def nothing(ledger):
    """Opens the ledger, which makes it, and leaves it as it is."""
