"""How long a job may take, by how long those before it took."""

import asyncio
from collections.abc import Sequence

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.run.policy import Clock

# Seconds for which a look at how long jobs took lately is good.
EXPECTATION_SECONDS = 1.0


class Expectations:
    """Of one gateway, by its identity in the ledger."""

    def __init__(self, ledger: Ledger, gateway: str, clock: Clock) -> None:
        self._ledger = ledger
        self._gateway = gateway
        self._clock = clock
        self._looks: dict[str, tuple[float, asyncio.Future[list[float]]]] = {}

    async def of(self, endpoint: str | None) -> Sequence[float]:
        """Seconds that the latest jobs of this endpoint took, shortest first; what was looked up a moment ago will do.

        All jobs that begin together share one look at the ledger.
        """
        if endpoint is None:
            return ()
        now = self._clock.monotonic()
        known = self._looks.get(endpoint)
        if known is None or now - known[0] > EXPECTATION_SECONDS:
            known = (now, asyncio.ensure_future(self._ledger.durations(self._gateway, endpoint)))
            self._looks[endpoint] = known
        look = known[1]
        return look.result() if look.done() else await asyncio.shield(look)
