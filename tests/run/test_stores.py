"""The stores of a run: tried once, and again where that may have been bad luck."""

import asyncio

import pytest

from seedvr_cli.run.stores import Stores
from seedvr_cli.values.errors import DeliveryError, NoPlace


@pytest.mark.parametrize(("error", "trials"), [(DeliveryError, 2), (NoPlace, 1)])
def test_a_trial_that_failed_for_now_is_made_again(monkeypatch, error, trials):
    """A store that did not answer is tried again by the next item; one that takes nothing is not."""
    asked = []

    async def call(*_, **__):
        asked.append(True)
        if len(asked) == 1:
            raise error("503 Slow Down")

    async def work():
        stores = Stores()
        monkeypatch.setattr(stores, "call", call)
        for number in range(3):
            if number < 3 - trials or trials == 1:
                with pytest.raises(error):
                    await stores.prepare("s3://bucket/x")
            else:
                await stores.prepare("s3://bucket/x")

    asyncio.run(work())
    assert len(asked) == trials
