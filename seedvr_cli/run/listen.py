"""Jobs that the gateway calls about: each callback wakes one poll, what has ended is handed to a run, once.

What a callback says is not believed: the gateway is asked with our key. What it forgot to call about is asked after now
and then. Work for an engine, which delivers it; whoever gets the outcome says when it was passed on.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from seedvr_cli.ledger.jobs import is_adopted
from seedvr_cli.plan.attach import attach
from seedvr_cli.run.hook import Address, serve_hook
from seedvr_cli.run.policy import Clock
from seedvr_cli.run.session import Session
from seedvr_cli.run.skim import Work
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import (
    Busy,
    DeliveryError,
    GatewayError,
    JobFailed,
    KeyRefused,
    LedgerError,
    NetworkError,
    NotFound,
    SeedvrError,
    UsageError,
)
from seedvr_cli.values.items import Attachment, Outcome
from seedvr_cli.values.job import Job
from seedvr_cli.values.schedule import backoff

# Seconds until a job is looked at again whose submission is still under way.
SOON = 1.0
# Answers of 404 in a row before what a callback said of a job's id is not believed any more: minutes, as it is said
# once, and a gateway that is being mended may know nobody for a while.
MISSING_ANSWERS = 12
# Deliveries that fail before that is what is passed on.
DELIVERIES = 3
# Seconds between two looks at what nobody has called about, at the most.
LONGEST_ROUND = 10.0
# Jobs that are asked after at the same time.
LOOKS_AT_ONCE = 16


class _Untrue(Exception):
    """What a callback said of a job's request id is not so, as far as can be told."""


@dataclass(slots=True)
class _Watched:
    """What a listener knows of a job.

    `is_looking`: somebody asks after it; `is_called`: a look is wanted; `is_handed`: a run has it. `due` is the instant
    of the next look. In a row there were so many `misses`, answers of 404 (`missing`), and deliveries that
    failed (`tries`).
    """

    is_looking: bool = False
    is_called: bool = False
    is_handed: bool = False
    due: float | None = None
    misses: int = 0
    missing: int = 0
    tries: int = 0


class Listener:
    """Of one session. `output` is where results go, None for where the command that paid for them meant them to.

    `interval` is how long a job may be silent before it is asked after, in seconds; `most` is after how many jobs it
    ends; `say` takes lines for the user.
    """

    def __init__(
        self,
        session: Session,
        address: Address,
        *,
        output: str | None,
        interval: float,
        most: int | None = None,
        say: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        self._session = session
        self._address = address
        self._output = output
        self._interval = interval
        self._say = say
        self._clock = clock or Clock()
        self._room = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._ended: asyncio.Queue[Job | None] = asyncio.Queue()
        # How many more may be passed on: what could not be is given back.
        self._left = math.inf if most is None else most
        self._has_left = asyncio.Event()
        self._passed, self._most = 0, most
        # By the number of the job.
        self._watched: defaultdict[int, _Watched] = defaultdict(_Watched)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._count = 0
        self._is_over = False
        # Whether nothing has come from the gateway since it was said to be away.
        self._is_away = False

    async def open(self) -> str:
        """Take callbacks from now on; the URL. Raises UsageError and LedgerError as `serve_hook` does."""
        session = self._session
        serving = serve_hook(self._address, session.ledger.calls, session.access.name, self._wake)
        url = await self._stack.enter_async_context(serving)
        for job in await self._expected():  # it may have ended while nobody listened
            self._wake(job)
        return url

    async def work(self) -> AsyncGenerator[Sequence[Work], None]:
        """Each job that has ended, as soon as that is known."""
        rounds = asyncio.create_task(self._go_round())
        try:
            while (job := await self._ended.get()) is not None:
                while self._left <= 0:
                    self._has_left.clear()
                    await self._has_left.wait()
                    if self._is_over:
                        return
                self._left -= 1
                self._count += 1
                yield [replace(self._attached(job), is_fresh=True)]
        finally:
            tasks = [rounds, *self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stack.aclose()

    def is_end(self, outcome: Outcome) -> bool:
        """Whether it is to be passed on: a delivery that fails is tried again, some times."""
        job = outcome.job
        if job is None or not self._watched[job.id].is_handed:
            is_end = False
        elif outcome.error is None or isinstance(outcome.error, JobFailed):
            is_end = True
        else:
            watched = self._watched[job.id]
            watched.tries += 1
            is_end = isinstance(outcome.error, DeliveryError) and watched.tries >= DELIVERIES
            if not is_end and watched.tries == 1:
                self._say(f"{outcome.item.label}: {outcome.error.message}; trying again")
        if not is_end:
            self.later(outcome)
        return is_end

    async def passed_on(self, outcome: Outcome) -> None:
        """The user's programs know of it. Raises LedgerError."""
        assert outcome.job is not None
        await self._session.ledger.calls.passed_on(outcome.job)
        self._watched.pop(outcome.job.id, None)
        self.put_off()

    def put_off(self) -> None:
        """It was passed on, or is for the next listener: not told again by this one."""
        self._passed += 1
        if self._passed == self._most:
            self._is_over = True
            self._ended.put_nowait(None)
            self._has_left.set()

    def later(self, outcome: Outcome) -> None:
        """It could not be passed on now."""
        job = outcome.job
        if job is not None and (watched := self._watched[job.id]).is_handed:
            watched.is_handed = False
            watched.due = self._clock.monotonic() + self._interval * 2 ** max(0, watched.tries - 1)
        self._left += 1
        self._has_left.set()

    def _attached(self, job: Job) -> Attachment:
        """Where the name that is asked for here does not fit the job, its result goes where its command meant it to."""
        try:
            return attach(self._count, job, self._output)
        except UsageError as error:
            self._say(f"{job.name}: {error.message}; it goes where it was submitted to go")
            return attach(self._count, job, None)

    async def _expected(self) -> list[Job]:
        return await self._session.ledger.calls.expected(self._session.access.name)

    async def _go_round(self) -> None:
        """Ask after what nobody has called about for too long."""
        while True:
            await self._clock.sleep(min(self._interval, LONGEST_ROUND))
            try:
                jobs = await self._expected()
            except LedgerError as error:
                self._say(f"{error.message}; trying again")
                continue
            now, today = self._clock.monotonic(), self._clock.now()
            known = {job.id for job in jobs}
            for number, watched in list(self._watched.items()):
                if number not in known and not watched.is_looking and not watched.is_handed:
                    del self._watched[number]
            for job in jobs:
                silent = (today - job.submitted_at).total_seconds() if job.submitted_at else self._interval
                due = self._watched[job.id].due
                if silent >= self._interval if due is None else due <= now:
                    self._wake(job)

    def _wake(self, job: Job) -> None:
        """Look at a job now; once more where that is under way."""
        watched = self._watched[job.id]
        watched.is_called = True
        if watched.is_handed or watched.is_looking:
            return
        watched.is_looking = True
        task = asyncio.create_task(self._look(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, job: Job) -> None:
        """One look, or as many as callbacks come meanwhile."""
        watched = self._watched[job.id]
        wait: float | None = None
        try:
            while watched.is_called and not watched.is_handed:
                async with self._room:
                    watched.is_called = False
                    try:
                        wait = await self._ask(job, watched)
                    except SeedvrError as error:
                        wait = self._failed(job, watched, error)
        finally:
            watched.is_looking = False
        if wait is not None:
            watched.due = self._clock.monotonic() + wait
            if wait < min(self._interval, LONGEST_ROUND):
                await self._clock.sleep(wait)
                self._wake(job)

    async def _ask(self, job: Job, watched: _Watched) -> float | None:
        """One poll; the seconds until the next, None where there is none to come."""
        ledger = self._session.ledger
        job = await ledger.calls.current(job)
        if job.state in {"reserved", "submitting"}:
            return SOON
        if job.is_heard or (job.request_id is None and job.told is None):
            return None
        try:
            answer = await self._poll(job, watched)
        except _Untrue as error:
            self._say(f"{job.name}: a callback named {job.told}, and {error}")
            await ledger.calls.disbelieve(job)
            return None
        watched.misses = watched.missing = 0
        self._is_away = False
        recorded = await ledger.record(job, answer)
        if job.request_id is None:
            self._say(f"{job.name}: its submission was accepted as {recorded.request_id}")
        if recorded.state == "running":
            return self._interval
        if not await ledger.calls.take(recorded):
            return self._interval  # another listener is at it
        watched.is_handed = True
        self._ended.put_nowait(recorded)
        return None

    async def _poll(self, job: Job, watched: _Watched) -> Answer:
        """What the gateway says of the job; _Untrue where its id is a callback's word alone, and is not borne out."""
        gateway = self._session.gateway
        if job.request_id is not None:
            return await gateway.poll(job.request_id)
        assert job.told is not None
        other = await self._session.ledger.find(job.told, self._session.access.name)
        if other is not None and not is_adopted(other):  # which may be this very job, by its id alone
            raise _Untrue("that is another job")
        if await self._session.ledger.calls.is_anothers(job):
            raise _Untrue("that is another machine's job")
        try:
            answer = await gateway.poll(job.told)
        except NotFound as error:
            watched.missing += 1
            if watched.missing < MISSING_ANSWERS:  # it may be too new to be seen
                raise
            raise _Untrue("the gateway knows no such job") from error
        if not _is_of(job, answer):
            raise _Untrue(f"that is a job of {answer.model_id}")
        return answer

    def _failed(self, job: Job, watched: _Watched, error: SeedvrError) -> float:
        """Seconds until it is tried again; told where it first happens."""
        watched.misses += 1
        if watched.misses == 1 and not (self._is_away and isinstance(error, NetworkError | GatewayError | KeyRefused)):
            hint = f"; {error.hint}" if isinstance(error, KeyRefused) else ""
            self._say(f"{job.name}: {error.message}; trying again{hint}")
        self._is_away = self._is_away or isinstance(error, NetworkError | GatewayError | KeyRefused)
        if isinstance(error, Busy) and error.wait is not None:
            return error.wait
        return min(self._interval, backoff(watched.misses, self._clock.jitter()))


def _is_of(job: Job, answer: Answer) -> bool:
    """Whether an answer may be about that job, as far as its model tells."""
    endpoint = ENDPOINTS.get(job.endpoint or "")
    return endpoint is None or answer.model_id is None or answer.model_id == endpoint.model_id
