"""Submitting: claim, then POST (`post`). At most once, whatever happens; each step is in the ledger before it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace

from seedvr_cli.ledger.verdicts import Claimed, Failed, Free, Held, OverCap, Paid, Terms, Unanswered, Verdict
from seedvr_cli.run.change import glimpse, is_at_url
from seedvr_cli.run.post import Post
from seedvr_cli.run.preflight import is_file, look_at
from seedvr_cli.run.progress import Progress
from seedvr_cli.run.state import RunState
from seedvr_cli.values.callbacks import callback_address, new_claim
from seedvr_cli.values.errors import (
    CostCapReached,
    Interrupted,
    LedgerError,
    NotSubmitted,
    OutcomeUnknown,
    StillRunning,
    TakenOver,
    UploadError,
)
from seedvr_cli.values.events import Changed, Notice
from seedvr_cli.values.items import Purchase
from seedvr_cli.values.job import Draft, Job, failure
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.naming import working_folder
from seedvr_cli.values.request import Request
from seedvr_cli.values.urls import is_object_url

# Between looks at the ledger while another run submits the same thing: a share of what was waited, and the least and
# the most in seconds. A look may be a request that somebody pays for.
LOOK_SHARE = 0.1
SHORTEST_LOOK, LONGEST_LOOK = 0.2, 2.0
# What to do about a job that was left to who has it.
TO_ATTACH = "without --skip-claimed the same command waits for it too"

# Percent of an upload between two events.
UPLOAD_STEP = 5


async def submit(purchase: Purchase, run: RunState, progress: Progress, terms: Terms) -> None:
    """Have the job submitted, or find it paid for; `progress.job` is the record.

    It is done in a task of its own, which an interrupt lets finish. Raises what the gateway's client raises, and
    OutcomeUnknown, JobFailed, CostCapReached, NotSubmitted, StillRunning (another run is at it), Interrupted or
    LedgerError.
    """
    post = asyncio.create_task(_Submission(purchase, run, progress, terms).run())
    run.posts.add(post)
    post.add_done_callback(run.posts.discard)
    await asyncio.shield(post)


class _Submission:
    def __init__(self, purchase: Purchase, run: RunState, progress: Progress, terms: Terms) -> None:
        self._purchase = purchase
        self._run = run
        self._ledger = run.ledger
        self._progress = progress
        self._terms = terms
        policy = run.policy
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
            folder=_folder_of(purchase.source),
        )

    async def run(self) -> None:
        run = self._run
        if (url := run.policy.callback) and self._draft.claim:
            secret = (await self._ledger.calls.secrets())[0]
            self._request = self._request.calling(callback_address(url, self._draft.claim, secret))
        self._needs_address = self._request.source.path is not None
        deadline = run.deadline()
        while not await self._attempt(deadline):
            run.emit(Changed(self._purchase, "waiting: another machine has the job now"))

    async def _attempt(self, deadline: float) -> bool:
        """False where it is to be asked for once more: another machine has taken what waited to be sent again."""
        run = self._run
        with ExitStack() as way_out:
            match await self._verdict(way_out):
                case Claimed(job):
                    run.has_claimed(job)
                    try:
                        await Post(self._purchase, run, self._progress, self._addressed).send(job)
                    except TakenOver:
                        if run.clock.monotonic() >= deadline:
                            raise
                        self._progress.job = None
                        return False
                case Paid(job):
                    await self._attach(job)
                    if run.policy.skip_claimed and await self._is_anothers(job):
                        raise StillRunning("left to another machine, which waits for it", hint=TO_ATTACH)
                case Unanswered(job):
                    await self._attach(job)
                    raise OutcomeUnknown(f"an earlier submission was never answered ({job.error})")
                case Failed(job):
                    await self._attach(job)
                    raise failure(job)
                case OverCap() as over:
                    raise _refusal(over, self._price)
        return True

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
            if error.is_lasting and not is_object_url(self._purchase.source):  # which is that source's own trouble
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
        began = clock.monotonic()
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
            usual = min(max(SHORTEST_LOOK, LOOK_SHARE * (clock.monotonic() - began)), LONGEST_LOOK)
            await self._run.pause(min(usual, left))

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
        if self._run.policy.callback and job.claim is None and job.state == "running":
            what = f"{self._purchase.source.partition('?')[0]}: paid for before, without this callback"
            self._run.emit(Notice(f"{what}: 'seedvr download {job.request_id}' waits for it"))


def _folder_of(source: str) -> str | None:
    """The folder that a path is from."""
    return None if "://" in source or os.path.isabs(source) else working_folder()


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
