"""A run in process: a real ledger, a gateway that answers what a test has written down, a clock that is handed in."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.clock import VirtualClock
from fakes.scripted import ScriptedGateway

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.plan.attach import attach, attach_stranger
from seedvr_cli.plan.planner import Planner
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.run.engine import Engine, in_one_chunk
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.events import Event, Finished
from seedvr_cli.values.items import Item, Outcome

GATEWAY = "https://gateway.example"
SOURCE = "https://example.com/photo.png"
PRICE = ENDPOINTS["7b-image"].price()


@dataclass
class House:
    """Where runs of a test live."""

    folder: Path
    clock: VirtualClock = field(default_factory=VirtualClock)
    events: list[Event] = field(default_factory=list)

    def purchases(self, *sources: str, endpoint: str = "7b-image", **wishes: Any) -> list[Item]:
        """What an `image` command would make of these words."""
        wishes = {"options": {}, "output": f"{self.folder}/out/", **wishes}
        planner = Planner(Wishes(endpoint=ENDPOINTS[endpoint], **wishes), GATEWAY)
        return [prospect.item() for source in sources or (SOURCE,) for prospect in planner.word(source)]

    async def attachments(self, *request_ids: str) -> list[Item]:
        """What `download` would make of these ids."""
        items: list[Item] = []
        async with self.ledger() as ledger:
            for index, request_id in enumerate(request_ids, start=1):
                job = await ledger.find(request_id, GATEWAY)
                out = f"{self.folder}/out/"
                items.append(attach(index, job, out) if job else attach_stranger(index, request_id, out))
        return items

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Ledger]:
        """The ledger of all runs here."""
        now = self.clock.clock.now
        async with Ledger(str(self.folder / "state"), now=lambda: now().timestamp()) as ledger:
            yield ledger

    @asynccontextmanager
    async def engine(self, gateway: ScriptedGateway, **policy: Any) -> AsyncIterator[Engine]:
        """An engine with its ledger open."""
        async with self.ledger() as ledger:
            yield Engine(
                gateway,  # type: ignore[arg-type]
                ledger,
                Policy(**policy),
                name=GATEWAY,
                spool=str(self.folder / "spool"),
                clock=self.clock.clock,
            )

    async def run(self, gateway: ScriptedGateway, items: Sequence[Item], **policy: Any) -> list[Outcome]:
        """Do it all; the outcomes in the order of the items."""
        async with self.engine(gateway, **policy) as engine:
            self.events = [event async for event in engine.run(in_one_chunk(items))]
        outcomes = [event.outcome for event in self.events if isinstance(event, Finished)]
        return sorted(outcomes, key=lambda outcome: outcome.item.index)

    def go(self, gateway: ScriptedGateway, items: Sequence[Item] | None = None, **policy: Any) -> list[Outcome]:
        """The same for a test that is not asynchronous."""
        return asyncio.run(self.run(gateway, items or self.purchases(), **policy))

    def jobs(self) -> list[Any]:
        """All records of the ledger."""

        async def look() -> list[Any]:
            async with self.ledger() as ledger:
                return await ledger._jobs("1 ORDER BY id", ())

        return asyncio.run(look())

    def attached(self, *request_ids: str) -> list[Item]:
        """`attachments` for a test that is not asynchronous."""
        return asyncio.run(self.attachments(*request_ids))
