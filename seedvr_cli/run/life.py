"""One item from its request to its outcome: submit, watch, deliver, in this order."""

import asyncio
import os
from dataclasses import replace
from datetime import datetime

from seedvr_cli.ledger.verdicts import Terms
from seedvr_cli.run.change import outdated_job
from seedvr_cli.run.deliver import Courier, FileCourier
from seedvr_cli.run.leftovers import has_marks
from seedvr_cli.run.names import ResultName
from seedvr_cli.run.progress import Progress
from seedvr_cli.run.state import RunState
from seedvr_cli.run.submit import submit
from seedvr_cli.run.watch import watch
from seedvr_cli.values.errors import (
    DeliveryError,
    JobFailed,
    LedgerError,
    NoPlace,
    RequestRefused,
    SeedvrError,
    Unforeseen,
)
from seedvr_cli.values.events import Crashed, Started
from seedvr_cli.values.items import Attachment, Item, Outcome, Purchase
from seedvr_cli.values.schedule import usual

# States of a job that the gateway does nothing for any more.
ENDED = frozenset({"completed", "failed", "error"})


async def live(item: Item, run: RunState) -> Outcome:
    """Whatever happens becomes an outcome; only cancellation gets out.

    Two items of a run that ask for the same are one job, whatever --new and the like say: the second one waits for the
    first one's outcome, or finds its job in the ledger.
    """
    if not isinstance(item, Purchase):
        return await _live_named(item, run)
    is_repeat = False
    while item.key in run.lives:
        earlier = await asyncio.shield(run.lives[item.key])
        is_repeat = True
        if earlier.error is not None:
            return replace(earlier, item=item, resumed=earlier.job is not None, files=())
    own: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    run.lives[item.key] = own
    try:
        outcome = await _live_named(item, run, is_repeat=is_repeat)
        own.set_result(outcome)
    finally:
        del run.lives[item.key]
        own.cancel()
    return outcome


async def _live_named(item: Item, run: RunState, *, is_repeat: bool = False) -> Outcome:
    """With a name of its own; who waits for another's outcome holds none, as it may never need one."""
    name = ResultName(item, run)
    try:
        return await _Life(item, run, name, is_repeat=is_repeat).run()
    finally:
        name.release()


class _Life:
    def __init__(self, item: Item, run: RunState, name: ResultName, *, is_repeat: bool = False) -> None:
        self._item = item
        self._run = run
        self._name = name
        self._is_repeat = is_repeat
        self._courier = _courier(item, run, name)
        self._progress = Progress()

    async def run(self) -> Outcome:
        """The outcome, whatever went wrong; what nobody foresaw is told to the run as well."""
        error: SeedvrError | None = None
        try:
            await self._steps()
        except SeedvrError as caught:
            error = caught
            self._take_note(caught)
        except Exception as caught:  # noqa: BLE001 - one item's trouble is that item's outcome
            error = Unforeseen(caught)
            self._run.emit(Crashed(self._item, caught, error))
        progress = self._progress
        job = progress.job
        if job is None and isinstance(error, RequestRefused):
            await self._let_go(self._item.key, None)
        elif job is not None and job.state in ENDED and not progress.is_skipped:
            await self._let_go(job.key, job.submitted_at)
        is_stranger = isinstance(self._item, Attachment) and self._item.job is None
        return Outcome(
            item=self._item,
            job=progress.job,
            files=tuple(progress.files),
            error=error,
            resumed=progress.is_attached and not is_stranger,
            skipped=progress.is_skipped,
        )

    async def _let_go(self, key: str | None, submitted_at: datetime | None) -> None:
        """The gateway needs the source no more, as far as one was brought to it."""
        if key is None:
            return
        source = self._item.request.source if isinstance(self._item, Purchase) else None
        if source is not None and source.path is not None and self._progress.is_attached:
            await self._run.uploads.let_go(source, key, submitted_at)
        elif has_marks(os.path.dirname(self._run.ledger.path), key):
            await self._run.uploads.let_go(None, key, submitted_at)

    def _take_note(self, error: SeedvrError) -> None:
        """What this error means for the run, and what the user is to know of the job beside it."""
        progress = self._progress
        if isinstance(error, LedgerError | NoPlace):
            self._run.halt(error)
        request_id = progress.job.request_id if progress.job else None
        if isinstance(error, LedgerError) and request_id and request_id not in error.message:
            error.message += f"; the gateway has the job as {request_id}"
            error.hint = f"'seedvr download {request_id}' fetches its result; {error.hint}"
        if isinstance(error, DeliveryError) and progress.doubt:
            error.message += f"; {progress.doubt}"
            error.hint = "it is paid for; if its result is no longer to be had, --new is the only way to another"

    async def _steps(self) -> None:
        item, run, progress, policy = self._item, self._run, self._progress, self._run.policy
        delivers = policy.wait and policy.download
        async with run.in_flight:
            run.emit(Started(item, usual(await run.expectations.of(item.endpoint))))
            match item:
                case Purchase():
                    await self._submit(item)
                case Attachment():
                    progress.job, progress.is_attached = item.job, True
            if delivers and progress.is_attached and await self._courier.find(progress):
                progress.is_skipped = True
                return
            deadline = run.deadline()
            failure: JobFailed | None = None
            if policy.wait:
                try:
                    await watch(item, run, progress, deadline)
                except JobFailed as error:
                    if not progress.known_job.media_url:
                        raise
                    failure = error  # what there is of it is delivered all the same
        if delivers:
            async with run.downloads:
                await self._courier.deliver(progress, deadline)
        if failure is not None:
            raise failure

    async def _submit(self, item: Purchase) -> None:
        run, policy = self._run, self._run.policy
        is_repeat = self._is_repeat or item.key in await run.submitted([item.key])
        again = policy.new and not is_repeat
        await self._name.check(item.key, again=again)
        outdated = None if is_repeat else await outdated_job(item, run)
        if outdated is not None:  # what was delivered of it is not the new job's own
            await self._name.check(item.key, again=True)
        after_failure = policy.retry_failed and not is_repeat
        terms = Terms(again=again, instead_of=outdated, after_failure=after_failure, caps=policy.caps)
        await submit(item, run, self._progress, terms)


def _courier(item: Item, run: RunState, name: ResultName) -> Courier:
    if item.output.is_object:
        from seedvr_cli.run.deposit import ObjectCourier

        return ObjectCourier(item, run, name)
    return FileCourier(item, run, name)
