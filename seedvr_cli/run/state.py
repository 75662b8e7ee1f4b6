"""What the jobs of one run have in common: adapters, limits, the budget, and whether the run is stopping."""

import asyncio
import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from seedvr_cli.download.disk import Disk
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.run.budget import Budget, Reservation
from seedvr_cli.run.expectations import Expectations
from seedvr_cli.run.leftovers import marks_folder
from seedvr_cli.run.pace import Pace, SharedPace
from seedvr_cli.run.policy import Clock, Policy
from seedvr_cli.values.errors import NotSubmitted, SeedvrError
from seedvr_cli.values.events import Event, Notice
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.job import Job
from seedvr_cli.values.naming import Names

if TYPE_CHECKING:
    from seedvr_cli.run.stores import Stores
    from seedvr_cli.uploads.upload import Uploads

# Polls in a row without an answer before the user is told that the network is gone.
TELLING_MISSES = 2
# Results that are fetched at the same time, at the least; more where many jobs are in flight.
DOWNLOADS = 8
# Streams beside the first ones, of all large results together: many results at once fill the line by themselves.
STREAMS_BESIDE = 6
# All polls share one rate: at the most this many a job in each interval, so that they do not come in waves.
POLLS_PER_INTERVAL = 4


class RunState:
    """Of one run. `name` is the gateway's identity in the ledger; `spool` a folder for results on standard output."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        ledger: Ledger,
        policy: Policy,
        clock: Clock,
        name: str,
        spool: str,
        emit: Callable[[Event], None],
    ) -> None:
        self.gateway = gateway
        self.ledger = ledger
        self.policy = policy
        self.clock = clock
        self.name = name
        self.spool = spool
        self.emit = emit
        self.in_flight = asyncio.Semaphore(policy.jobs)
        self.downloads = asyncio.Semaphore(max(DOWNLOADS, policy.jobs // 8))
        self.beside = asyncio.Semaphore(STREAMS_BESIDE)
        self.disk = Disk()
        self.names = Names()
        self._stores: Stores | None = None
        self._uploads: Uploads | None = None
        self._submissions = Pace(None if policy.shared_rate else policy.rate)
        self._shared = None
        if policy.shared_rate and policy.rate is not None:
            self._shared = SharedPace(policy.rate, lambda count, rate: ledger.slots(name, count, rate))
        self.polls = Pace(POLLS_PER_INTERVAL * policy.jobs / policy.poll_interval)
        self.expectations = Expectations(ledger, name, clock)
        self.budget = Budget(policy.max_cost)
        # The outcome of each key that is under way, for other items that ask for the same.
        self.lives: dict[str, asyncio.Future[Outcome]] = {}
        # The number of the first job that this run has claimed; the ledger may have had others of this process before.
        self._first_claimed: int | None = None
        # How many jobs are waited for.
        self.crowd = 0
        # Submissions under way: an interrupt lets them end.
        self.posts: set[asyncio.Task[None]] = set()
        self._requests = Pace()
        self._pauses: set[asyncio.Future[None]] = set()
        self._missed = 0
        self._told: set[str] = set()
        self._halted: SeedvrError | None = None
        self._is_stopping = False

    # What most runs do not need, and so do not load.

    @property
    def stores(self) -> "Stores":
        """The object stores that results go to."""
        if self._stores is None:
            from seedvr_cli.run.stores import Stores

            self._stores = Stores()
        return self._stores

    @property
    def uploads(self) -> "Uploads":
        """What brings sources where the gateway can read them."""
        if self._uploads is None:
            from seedvr_cli.uploads.upload import Uploads
            from seedvr_cli.values.target import Target

            self._uploads = Uploads(self.policy.upload or Target(), marks_folder(os.path.dirname(self.ledger.path)))
        return self._uploads

    # Ending: a run that is halted submits nothing more and goes on; one that is stopping ends.

    @property
    def halted(self) -> SeedvrError | None:
        """Why nothing more is submitted."""
        return self._halted

    def halt(self, reason: SeedvrError) -> None:
        """Submit nothing more; the first reason counts."""
        self._halted = self._halted or reason

    @property
    def is_stopping(self) -> bool:
        """Whether nothing new is to be begun."""
        return self._is_stopping

    def stop(self) -> None:
        """Nothing new is begun, and nobody waits."""
        self._is_stopping = True
        if self._uploads is not None:
            self._uploads.close()
        for pause in self._pauses:
            pause.cancel()

    # What stands twice in a run is one job.

    def has_claimed(self, job: Job) -> None:
        """A job is this run's own."""
        self._first_claimed = job.id if self._first_claimed is None else min(self._first_claimed, job.id)

    async def submitted(self, keys: Sequence[str]) -> set[str]:
        """Of these keys those with jobs of this run, where the ledger's word alone might be overruled. LedgerError."""
        policy = self.policy
        may_pay_again = policy.new or policy.retry_failed or policy.if_changed
        if self._first_claimed is None or not may_pay_again:
            return set()
        return await self.ledger.own_keys(keys, since=self._first_claimed)

    # Money.

    @property
    def is_limited(self) -> bool:
        """Whether a submission may have to wait or be refused: then what is paid for already is told apart first."""
        return self.policy.rate is not None or self._requests.rate is not None or self.policy.max_cost is not None

    @property
    def is_closed(self) -> bool:
        """Whether a submission was refused already, so that whole chunks of a list are looked up in one go."""
        return self._halted is not None or self.budget.is_reached

    def refusal(self, price: int) -> SeedvrError | None:
        """Why a job of that price would not be submitted now."""
        return NotSubmitted(self._halted) if self._halted is not None else self.budget.refusal(price)

    def reserve(self, price: int) -> Reservation:
        """Set the price of a job aside; NotSubmitted or CostCapReached where nothing more may be submitted."""
        if self._halted is not None:
            raise NotSubmitted(self._halted)
        return self.budget.reserve(price)

    # Time.

    def deadline(self) -> float:
        """The instant at which waiting that begins now is over."""
        return self.clock.monotonic() + self.policy.timeout

    async def pause(self, seconds: float) -> None:
        """Wait; a run that is stopping does not."""
        if self._is_stopping:
            return
        pause = asyncio.ensure_future(self.clock.sleep(seconds))
        self._pauses.add(pause)
        try:
            await asyncio.wait((pause,))
        finally:
            self._pauses.discard(pause)
            pause.cancel()

    async def turn_to_submit(self, *, deadline: float = math.inf) -> bool:
        """Wait for a slot to submit in; False where that is past the deadline. LedgerError where they are shared."""
        if self._shared is not None:
            instant = await self._shared.take(self.clock.monotonic)
            if instant > deadline:
                return False
            await self.pause(max(0.0, instant - self.clock.monotonic()))
        return await self.turn(self._submissions, deadline=deadline)

    async def turn(self, pace: Pace, *, deadline: float = math.inf) -> bool:
        """Wait for a slot of this pace, and for one of all requests together; False where that is past the deadline."""
        now = self.clock.monotonic()
        if max(pace.opening(now), self._requests.opening(now)) > deadline:
            return False
        wait = max(pace.take(now), self._requests.take(now))
        if wait > 0:
            await self.pause(wait)
        return True

    def tell_once(self, text: str) -> None:
        """What holds for the whole run."""
        if text not in self._told:
            self._told.add(text)
            self.emit(Notice(text))

    def missed(self) -> None:
        """A poll had no answer; where that goes on, the user is told, once."""
        self._missed += 1
        if self._missed == TELLING_MISSES:
            self.emit(Notice(f"cannot reach {self.gateway.host}, trying again"))

    def reached(self) -> None:
        """The gateway has answered."""
        if self._missed >= TELLING_MISSES:
            self.emit(Notice(f"{self.gateway.host} answers again"))
        self._missed = 0

    def slow_down(self, retry_after: float | None) -> None:
        """The gateway answered 429: all requests of the run wait, and then go slower."""
        self._requests.refused(self.clock.monotonic(), retry_after)
