"""Submitting: claim, POST, record. At most once, whatever happens; each step is in the ledger before it is done."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

from seedvr_cli.ledger.verdicts import Claimed, Failed, Free, Held, OverCap, Paid, Terms, Unanswered, Verdict
from seedvr_cli.run.change import glimpse, is_at_url
from seedvr_cli.run.preflight import is_file, look_at
from seedvr_cli.run.progress import Progress
from seedvr_cli.run.state import RunState
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.callbacks import callback_address, new_claim
from seedvr_cli.values.errors import (
    BalanceError,
    Busy,
    CostCapReached,
    GatewayError,
    Interrupted,
    KeyRefused,
    LedgerError,
    NotSent,
    NotSubmitted,
    OutcomeUnknown,
    RequestRefused,
    StillRunning,
    Unforeseen,
    UploadError,
)
from seedvr_cli.values.events import Changed, Crashed, Notice
from seedvr_cli.values.items import Purchase
from seedvr_cli.values.job import Draft, Job, failure
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.request import Request
from seedvr_cli.values.schedule import backoff

# Seconds without a connection before a submission is given up: nothing is lost by it.
SUBMIT_PATIENCE = 10.0
# Seconds of a ledger that fails before what became of a submission is told to the user alone; idle connections, which
# may hold the file handles that it lacks, are closed before that.
LEDGER_PATIENCE = 15.0
# Seconds between looks at the ledger while another run submits the same thing.
LEDGER_INTERVAL = 0.2
# Seconds to wait, at the least, where the gateway says "again at once".
SHORTEST_WAIT = 0.05
# What to do about a job that was left to who has it.
TO_ATTACH = "without --skip-claimed the same command waits for it too"

# Percent of an upload between two events.
UPLOAD_STEP = 5

T = TypeVar("T")


async def submit(
    purchase: Purchase, run: RunState, progress: Progress, *, again: bool, instead_of: Job | None = None
) -> None:  # fmt: skip
    """Have the job submitted, or find it paid for; `progress.job` is the record.

    `again`: whatever the ledger says; `instead_of`: a job whose source was another. It is done in a task of its own,
    which an interrupt lets finish. Raises what the gateway's client raises, and OutcomeUnknown, JobFailed,
    CostCapReached, NotSubmitted, StillRunning (another run is at it), Interrupted or LedgerError.
    """
    post = asyncio.create_task(_Submission(purchase, run, progress, again=again, instead_of=instead_of).run())
    run.posts.add(post)
    post.add_done_callback(run.posts.discard)
    await asyncio.shield(post)


class _Submission:
    def __init__(
        self, purchase: Purchase, run: RunState, progress: Progress, *, again: bool, instead_of: Job | None
    ) -> None:  # fmt: skip
        self._purchase = purchase
        self._run = run
        self._ledger = run.ledger
        self._progress = progress
        policy = run.policy
        self._terms = Terms(again=again, instead_of=instead_of, after_failure=policy.retry_failed, caps=policy.caps)
        self._price = purchase.request.price()
        self._request = purchase.request
        self._draft = Draft(
            key=purchase.key,
            key_name=purchase.key_name,
            gateway=run.name,
            endpoint=purchase.endpoint,
            source=purchase.source,
            name=purchase.name,
            params=purchase.params,
            output=purchase.output.absolute,
            price=self._price,
            profile=policy.profile,
            claim=new_claim(purchase.key) if policy.callback else None,
            tags=purchase.tags,
        )

    async def run(self) -> None:
        if (url := self._run.policy.callback) and self._draft.claim:
            secret = (await self._ledger.calls.secrets())[0]
            self._request = self._request.calling(callback_address(url, self._draft.claim, secret))
        self._needs_address = self._request.source.path is not None
        with ExitStack() as way_out:
            match await self._verdict(way_out):
                case Claimed(job):
                    await self._send(job)
                case Paid(job):
                    await self._attach(job)
                    if self._run.policy.skip_claimed and await self._is_anothers(job):
                        raise StillRunning("left to another machine, which waits for it", hint=TO_ATTACH)
                case Unanswered(job):
                    await self._attach(job)
                    raise OutcomeUnknown(f"an earlier submission was never answered ({job.error})")
                case Failed(job):
                    await self._attach(job)
                    raise failure(job)
                case OverCap() as over:
                    raise _refusal(over, self._price)

    @property
    def _is_looked_at(self) -> bool:
        """Whether the source is looked at before it is paid for; what has changed may be no picture any more."""
        check = self._run.policy.check
        is_other = self._terms.instead_of is not None and check != "none"
        return check == "all" or is_other or (check == "files" and is_file(self._purchase.request))

    async def _verdict(self, way_out: ExitStack) -> Verdict:
        """What the ledger says, claimed if it may be; the money is set aside before, and given back on the way out."""
        run = self._run
        # What is paid for already takes no turn, is not looked at or sent, and costs nothing.
        if run.is_limited or self._needs_address or self._is_looked_at or run.policy.if_changed:
            verdict = await self._settled(self._ledger.ask)
            if not isinstance(verdict, Free):
                return verdict
        if self._is_looked_at:
            await self._look()
        elif run.policy.if_changed and is_at_url(self._request):  # for the next time
            self._draft = replace(self._draft, seen=await glimpse(self._request, run.gateway))
        if not self._needs_address:
            await run.turn_to_submit()  # before the claim: who waits here is not in the air
        try:
            self._progress.money = way_out.enter_context(run.reserve(self._price))
        except (NotSubmitted, CostCapReached):
            verdict = await self._settled(self._ledger.ask)
            if isinstance(verdict, Free):
                raise
            return verdict
        if self._needs_address:  # nothing is sent that there is no money for
            await self._bring_source()
            await run.turn_to_submit()
        return await self._settled(self._ledger.claim)

    async def _look(self) -> None:
        """See what the source is, and what it comes to; SourceRefused where nothing can come of it."""
        if self._run.halted is not None:
            raise NotSubmitted(self._run.halted)
        look = await look_at(self._purchase.request, self._run.gateway)
        self._price = look.price
        self._draft = replace(self._draft, price=look.price, seen=look.version)
        if look.remark is not None:
            self._run.emit(Notice(f"{self._purchase.source.partition('?')[0]}: {look.remark}"))

    async def _bring_source(self) -> None:
        """Have the source where the gateway can read it; UploadError where that is not to be had."""
        run, told = self._run, -1

        def tell(done: int, total: int) -> None:
            nonlocal told
            percent = done * 100 // total if total else 100
            if percent // UPLOAD_STEP > told:
                told = percent // UPLOAD_STEP
                run.emit(Changed(self._purchase, f"uploading: {percent} %"))

        try:
            await run.uploads.bring(self._request.source, self._purchase.key, tell)
        except UploadError as error:
            if error.is_lasting:
                run.halt(error)
            raise

    async def _addressed(self) -> Request:
        """The request as it is sent now: an address is good for so long only."""
        if not self._needs_address:
            return self._request
        return self._request.reading(await self._run.uploads.address(self._request.source, self._run.policy.timeout))

    async def _settled(self, question: Callable[[Draft, Terms], Awaitable[Verdict]]) -> Verdict:
        """The verdict that comes once no other run is at the same thing."""
        clock, deadline, was_held = self._run.clock, self._run.deadline(), False
        while True:
            if self._run.is_stopping:
                raise Interrupted("stopped")
            verdict = await question(self._draft, self._terms)
            if not isinstance(verdict, Held):
                return verdict
            if self._run.policy.skip_claimed:
                raise StillRunning("left to another seedvr, which submits it", hint=TO_ATTACH)
            if not was_held:
                was_held = True
                self._run.emit(Changed(self._purchase, "waiting: another seedvr is submitting the same request"))
            left = deadline - clock.monotonic()
            if left <= 0:
                raise StillRunning(
                    "another seedvr is submitting the same request, and has not ended within "
                    f"{self._run.policy.timeout:g} seconds",
                    hint="the same command again asks again",
                )
            await self._run.pause(min(LEDGER_INTERVAL, left))

    async def _is_anothers(self, job: Job) -> bool:
        try:
            return await self._ledger.is_watched_elsewhere(job)
        except LedgerError:  # then it is waited for here
            return False

    async def _attach(self, job: Job) -> None:
        self._progress.job = job
        self._progress.is_attached = True
        if not set(job.tags).issuperset(self._purchase.tags):
            self._progress.job = await self._ledger.label(job, self._purchase.tags)

    async def _send(self, job: Job) -> None:
        """The POST of a job that is claimed, and what became of it."""
        money = self._progress.money
        assert money is not None
        money.keep()
        try:
            answer = await self._post(job)
        except (
            Busy,
            NotSent,
            NotSubmitted,
            RequestRefused,
            KeyRefused,
            BalanceError,
            Interrupted,
            UploadError,
        ) as error:
            money.refund()
            await self._insist(lambda: self._ledger.release(job))
            if isinstance(error, KeyRefused | BalanceError | NotSent):
                self._run.halt(error)
            raise
        except (OutcomeUnknown, GatewayError) as error:
            message = error.message
            self._progress.job = await self._insist(lambda: self._ledger.lose(job, message))
            raise
        except LedgerError:
            raise
        except Exception as error:
            told = Unforeseen(error)
            self._run.emit(Crashed(self._purchase, error, told))
            words = redact(told.message)
            self._progress.job = await self._insist(lambda: self._ledger.lose(job, words))
            raise OutcomeUnknown(f"the submission may have been accepted: {words}") from error
        await self._accept(job, answer)

    async def _post(self, job: Job) -> Answer:
        """The POST, again only where the one before was provably not accepted."""
        run, clock = self._run, self._run.clock
        failures, began = 0, clock.monotonic()
        while True:
            if run.is_stopping:
                raise Interrupted("stopped")
            if run.halted is not None and failures:
                raise NotSubmitted(run.halted)
            run.emit(Changed(self._purchase, "submitting"))
            try:
                return await run.gateway.submit(await self._addressed())
            except (Busy, NotSent) as error:
                if isinstance(error, NotSent) and error.is_lasting:
                    raise
                failures += 1
                wait, patience = backoff(failures, clock.jitter()), SUBMIT_PATIENCE
                if isinstance(error, Busy):
                    run.slow_down(error.wait)
                    patience = run.policy.timeout
                    wait = wait if error.wait is None else max(error.wait, SHORTEST_WAIT)
                deadline = began + patience
                if clock.monotonic() + wait > deadline:
                    raise
                await self._insist(lambda: self._ledger.hold(job))
                run.emit(Changed(self._purchase, f"waiting to submit: {_why(error, wait)}"))
                await run.pause(wait)
                if not await run.turn_to_submit(deadline=deadline):
                    raise
                await self._ledger.resume(job)

    async def _accept(self, job: Job, answer: Answer) -> None:
        # What is known of it, should it not be to be recorded.
        self._progress.job = replace(job, request_id=answer.request_id, status=answer.status, state="running")
        try:
            self._progress.job = await self._insist(lambda: self._ledger.record(job, answer))
        except LedgerError as error:
            error.message += f"; the gateway accepted the job as {answer.request_id}"
            error.hint = f"'seedvr download {answer.request_id}' fetches its result"
            raise
        self._run.emit(Changed(self._purchase, answer.status, answer.request_id))

    async def _insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Record what became of a submission, again where the ledger fails: it may be for want of a file handle."""
        clock = self._run.clock
        began = clock.monotonic()
        while True:
            try:
                return await write()
            except LedgerError as error:
                self._run.halt(error)
                if clock.monotonic() - began > LEDGER_PATIENCE:
                    raise
                await clock.sleep(LEDGER_INTERVAL)


def _refusal(over: OverCap, price: int) -> CostCapReached:
    """Whose money is spent, how much of it, and what is left."""
    what = f"this {over.period}" if over.period else f"the tag {over.tag}"
    then = {"day": ", or run the rest tomorrow (UTC)", "month": ", or run the rest next month (UTC)", None: ""}
    left = show_usd(max(0, over.cap - over.spent))
    return CostCapReached(
        f"not submitted: its list price of {show_usd(price)} could take {what} past {show_usd(over.cap)}"
        f" ({show_usd(over.spent)} spent, {left} left)",
        hint=f"raise max-cost-per-{over.period or 'tag'} with 'seedvr config set'{then[over.period]}",
    )


def _why(error: Busy | NotSent, wait: float) -> str:
    if isinstance(error, Busy):
        return f"the gateway asks for {wait:.3g} s" if error.wait is not None else "the gateway is busy"
    return "no connection"
