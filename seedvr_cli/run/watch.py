"""Waiting: poll a job until it is terminal, no longer than until the deadline, and no more often than need be."""

from seedvr_cli.run.progress import Progress
from seedvr_cli.run.state import RunState
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.catalog import COMPLETED, ERROR, TERMINAL
from seedvr_cli.values.errors import (
    Busy,
    GatewayError,
    LedgerError,
    NetworkError,
    OutcomeUnknown,
    RequestRefused,
    StillRunning,
)
from seedvr_cli.values.events import NO_ANSWER, Changed
from seedvr_cli.values.items import Attachment, Item
from seedvr_cli.values.job import failure
from seedvr_cli.values.schedule import backoff, next_poll, spread

# Seconds of nothing but failures before a job that is paid for is left to itself.
POLL_PATIENCE = 60.0
# Answers of 404 in a row before a job counts as unknown to the gateway: a new job may not be visible at once.
MISSING_ANSWERS = 3
NEW_SECONDS = 60.0
# Failures in a row from which on the network is to blame that nothing was heard, and not one slow answer.
PROVEN_FAILURES = 2
# Seconds for which another machine's polls are as good as ours.
ELSEWHERE_SECONDS = 60.0
# Seconds that the last look may wait for its turn, and then take: `--timeout` is overrun by no more.
LAST_TURN_SECONDS = 0.5
LAST_LOOK_SECONDS = 1.4


async def watch(item: Item, run: RunState, progress: Progress, deadline: float) -> None:
    """Poll until the job is terminal; `progress.job` is what is known of it then.

    Raises StillRunning at the deadline, JobFailed for FAILED and ERROR, what the gateway's client raises where nothing
    else comes for a minute, and OutcomeUnknown where the job has no id to ask for.
    """
    run.crowd += 1
    try:
        await _Watch(item, run, progress, deadline).run()
    finally:
        run.crowd -= 1


class _Watch:
    def __init__(self, item: Item, run: RunState, progress: Progress, deadline: float) -> None:
        self._item = item
        self._run = run
        self._clock = run.clock
        self._progress = progress
        self._deadline = deadline
        job = progress.job
        self._request_id = item.request_id if isinstance(item, Attachment) else job.request_id if job else None
        # What the ledger has of an old job may have changed since.
        is_fresh = isinstance(item, Attachment) and item.is_fresh
        self._needs_answer = progress.is_attached and self._request_id is not None and not is_fresh
        self._failing_since: float | None = None
        self._failures: list[NetworkError | GatewayError] = []
        self._missing = 0
        # The instant of the last answer.
        self._heard = run.clock.monotonic()
        # The instant of the submission, by the clock of deadlines.
        begun = job.submitted_at if job and progress.is_attached else None
        age = max(0.0, (run.clock.now() - begun).total_seconds()) if begun else 0.0
        self._began = run.clock.monotonic() - age

    async def run(self) -> None:
        """Until it is over."""
        wait = await self._first_wait()
        is_over = False
        while not self._is_settled:
            if self._request_id is None:
                raise OutcomeUnknown("the gateway's answer names no request id, so the job cannot be followed")
            if is_over:
                raise self._ended()
            left = self._deadline - self._clock.monotonic()
            is_over = left <= wait  # one more look, and then no more
            await self._clock.sleep(max(0.0, min(wait, left)))
            if not await self._run.turn(self._run.polls, deadline=self._deadline + LAST_TURN_SECONDS):
                raise self._ended()
            wait = await self._look(self._request_id)
        job = self._progress.known_job
        if job.status == ERROR and self._progress.money is not None:
            self._progress.money.refund()
        if job.status != COMPLETED:
            raise failure(job)

    @property
    def _is_settled(self) -> bool:
        return self._status in TERMINAL and not self._needs_answer

    @property
    def _status(self) -> str | None:
        return self._progress.job.status if self._progress.job else None

    async def _first_wait(self) -> float:
        """Of many, each a little later than the others, which parts them for good."""
        if self._progress.is_attached:
            return 0.0
        pause, run = await self._pause(), self._run
        return pause if run.crowd == 1 else spread(pause, run.policy.poll_interval, self._clock.jitter())

    async def _pause(self) -> float:
        """Seconds until the next look at a job that goes on."""
        run = self._run
        durations = await run.expectations.of(self._item.endpoint)
        age, interval = self._clock.monotonic() - self._began, run.policy.poll_interval
        return next_poll(age, interval, durations, crowd=run.crowd)

    async def _look(self, request_id: str) -> float:
        """One poll; the seconds until the next."""
        clock, interval = self._clock, self._run.policy.poll_interval
        if await self._is_watched_elsewhere():
            return await self._pause()
        left = max(self._deadline - clock.monotonic(), LAST_LOOK_SECONDS)
        try:
            answer = await self._run.gateway.poll(request_id, seconds=left)
        except Busy as error:
            self._run.slow_down(error.wait)
            return error.wait if error.wait is not None else backoff(1, clock.jitter()) + interval
        except (NetworkError, GatewayError) as error:
            self._failed(error)
            return min(interval, backoff(1, clock.jitter()))
        except RequestRefused as error:
            self._was_missing(error)
            return interval
        self._run.reached()
        self._heard = clock.monotonic()
        await self._learn(request_id, answer)
        self._needs_answer = False
        return interval if self._is_settled else await self._pause()

    async def _is_watched_elsewhere(self) -> bool:
        """Whether another machine asks after the job, and tells where we look; now and then we ask all the same."""
        job = self._progress.job
        if job is None or self._needs_answer or self._clock.monotonic() - self._heard >= ELSEWHERE_SECONDS:
            return False
        try:
            return await self._run.ledger.is_watched_elsewhere(job)
        except LedgerError:
            return False

    def _failed(self, error: NetworkError | GatewayError) -> None:
        """Raises it where nothing else has come for too long, or the job is known well enough to go on without."""
        now = self._clock.monotonic()
        self._failures.append(error)
        self._run.missed()
        if len(self._failures) == PROVEN_FAILURES:
            self._run.emit(Changed(self._item, NO_ANSWER, self._request_id))
        if self._failing_since is None:
            self._failing_since = now
        job = self._progress.job
        if self._status in TERMINAL and (self._status != COMPLETED or (job is not None and job.media_url)):
            self._needs_answer = False  # its URLs are known, and may still be good
        elif now - self._failing_since > POLL_PATIENCE:
            raise self._ended()

    def _was_missing(self, error: RequestRefused) -> None:
        """A 404. Raises it where the job is not just too new to be seen."""
        self._missing += 1
        job = self._progress.job
        if self._status in TERMINAL:
            self._needs_answer = False
            self._progress.doubt = "the gateway said COMPLETED, and does not know the job any more"
            return
        submitted = job.submitted_at if job else None
        is_new = submitted is not None and (self._clock.now() - submitted).total_seconds() < NEW_SECONDS
        if self._missing >= MISSING_ANSWERS or not is_new:
            raise error

    async def _learn(self, request_id: str, answer: Answer) -> None:
        """Record another state of the job."""
        progress, ledger = self._progress, self._run.ledger
        before = self._status
        if len(self._failures) >= PROVEN_FAILURES:
            self._run.emit(Changed(self._item, answer.status, request_id))
        self._failing_since, self._failures, self._missing = None, [], 0
        if answer.status == before and not (self._needs_answer and answer.status in TERMINAL):
            return
        # A job that was submitted elsewhere is known from now on, so that its delivery can be resumed.
        job = progress.job or await ledger.adopt(request_id, self._run.name, self._run.policy.profile)
        progress.job = await ledger.record(job, answer)
        if before == COMPLETED and answer.status != COMPLETED:  # which is final
            words = f": {answer.error}" if answer.error else ""
            progress.doubt = f"the gateway said COMPLETED, and now says {answer.status}{words}"
        elif answer.status != before:
            self._run.emit(Changed(self._item, answer.status, request_id))

    def _ended(self) -> StillRunning | NetworkError | GatewayError:
        """Why the waiting is over: the network may be to blame rather than the job."""
        word = f"still {self._status}" if self._status else "not heard of"
        if len(self._failures) < PROVEN_FAILURES:
            return StillRunning(f"{word} after {self._run.policy.timeout:g} seconds of waiting")
        error = self._failures[-1]
        error.message += f"; the job was {word} when the gateway last answered"
        return error
