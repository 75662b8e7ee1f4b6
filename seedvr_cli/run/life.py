"""One job's life: claim, submit, watch, deliver. Each step that costs money or makes a file is in the ledger first."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from seedvr_cli.gateway.client import Busy, NotSent
from seedvr_cli.run.deliver import Courier
from seedvr_cli.run.state import LEDGER_INTERVAL, Shared
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.catalog import COMPLETED, ERROR, TERMINAL
from seedvr_cli.values.errors import (
    BalanceError,
    CostCapReached,
    GatewayError,
    Interrupted,
    KeyRefused,
    LedgerError,
    NetworkError,
    NotSubmitted,
    OutcomeUnknown,
    RequestRefused,
    SeedvrError,
    StillRunning,
)
from seedvr_cli.values.events import Changed, Event, Started
from seedvr_cli.values.job import Item, Job, Outcome, failure
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.request import Request
from seedvr_cli.values.schedule import backoff, early, first_poll, usual

# Seconds without a connection before a submission is given up: nothing is lost by it.
SUBMIT_PATIENCE = 10.0
# Seconds of nothing but failures before a job that is paid for is left to itself.
POLL_PATIENCE = 60.0
# Seconds of a ledger that fails before what became of a submission is told to the user alone; idle connections, which
# may hold the file handles that it lacks, are closed before that.
LEDGER_PATIENCE = 15.0
# Answers of 404 in a row before a job counts as unknown to the gateway: a new job may not be visible at once.
MISSING_ANSWERS = 3
NEW_SECONDS = 60.0
# Seconds for which a look at how long jobs took lately is good.
EXPECTATION_SECONDS = 1.0

T = TypeVar("T")


class Life:
    """An item from its request to its outcome."""

    def __init__(self, item: Item, shared: Shared) -> None:
        self._item = item
        self._shared = shared
        self._ledger = shared.ledger
        self._policy = shared.policy
        self._job: Job | None = item.job
        self._resumed = item.job is not None
        self._key = item.request.key(shared.name) if item.request else None
        self._pay_again = shared.policy.new
        self._courier = Courier(item, shared)

    async def run(self) -> Outcome:
        """Whatever happens becomes an outcome; only cancellation and bugs get out.

        Two items of a run that ask for the same are one job: the second one waits for the first one's outcome.
        """
        key, lives = self._key, self._shared.lives
        if key is None:
            return await self._run()
        while key in lives:
            earlier = await asyncio.shield(lives[key])
            self._pay_again = False
            if earlier.error is not None:
                self._courier.release()
                return replace(earlier, item=self._item, resumed=earlier.job is not None, files=())
        own: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        lives[key] = own
        try:
            outcome = await self._run()
            own.set_result(outcome)
        finally:
            del lives[key]
            own.cancel()
        return outcome

    async def _run(self) -> Outcome:
        skipped = False
        error: SeedvrError | None = None
        try:
            async with self._shared.in_flight:
                self._tell(Started(self._item, usual(await self._durations())))
                if self._job is None:
                    await self._submit()
                if self._resumed and self._policy.wait and self._policy.download:
                    skipped = await self._courier.find(self._known_job())
                if not skipped and self._policy.wait:
                    await self._watch()
            if not skipped and self._policy.wait and self._policy.download:
                async with self._shared.downloads:
                    self._job = await self._courier.deliver(self._known_job(), resumed=self._resumed)
        except SeedvrError as caught:
            error = caught
            if isinstance(caught, LedgerError):
                self._shared.halted = caught
        finally:
            self._courier.release()
        price = self._job.price if self._job else None
        known_before = self._resumed and not (self._item.job and not self._item.job.id)
        return Outcome(self._item, self._job, tuple(self._courier.files), error, known_before, skipped, price)

    # Submitting: at most once.

    async def _submit(self) -> None:
        """Claim and POST in a task of its own, which an interrupt lets finish."""
        assert self._key is not None
        await self._courier.check_name(self._key, pay_again=self._pay_again)
        post = asyncio.create_task(self._claim_and_post())
        self._shared.posts.add(post)
        post.add_done_callback(self._shared.posts.discard)
        await asyncio.shield(post)

    async def _claim_and_post(self) -> None:
        request = self._item.request
        assert request is not None
        price = request.price()
        paced = self._policy.rate is not None or self._shared.requests.rate is not None
        if paced or self._policy.max_cost is not None:  # what is paid for already takes no turn, and costs nothing
            await self._claim(request, price, only_ask=True)
            if self._job is not None:
                return
        await self._shared.turn(self._shared.submissions)  # before the claim: who waits here is not in the air
        refusal = self._shared.reserve(price)
        job = await self._claim(request, price, only_ask=refusal is not None)
        if job is None:
            self._shared.committed -= price if refusal is None else 0
            return
        if refusal is not None:
            raise refusal
        self._job = job
        try:
            answer = await self._post(request, job)
        except (Busy, NotSent, NotSubmitted, RequestRefused, KeyRefused, BalanceError, Interrupted) as error:
            self._job = None
            self._shared.committed -= price
            await self._insist(lambda: self._ledger.release(job))
            if isinstance(error, KeyRefused | BalanceError | NotSent):
                self._shared.halted = error
            raise
        except (OutcomeUnknown, GatewayError) as error:
            message = error.message
            self._job = await self._insist(lambda: self._ledger.lose(job, message))
            raise
        await self._accept(job, answer)

    async def _claim(self, request: Request, price: int, *, only_ask: bool) -> Job | None:
        """The record of a job that may be submitted now, or None where `_job` is one to attach to.

        With `only_ask` nothing is recorded.
        """
        item, policy = self._item, self._policy
        assert self._key is not None
        draft = Job(
            id=0,
            key=self._key,
            gateway=self._shared.name,
            endpoint=request.endpoint.name,
            source=request.source.text,
            name=request.source.name,
            params=request.params,
            output=item.output.absolute,
            price=price,
            profile=policy.profile,
            state="submitting",
        )
        while True:
            only_ask = only_ask or self._shared.stopping
            claim = await self._ledger.claim(
                draft,
                new=self._pay_again,
                retry_failed=policy.retry_failed,
                only_ask=only_ask,
                day_cap=policy.max_cost_per_day,
            )
            if claim.verdict != "busy":
                break
            await self._shared.pause(LEDGER_INTERVAL)
            if self._shared.stopping:
                raise Interrupted("stopped")
        if claim.verdict == "capped":
            cap = show_usd(policy.max_cost_per_day or 0)
            raise CostCapReached(
                f"not submitted: its list price of {show_usd(price)} could take this day past {cap}",
                hint="raise max-cost-per-day with 'seedvr config set', or run the rest tomorrow (UTC)",
            )
        if claim.verdict == "submit":
            if self._shared.stopping:
                raise Interrupted("stopped")
            return claim.job
        self._job, self._resumed = claim.job, True
        if claim.verdict == "unknown":
            raise OutcomeUnknown(f"an earlier submission was never answered ({claim.job.error})")
        if claim.verdict == "failed":
            raise failure(claim.job)
        return None

    async def _post(self, request: Request, job: Job) -> Answer:
        """The POST, again only where the one before was provably not accepted."""
        clock, failures, began = self._shared.clock, 0, self._shared.clock.monotonic()
        while True:
            if self._shared.stopping:
                raise Interrupted("stopped")
            if self._shared.halted is not None and failures:
                raise NotSubmitted(self._shared.halted)
            self._tell(Changed(self._item, "submitting"))
            try:
                return await self._shared.gateway.submit(request)
            except (Busy, NotSent) as error:
                failures += 1
                wait = backoff(failures, clock.jitter())
                patience = SUBMIT_PATIENCE
                if isinstance(error, Busy):
                    self._shared.requests.refused(clock.monotonic(), error.wait)
                    patience = self._policy.timeout
                    wait = max(error.wait, 0.05) if error.wait is not None else wait
                if clock.monotonic() - began + wait > patience:
                    raise
                await self._insist(lambda: self._ledger.hold(job))
                self._tell(Changed(self._item, "waiting to submit"))
                await self._shared.pause(wait)
                await self._shared.turn(self._shared.submissions)
                await self._ledger.resume(job)

    async def _accept(self, job: Job, answer: Answer) -> None:
        try:
            self._job = await self._insist(lambda: self._ledger.record(job, answer))
        except LedgerError as error:
            self._job = replace(job, request_id=answer.request_id, status=answer.status, state="running")
            error.message += f"; the gateway accepted the job as {answer.request_id}"
            error.hint = f"'seedvr download {answer.request_id}' fetches its result"
            raise
        self._tell(Changed(self._item, answer.status, answer.request_id))

    async def _insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Record what became of a submission, again where the ledger fails: it may be for want of a file handle."""
        clock = self._shared.clock
        began = clock.monotonic()
        while True:
            try:
                return await write()
            except LedgerError as error:
                self._shared.halted = self._shared.halted or error
                if clock.monotonic() - began > LEDGER_PATIENCE:
                    raise
                await clock.sleep(LEDGER_INTERVAL)

    # Waiting.

    async def _watch(self) -> None:
        """Poll until the job is terminal. Raises StillRunning at the timeout, JobFailed for FAILED and ERROR."""
        job = self._known_job()
        clock, interval = self._shared.clock, self._policy.poll_interval
        deadline = clock.monotonic() + self._policy.timeout
        needs_answer = self._resumed and job.request_id is not None
        wait = 0.0 if self._resumed else first_poll(early(await self._durations()), interval, clock.jitter())
        failing_since: float | None = None
        missing = 0
        is_over = False
        while job.status not in TERMINAL or needs_answer:
            if job.request_id is None:
                raise OutcomeUnknown("the gateway's answer names no request id, so the job cannot be followed")
            if is_over:
                raise StillRunning(f"still {job.status} after {self._policy.timeout:g} seconds of waiting")
            left = deadline - clock.monotonic()
            is_over = left <= wait  # one more look, and then no more
            await clock.sleep(max(0.0, min(wait, left)))
            wait = interval
            await self._shared.turn(self._shared.polls)
            try:
                answer = await self._shared.gateway.poll(job.request_id)
            except Busy as error:
                self._shared.requests.refused(clock.monotonic(), error.wait)
                wait = error.wait if error.wait is not None else backoff(1, clock.jitter()) + interval
                continue
            except (NetworkError, GatewayError):
                failing_since = failing_since if failing_since is not None else clock.monotonic()
                if job.status in TERMINAL:
                    break  # its URLs are known, and may still be good
                if clock.monotonic() - failing_since > POLL_PATIENCE:
                    raise
                wait = min(wait, backoff(1, clock.jitter()))
                continue
            except RequestRefused:
                missing += 1
                if job.status in TERMINAL:
                    break
                is_new = job.submitted_at and (clock.now() - job.submitted_at).total_seconds() < NEW_SECONDS
                if missing >= MISSING_ANSWERS or not is_new:
                    raise
                continue
            failing_since, missing = None, 0
            if answer.status != job.status or needs_answer:
                job = await self._learn(job, answer)
            needs_answer = False
        if job.status == ERROR and not self._resumed:
            self._shared.committed -= job.price or 0  # not charged
        if job.status != COMPLETED:
            raise failure(job)

    async def _learn(self, job: Job, answer: Answer) -> Job:
        """Record another state of the job."""
        if answer.status in TERMINAL or answer.status != job.status:
            changed = answer.status != job.status
            if not job.id:  # submitted elsewhere: known from now on, so that its delivery can be resumed
                job = await self._ledger.adopt(job)
            job = self._job = await self._ledger.record(job, answer)
            if changed:
                self._tell(Changed(self._item, answer.status, job.request_id))
        return job

    async def _durations(self) -> Sequence[float]:
        """How long jobs of this endpoint took lately; what was looked up a moment ago will do."""
        endpoint, now = self._item.endpoint, self._shared.clock.monotonic()
        if endpoint is None:
            return ()
        known = self._shared.durations.get(endpoint)
        if known is None or now - known[0] > EXPECTATION_SECONDS:  # all jobs that begin now share one look
            known = (now, asyncio.ensure_future(self._ledger.durations(self._shared.name, endpoint)))
            self._shared.durations[endpoint] = known
        look = known[1]
        return look.result() if look.done() else await asyncio.shield(look)

    def _known_job(self) -> Job:
        assert self._job is not None
        return self._job

    def _tell(self, event: Event) -> None:
        self._shared.emit(event)
