"""Jobs for tests of the ledger."""

import asyncio

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.listing import Listing, Selection
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
    """The jobs of a selection, all of the gateway's without one; oldest first."""
    return [one.job for page in Listing(str(folder), Selection(**{"gateway": "g", **how})) for one in page][::-1]


async def nothing(ledger):
    """Opens the ledger, which makes it, and leaves it as it is."""
