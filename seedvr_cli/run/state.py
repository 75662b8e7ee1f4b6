"""What the jobs of one run have in common: adapters, limits, money set aside, and whether the run is stopping."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from seedvr_cli.download.flush import Disk
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.run.pace import Pace
from seedvr_cli.run.policy import Clock, Policy
from seedvr_cli.values.errors import CostCapReached, NotSubmitted, SeedvrError
from seedvr_cli.values.events import Event
from seedvr_cli.values.job import Outcome
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.naming import Names

# Seconds between looks at the ledger while another run submits or delivers the same thing.
LEDGER_INTERVAL = 0.2


@dataclass(slots=True)
class Shared:
    """Of one run."""

    gateway: Gateway
    ledger: Ledger
    policy: Policy
    clock: Clock
    name: str
    spool: str
    emit: Callable[[Event], None]
    in_flight: asyncio.Semaphore
    downloads: asyncio.Semaphore
    disk: Disk = field(default_factory=Disk)
    names: Names = field(default_factory=Names)
    submissions: Pace = field(default_factory=Pace)
    polls: Pace = field(default_factory=Pace)
    requests: Pace = field(default_factory=Pace)
    durations: dict[str, tuple[float, "asyncio.Future[list[float]]"]] = field(default_factory=dict)
    lives: dict[str, "asyncio.Future[Outcome]"] = field(default_factory=dict)
    posts: set["asyncio.Task[None]"] = field(default_factory=set)
    pauses: set["asyncio.Future[None]"] = field(default_factory=set)
    stopping: bool = False
    halted: SeedvrError | None = None
    committed: int = 0

    def reserve(self, price: int) -> SeedvrError | None:
        """Set the price aside; or why nothing more may be submitted."""
        if self.halted is not None:
            return NotSubmitted(self.halted)
        cap = self.policy.max_cost
        if cap is not None and self.committed + price > cap:
            return CostCapReached(
                f"not submitted: its list price of {show_usd(price)} could take this run past {show_usd(cap)}",
                hint="raise --max-cost, or run the rest later",
            )
        self.committed += price
        return None

    async def pause(self, seconds: float) -> None:
        """Wait; a run that is stopping does not."""
        if self.stopping:
            return
        pause = asyncio.ensure_future(self.clock.sleep(seconds))
        self.pauses.add(pause)
        try:
            await asyncio.wait((pause,))
        finally:
            self.pauses.discard(pause)
            pause.cancel()

    def stop(self) -> None:
        """Nothing new is begun, and nobody waits."""
        self.stopping = True
        for pause in self.pauses:
            pause.cancel()

    async def turn(self, pace: Pace) -> None:
        """Wait for a slot of this pace, and for one of all requests together."""
        now = self.clock.monotonic()
        wait = max(pace.take(now), self.requests.take(now))
        if wait > 0:
            await self.pause(wait)
