"""One job's life: claim, submit, watch, deliver. Each step that costs money or makes a file is in the ledger first."""

import asyncio
import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from seedvr_cli.catalog import COMPLETED, ENDPOINTS, ERROR, TERMINAL
from seedvr_cli.delivery import Destination, Hooks, deliver, read_file, recover
from seedvr_cli.disk import Disk
from seedvr_cli.errors import (
    BalanceError,
    CostCapReached,
    DeliveryError,
    GatewayError,
    Interrupted,
    JobFailed,
    KeyRefused,
    LedgerError,
    NetworkError,
    NotSubmitted,
    OutcomeUnknown,
    RequestRefused,
    SeedvrError,
    StillRunning,
    UsageError,
)
from seedvr_cli.gateway import Busy, Gateway, NotSent
from seedvr_cli.ledger import Delivery, Ledger, accepts
from seedvr_cli.media import EXTENSIONS
from seedvr_cli.models import Answer, Changed, Event, File, Item, Job, Outcome, Received, Started
from seedvr_cli.money import show_usd
from seedvr_cli.naming import Names, numbered, render_name
from seedvr_cli.pace import Pace
from seedvr_cli.policy import Clock, Policy
from seedvr_cli.request import Request
from seedvr_cli.schedule import backoff, early, first_poll, usual

# Seconds without a connection before a submission is given up: nothing is lost by it.
SUBMIT_PATIENCE = 10.0
# Seconds of nothing but failures before a job that is paid for is left to itself.
POLL_PATIENCE = 60.0
# Seconds between looks at the ledger while another run submits or delivers the same thing.
LEDGER_INTERVAL = 0.2
# Answers of 404 in a row before a job counts as unknown to the gateway: a new job may not be visible at once.
MISSING_ANSWERS = 3
NEW_SECONDS = 60.0
# Seconds for which a look at how long jobs took lately is good.
EXPECTATION_SECONDS = 1.0
# Seconds between two events about the bytes of one download.
PROGRESS_SECONDS = 0.1


@dataclass(slots=True)
class Shared:
    """What the lives of one run have in common."""

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


class _DeliveredElsewhere(Exception):
    """Another run is at this very file: it may be there when we look again."""


class Life:
    """An item from its request to its outcome."""

    def __init__(self, item: Item, shared: Shared) -> None:
        self._item = item
        self._shared = shared
        self._ledger = shared.ledger
        self._policy = shared.policy
        self._job: Job | None = item.job
        self._resumed = item.job is not None
        self._files: list[File] = []
        self._key = item.request.key(shared.name) if item.request else None
        self._pay_again = shared.policy.new
        self._base = self._name("", f"item-{item.index}")  # no two have the same request id, whatever it will be
        self._number = shared.names.hold(self._base)

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
                self._shared.names.release(self._base, self._number)
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
                    await self._check_name()
                    await self._submit()
                skipped = await self._is_delivered()
                if not skipped and self._policy.wait:
                    await self._watch()
            if not skipped and self._policy.wait and self._policy.download:
                async with self._shared.downloads:
                    await self._deliver()
        except SeedvrError as caught:
            error = caught
            if isinstance(caught, LedgerError):
                self._shared.halted = caught
        finally:
            self._shared.names.release(self._base, self._number)
        price = self._job.price if self._job else None
        known_before = self._resumed and not (self._item.job and not self._item.job.id)
        return Outcome(self._item, self._job, tuple(self._files), error, known_before, skipped, price)

    # Submitting: at most once.

    async def _check_name(self) -> None:
        """UsageError where an explicit name is taken: nothing is paid for a result that has no place to go."""
        output, request = self._item.output, self._item.request
        if output.kind != "file" or self._policy.overwrite or request is None:
            return
        path = os.path.abspath(output.template)
        if self._number == 1 and not os.path.lexists(path):
            return
        if self._pay_again or await self._ledger.owner_key(path) != self._key or not await self._ledger.is_own(path):
            raise UsageError(f"{output.template} is in the way, and not this job's own", hint="choose another name")

    async def _submit(self) -> None:
        """Claim and POST in a task of its own, which an interrupt lets finish."""
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
        except OutcomeUnknown as error:
            self._job = await self._ledger.lose(job, error.message)
            raise
        except (Busy, NotSent, NotSubmitted, RequestRefused, KeyRefused, BalanceError, Interrupted) as error:
            self._job = None
            self._shared.committed -= price
            await self._ledger.release(job)
            if isinstance(error, KeyRefused | BalanceError | NotSent):
                self._shared.halted = error
            raise
        except GatewayError as error:
            self._job = await self._ledger.lose(job, error.message)
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
                await self._ledger.hold(job)
                self._tell(Changed(self._item, "waiting to submit"))
                await self._shared.pause(wait)
                await self._shared.turn(self._shared.submissions)
                await self._ledger.resume(job)

    async def _accept(self, job: Job, answer: Answer) -> None:
        try:
            self._job = await self._ledger.record(job, answer)
        except LedgerError as error:
            self._job = replace(job, request_id=answer.request_id, status=answer.status, state="running")
            error.message += f"; the gateway accepted the job as {answer.request_id}"
            error.hint = f"'seedvr download {answer.request_id}' fetches its result"
            raise
        self._tell(Changed(self._item, answer.status, answer.request_id))

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

    # Delivering.

    async def _is_delivered(self) -> bool:
        """Whether every file of a completed job stands whole under the name that is asked for."""
        job = self._job
        if (
            job is None
            or not self._resumed
            or job.state != "completed"
            or not (self._policy.wait and self._policy.download)
        ):
            return False
        if self._item.output.kind == "stdout":
            return False
        recorded = await self._ledger.deliveries(job)
        files: list[File] = []
        for position in range(max(1, len(job.media_url))):
            whole = await asyncio.to_thread(self._find_whole, job, recorded, position)
            if whole is None:
                return False
            files.append(whole)
        self._files = files
        return True

    def _find_whole(self, job: Job, recorded: list[Delivery], position: int) -> File | None:
        for delivery in recorded:
            if delivery.position != position or delivery.file is None:
                continue
            shown = self._path(job, delivery.file.media_type, position)
            if self._accepts(delivery.path, os.path.abspath(shown)) and delivery.is_whole():
                return replace(delivery.file, path=_beside(shown, delivery.path))
        return None

    def _accepts(self, path: str, base: str) -> bool:
        """Whether a recorded path is what is asked for: an explicit name is exact, others may be numbered."""
        return path == base if self._item.output.kind == "file" else accepts(path, base)

    async def _deliver(self) -> None:
        job = self._known_job()
        if not job.media_url:
            raise DeliveryError("the gateway says COMPLETED, but names no media URL")
        if self._item.output.kind == "stdout" and len(job.media_url) > 1:
            raise DeliveryError(f"the result has {len(job.media_url)} files", hint="give -o a folder")
        self._tell(Changed(self._item, "downloading", job.request_id))
        for position, url in enumerate(job.media_url):
            self._files.append(await self._deliver_one(job, position, url))

    async def _deliver_one(self, job: Job, position: int, url: str) -> File:
        if not self._resumed:  # nobody else can know of it yet; should somebody, `place` says so
            with suppress(_DeliveredElsewhere):
                return await self._fetch(job, position, url, [])
        while True:
            while await self._ledger.is_delivering(job):
                await self._shared.clock.sleep(LEDGER_INTERVAL)
            recorded = await self._recorded(job, position)
            whole = await asyncio.to_thread(self._find_whole, job, recorded, position)
            if whole:
                return whole
            try:
                return await self._fetch(job, position, url, recorded)
            except _DeliveredElsewhere:
                continue

    async def _recorded(self, job: Job, position: int) -> list[Delivery]:
        """What the ledger knows of this file, after what earlier runs did not live to record."""
        if self._item.output.kind == "stdout":
            return []
        recorded = [entry for entry in await self._ledger.deliveries(job) if entry.position == position]
        for entry in recorded:
            if not entry.done and not entry.replaces:
                found = await asyncio.to_thread(recover, Destination(entry.path))
                if found:
                    await self._record(job, position, *found)
                    return await self._recorded(job, position)
        return recorded

    async def _fetch(self, job: Job, position: int, url: str, recorded: list[Delivery]) -> File:
        """Bring the file: from a whole copy on this machine, or from the media URL, resumed where that began."""
        policy, clock = self._policy, self._shared.clock
        shown = ""
        last = 0.0

        async def place(media_type: str) -> Destination:
            nonlocal shown
            if self._item.output.kind == "stdout":
                return Destination(os.path.join(self._shared.spool, uuid.uuid4().hex))
            shown = self._path(job, media_type, position)
            return Destination(await self._place(job, position, os.path.abspath(shown), recorded), policy.overwrite)

        async def note_etag(path: str, etag: str) -> None:
            if self._item.output.kind != "stdout":
                await self._ledger.note_etag(job, position, path, etag)

        def progress(done: int, total: int | None) -> None:
            nonlocal last
            if clock.monotonic() - last >= PROGRESS_SECONDS or done == total:
                last = clock.monotonic()
                self._tell(Received(self._item, done, total))

        hooks = Hooks(place, note_etag, progress, clock.sleep, clock.jitter, self._shared.disk)
        copy = None
        for entry in recorded:
            if await asyncio.to_thread(entry.is_whole):
                copy = entry.path
        if copy:
            file, mtime_ns = await deliver(copy, read_file, hooks)
        else:
            begun = self._resumable(job, position, recorded)
            if begun and not await self._ledger.take_over(job, position, begun.path):
                raise _DeliveredElsewhere
            resume = Destination(begun.path, policy.overwrite) if begun else None
            etag = begun.etag if begun else None
            file, mtime_ns = await deliver(url, self._shared.gateway.fetch, hooks, resume=resume, etag=etag)
        await self._record(job, position, file, mtime_ns)
        shown = shown or self._path(job, file.media_type, position)
        return file if self._item.output.kind == "stdout" else replace(file, path=_beside(shown, file.path))

    def _resumable(self, job: Job, position: int, recorded: list[Delivery]) -> Delivery | None:
        for entry in recorded:
            media_type = next((kind for kind, ext in EXTENSIONS.items() if entry.path.endswith(ext)), "")
            base = os.path.abspath(self._path(job, media_type, position))
            if not entry.done and os.path.isfile(f"{entry.path}.part") and self._accepts(entry.path, base):
                return entry
        return None

    async def _place(self, job: Job, position: int, base: str, recorded: list[Delivery]) -> str:
        exact = self._item.output.kind == "file"
        path = await self._ledger.place(
            job,
            position,
            base,
            first=1 if exact or position else self._number,
            held=frozenset() if exact else self._shared.names.others(self._base, self._number),
            known=frozenset(entry.path for entry in recorded if entry.done),
            exact=exact,
            overwrite=self._policy.overwrite,
        )
        if path is None:
            raise DeliveryError(f"{base} is in the way", hint="choose another name, or --overwrite")
        if not path:
            raise _DeliveredElsewhere
        return path

    async def _record(self, job: Job, position: int, file: File, mtime_ns: int) -> None:
        """The file stands under its name. A video's price is that of its resolution."""
        price = None
        endpoint = ENDPOINTS.get(job.endpoint or "")
        if endpoint and file.width and file.height:
            price = endpoint.price(size=(file.width, file.height))
        recorded = replace(file, path="-") if self._item.output.kind == "stdout" else file
        self._job = await self._ledger.delivered(job, position, recorded, mtime_ns=mtime_ns, price=price)

    def _path(self, job: Job, media_type: str, position: int) -> str:
        """The name that is asked for, as it is shown."""
        return numbered(self._name(EXTENSIONS.get(media_type, ""), job.request_id or "", job), position + 1)

    def _name(self, ext: str, request_id: str, job: Job | None = None) -> str:
        item = self._item
        known = item.request or item.job
        return render_name(
            item.output,
            name=(item.request.source.name if item.request else item.job.name if item.job else item.label),
            ext=ext,
            params=known.params if known else {},
            endpoint=item.endpoint or "",
            request_id=request_id,
            index=item.index,
            submitted_at=job.submitted_at if job else None,
        )

    def _known_job(self) -> Job:
        assert self._job is not None
        return self._job

    def _tell(self, event: Event) -> None:
        self._shared.emit(event)


def failure(job: Job) -> JobFailed:
    """What FAILED and ERROR mean for the user."""
    words = f"the gateway says {job.status}" + (f": {job.error}" if job.error else "")
    if job.status == ERROR:
        return JobFailed(words, code="job_error", hint="it is not charged; the same command again submits it again")
    return JobFailed(words, hint="it may be charged; --retry-failed submits it again")


def _beside(shown: str, path: str) -> str:
    """The recorded absolute path in the form in which it was asked for."""
    return os.path.join(os.path.dirname(shown), os.path.basename(path))
