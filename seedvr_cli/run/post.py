"""The POST of a job that is claimed, and what became of it, which the ledger has whatever happens."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from seedvr_cli.run.progress import Progress
from seedvr_cli.run.state import RunState
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import (
    BalanceError,
    Busy,
    GatewayError,
    Interrupted,
    KeyRefused,
    LedgerError,
    NotSent,
    NotSubmitted,
    OutcomeUnknown,
    RequestRefused,
    Unforeseen,
    UploadError,
)
from seedvr_cli.values.events import Changed, Crashed
from seedvr_cli.values.items import Purchase
from seedvr_cli.values.job import Job
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.request import Request
from seedvr_cli.values.schedule import backoff

# Seconds without a connection before a submission is given up: nothing is lost by it.
SUBMIT_PATIENCE = 10.0
# Seconds of a ledger that fails before what became of a submission is told to the user alone; idle connections, which
# may hold the file handles that it lacks, are closed before that.
LEDGER_PATIENCE = 15.0
# Seconds between two attempts to tell it.
LEDGER_PAUSE = 0.2
# Seconds to wait, at the least, where the gateway says "again at once".
SHORTEST_WAIT = 0.05

T = TypeVar("T")


class Post:
    """Of one purchase; `addressed` gives the request as it is sent now."""

    def __init__(
        self, purchase: Purchase, run: RunState, progress: Progress, addressed: Callable[[], Awaitable[Request]]
    ) -> None:  # fmt: skip
        self._purchase = purchase
        self._run = run
        self._ledger = run.ledger
        self._progress = progress
        self._addressed = addressed

    async def send(self, job: Job) -> None:
        """Have it sent at most once where it may have been accepted; raises what `submit` does."""
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
        except OutcomeUnknown as error:
            message = error.message
            self._progress.job = await self._insist(lambda: self._ledger.lose(job, message))
            raise
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
                await clock.sleep(LEDGER_PAUSE)


def _why(error: Busy | NotSent, wait: float) -> str:
    if isinstance(error, Busy):
        return f"the gateway asks for {wait:.3g} s" if error.wait is not None else "the gateway is busy"
    return "no connection"
