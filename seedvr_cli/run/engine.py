"""Many jobs at once: feeds items to their lives, bounds them, and ends cleanly at any moment.

Asynchronous and silent: `run` yields events, the last of each item being its outcome.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, suppress

from seedvr_cli.gateway.client import Gateway
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.plan.planner import Prospect
from seedvr_cli.run.follow import follow
from seedvr_cli.run.leftovers import let_go_of_ended
from seedvr_cli.run.life import live
from seedvr_cli.run.names import check_place
from seedvr_cli.run.policy import Clock, Policy
from seedvr_cli.run.skim import Work, pass_over, refuse
from seedvr_cli.run.state import DOWNLOADS, RunState
from seedvr_cli.values.errors import (
    DeliveryError,
    Interrupted,
    LedgerError,
    SeedvrError,
    Unforeseen,
    UsageError,
)
from seedvr_cli.values.events import Crashed, Event, Finished, Skipped
from seedvr_cli.values.items import Item, Outcome


class Engine:
    """One run. `name` is the gateway's identity in the ledger; `spool` is a folder for results on standard output."""

    def __init__(
        self, gateway: Gateway, ledger: Ledger, policy: Policy, *, name: str, spool: str, clock: Clock | None = None
    ) -> None:
        self._policy = policy
        self._ledger = ledger
        self._events: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(policy.jobs * 3 + DOWNLOADS)
        self._feeder: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self.interrupted: Interrupted | None = None
        self._state = RunState(
            gateway=gateway,
            ledger=ledger,
            policy=policy,
            clock=clock or Clock(),
            name=name,
            spool=spool,
            emit=self._events.put_nowait,
        )

    async def check_outputs(self, work: Iterable[Work]) -> None:
        """UsageError where an explicit name is taken by what is not that job's own, or a store takes nothing."""
        for one in work:
            item = one.item() if isinstance(one, Prospect) else one
            try:
                await check_place(item.output, item.key, self._state, again=self._policy.new)
            except DeliveryError as error:
                raise UsageError(f"-o {item.output.text}: {error.message}") from error

    async def run(self, work: AsyncGenerator[Sequence[Work], None]) -> AsyncGenerator[Event, None]:
        """Do all of the work, which comes in chunks; yields what happens.

        Closing the iterator, or `stop`, ends the run cleanly.
        """
        self._feeder = asyncio.create_task(self._feed(work))
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
            self._state.stop()
            self._closing = asyncio.ensure_future(self._close())

    async def aclose(self) -> None:
        """End the run now, as `stop` does; what is under way gets a moment to be recorded."""
        await self._close()

    async def _feed(self, work: AsyncGenerator[Sequence[Work], None]) -> None:
        try:
            async with aclosing(work):  # what goes on beside it has its end here
                async for planned in work:
                    chunk = await follow(planned, self._state.gateway)
                    left = await self._skim(chunk) if self._policy.skim and not self._policy.looks_again else chunk
                    for one in await self._refuse(left) if self._state.is_closed else left:
                        await self._room.acquire()
                        self._start(one)
                while self._tasks:
                    await asyncio.wait(set(self._tasks))
            await let_go_of_ended(self._ledger)
        except SeedvrError as error:  # a list that cannot be read on: what is under way is paid for, and goes on
            while self._tasks:
                await asyncio.wait(set(self._tasks))
            self._events.put_nowait(error)
        except Exception as error:  # noqa: BLE001 - a bug: `run` raises it
            self._events.put_nowait(error)
        self._events.put_nowait(None)

    async def _skim(self, chunk: Sequence[Work]) -> Sequence[Work]:
        """What of a chunk is left to do: a list that is nearly done must not cost much."""
        left, paths = await pass_over(chunk, self._ledger.deliveries)
        if paths:
            self._events.put_nowait(Skipped(tuple(paths)))
        return left

    async def _refuse(self, chunk: Sequence[Work]) -> Sequence[Work]:
        """What of a chunk is left to do, after a submission was refused."""
        try:
            left, ended = await refuse(chunk, self._state)
        except LedgerError:  # each item says so for itself, and what is under way goes on
            return chunk
        for outcome in ended:
            self._end(outcome)
        await asyncio.sleep(0)  # lets them be told: what is read faster than that would fill the memory
        return left

    def _start(self, one: Work) -> None:
        item = one.item() if isinstance(one, Prospect) else one
        if isinstance(one, Prospect) and one.trouble is not None:
            self._end(Outcome(item=item, error=one.trouble))
            self._room.release()
            return
        task = asyncio.create_task(self._work(item))
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    async def _work(self, item: Item) -> None:
        try:
            outcome = await live(item, self._state)
        except Exception as error:  # noqa: BLE001 - a bug beyond the item's own boundary is still that item's end
            told = Unforeseen(error)
            self._events.put_nowait(Crashed(item, error, told))
            outcome = Outcome(item=item, error=told)
        self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        if outcome.error is not None and self._policy.fail_fast:
            self._state.halt(SeedvrError("--fail-fast, and another job failed"))
        self._events.put_nowait(Finished(outcome))

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()

    async def _close(self) -> None:
        self._state.stop()
        if self._feeder:
            self._feeder.cancel()
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        posts = set(self._state.posts)
        if posts:
            await asyncio.wait(posts, timeout=self._ledger.last_seconds)
        for post in posts:
            post.cancel()
        await asyncio.gather(*tasks, *posts, return_exceptions=True)
        if self._feeder:
            with suppress(asyncio.CancelledError):
                await self._feeder
        self._events.put_nowait(None)


async def in_one_chunk(work: Sequence[Work]) -> AsyncGenerator[Sequence[Work], None]:
    """Work that is known from the start."""
    yield work
