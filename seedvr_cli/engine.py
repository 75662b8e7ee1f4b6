"""Many jobs at once: feeds items to their lives, bounds them, and ends cleanly at any moment.

Asynchronous and silent: `run` yields events, the last of each item being its outcome.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress

from seedvr_cli.errors import Interrupted, UsageError
from seedvr_cli.gateway import Gateway
from seedvr_cli.ledger import Ledger
from seedvr_cli.life import Life, Shared
from seedvr_cli.models import Event, Finished, Item
from seedvr_cli.policy import Clock, Policy

# Seconds that requests under way get to be recorded when the user interrupts.
LAST_SECONDS = 2.0
# Results that are fetched at the same time.
DOWNLOADS = 8


class Engine:
    """One run. `name` is the gateway's identity in the ledger; `spool` is a folder for results on standard output."""

    def __init__(
        self, gateway: Gateway, ledger: Ledger, policy: Policy, *, name: str, spool: str, clock: Clock | None = None
    ) -> None:
        self._policy = policy
        self._ledger = ledger
        self._events: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(policy.jobs * 2 + DOWNLOADS)
        self._feeder: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self.interrupted: Interrupted | None = None
        self._shared = Shared(
            gateway=gateway,
            ledger=ledger,
            policy=policy,
            clock=clock or Clock(),
            name=name,
            spool=spool,
            emit=self._events.put_nowait,
            in_flight=asyncio.Semaphore(policy.jobs),
            downloads=asyncio.Semaphore(DOWNLOADS),
        )

    async def check_outputs(self, items: Iterable[Item]) -> None:
        """UsageError where an explicit file name is taken by something that is not that job's own."""
        for item in items:
            if item.output.kind != "file" or self._policy.overwrite or not os.path.lexists(item.output.template):
                continue
            path = os.path.abspath(item.output.template)
            owner = await self._ledger.owner_key(path)
            key = item.request.key(self._shared.name) if item.request else item.job.key if item.job else None
            if owner != key or not await self._ledger.is_own(path):
                raise UsageError(
                    f"-o {item.output.template}: this file is in the way, and not this job's own",
                    hint="choose another name, or --overwrite",
                )

    async def run(self, items: Iterable[Item]) -> AsyncGenerator[Event, None]:
        """Do all items; yields what happens. Closing the iterator, or `stop`, ends the run cleanly."""
        self._feeder = asyncio.create_task(self._feed(items))
        try:
            while (event := await self._events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            await self._close()

    def stop(self, reason: Interrupted) -> None:
        """No more submissions; requests under way get a moment to be recorded; then `run` ends."""
        if self.interrupted is None:
            self.interrupted = reason
            self._closing = asyncio.ensure_future(self._close())

    async def _feed(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                await self._room.acquire()
                life = Life(item, self._shared)
                task = asyncio.create_task(self._work(life))
                self._tasks.add(task)
                task.add_done_callback(self._forget)
            while self._tasks:
                await asyncio.wait(set(self._tasks))
        except Exception as error:  # noqa: BLE001 - a bug, or a list that cannot be read: `run` raises it
            self._events.put_nowait(error)
        self._events.put_nowait(None)

    async def _work(self, life: Life) -> None:
        try:
            outcome = await life.run()
            self._events.put_nowait(Finished(outcome))
        except Exception as error:  # noqa: BLE001 - unforeseen: `run` raises it, and the error boundary tells
            self._events.put_nowait(error)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()

    async def _close(self) -> None:
        self._shared.stopping.set()
        if self._feeder:
            self._feeder.cancel()
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        posts = set(self._shared.posts)
        if posts:
            await asyncio.wait(posts, timeout=LAST_SECONDS)
        for post in posts:
            post.cancel()
        await asyncio.gather(*tasks, *posts, return_exceptions=True)
        if self._feeder:
            with suppress(asyncio.CancelledError):
                await self._feeder
        self._events.put_nowait(None)
