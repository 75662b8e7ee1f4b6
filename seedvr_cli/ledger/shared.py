"""A ledger that shares its claims with other machines: the board is asked first, and told after.

Each submission is claimed on the board before it is claimed here; what another machine has paid for is brought home as
a record of our own. What the board could not be told is told again until it was.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from seedvr_cli.ledger.backlog import Backlog
from seedvr_cli.ledger.board import ANSWERS, BEAT_SECONDS, ENDS, Board, BoardState, Record
from seedvr_cli.ledger.calls import SharedCalls
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.judge import Judge
from seedvr_cli.ledger.place import known_boards, owe
from seedvr_cli.ledger.purse import Payment, Purse
from seedvr_cli.ledger.records import bring_home, facts_of, forget_copies, in_state, record_of
from seedvr_cli.ledger.rows import update_job
from seedvr_cli.ledger.settling import settle_dead
from seedvr_cli.ledger.telling import Teller
from seedvr_cli.ledger.verdicts import Claimed, Free, OverCap, Terms, Verdict
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.caps import NO_CAPS
from seedvr_cli.values.errors import LedgerError, StillRunning, TakenOver
from seedvr_cli.values.job import Draft, Job

# Seconds that the end of a run waits for the board to be told what it was not told yet.
LAST_SECONDS = 10.0


class SharedLedger(Ledger):
    """`Ledger`, with a board in front of it."""

    last_seconds = 20.0

    def __init__(self, folder: str, board: Board, **how: Any) -> None:
        super().__init__(folder, **how)
        self._is_open = self._is_ready = False
        self._opening = asyncio.Lock()
        self.board = board
        self.shared_name = board.name
        # By the number of the job here, what the board has of it.
        self._records: dict[int, Record] = {}
        self._purse = Purse(board, self._now)
        # Those that this machine has submitted, in this run or an earlier one.
        self._own: set[int] = set()
        # What may still be given back for the job.
        self._payments: dict[int, Payment] = {}
        self._backlog = Backlog(self, board)
        self._verdicts = Judge(self, board)
        self.calls = SharedCalls(
            self._database,
            self._lock,
            folder,
            open_board=self._opened_board,
            begin_beating=self._begin_beating,
            bring_home=self.bring_home,
        )
        self._teller = Teller(board)
        self._beating: asyncio.Task[None] | None = None

    async def __aexit__(self, *how: object) -> None:
        try:
            await self._backlog.tell_heard()
            if self._beating is not None:
                self._beating.cancel()
                await self._settle_board()
        finally:
            try:
                await super().__aexit__(*how)
            finally:
                if self._is_open:
                    await self.board.__aexit__(*how)

    async def prepare(self) -> None:
        """Open the board. What only polls and delivers does without, and so goes on while that is away."""
        async with self._opening:
            if self._is_ready:
                return
            await self._open_board()
            await self._backlog.check()
            self._is_ready = True

    def _begin_claiming(self) -> None:
        """The board hears of it; others that know this ledger do not."""
        for board in known_boards(self.path) - {self.board.id}:
            owe(self.path, board)

    async def ask(self, draft: Draft, terms: Terms) -> Verdict:
        """Whether `draft` might be submitted now; what other machines have of it is brought home."""
        verdict = await self._verdicts.here(draft, terms)
        return await self._verdicts.there(draft, terms) if isinstance(verdict, Free) else verdict

    async def claim(self, draft: Draft, terms: Terms) -> Verdict:
        """Ask to submit `draft`: on the board in one trip where nobody was there, and then here."""
        verdict = await self._verdicts.here(draft, terms)
        if not isinstance(verdict, Free):
            return verdict
        await self._begin_beating()
        payment = await self._purse.take(draft, terms.caps)
        if isinstance(payment, OverCap):  # what is paid for costs nothing
            there = await self._verdicts.there(draft, terms)
            return payment if isinstance(there, Free) else there
        claimed: Verdict = Free()
        try:
            claimed = await self._claim(draft, terms)
        finally:
            if isinstance(claimed, Claimed):
                self._payments[claimed.job.id] = payment
            else:
                self._purse.give_back(payment)
        return claimed

    async def _claim(self, draft: Draft, terms: Terms) -> Verdict:
        known: Record | None = None
        while True:
            posted = await self.board.post(record_of(draft, self._lock.take(), "submitting", known))
            if posted is not None:
                break
            known = (await self.board.look([draft.key])).get(draft.key)
            verdict = Free() if known is None else await self._verdicts.says(known, draft, terms)
            if not isinstance(verdict, Free):
                return verdict
        try:
            verdict = await super().claim(draft, replace(terms, caps=NO_CAPS))
        except LedgerError:
            await self._teller.tell(in_state(posted, "free"))
            raise
        if isinstance(verdict, Claimed):
            self._records[verdict.job.id] = posted
        else:  # a run of this machine that asks no board was faster
            await self._teller.tell(in_state(posted, "free"))
        return verdict

    async def paid_keys(self, keys: Sequence[str], *, after_failure: bool) -> set[str]:
        """See `Ledger`; also what other machines have. Where the board is away, what is paid for here."""
        paid = await super().paid_keys(keys, after_failure=after_failure)
        others = [key for key in keys if key not in paid]
        free = {"error", "free", *(["failed"] if after_failure else [])}
        with suppress(LedgerError):
            found = await (await self._opened_board()).look(others) if others else {}
            paid |= {key for key, known in found.items() if known.state not in free}
        return paid

    async def hold(self, job: Job) -> None:
        """Record that the POST was provably not accepted; while it waits, another machine may have the job.

        Not where it is beside one that may have cost something: that would be paid for by who did not ask for another.
        """
        await super().hold(job)
        if in_state(self._records[job.id], "free").state == "free":
            await self._change(job, "free")

    async def resume(self, job: Job) -> None:
        """Record that the POST of a held job is about to be in the air again; TakenOver where another has it now."""
        record = self._records[job.id]
        posted = await self._teller.post_instead(replace(record, state="submitting", run=self._lock.run))
        if posted is None:
            reason = StillRunning("another machine has the job now", hint="the same command again asks again")
            raise TakenOver(reason)
        self._records[job.id] = posted
        await super().resume(job)

    async def release(self, job: Job) -> None:
        """Forget a job that the gateway provably did not accept."""
        await super().release(job)
        await self._change(job, "free")
        self._refund(job.id)
        self._let_go(job.id)

    async def lose(self, job: Job, message: str) -> Job:
        """Record that the outcome of the submission is unknown."""
        lost = await super().lose(job, message)
        await self._change(lost, "unknown")
        self._let_go(job.id)
        return lost

    async def record(self, job: Job, answer: Answer) -> Job:
        """Record the gateway's answer here, and then on the board what travels: its id, and its end."""
        recorded = await super().record(job, answer)
        known = self._records.get(job.id)
        state = ANSWERS.get(recorded.state)
        if known is not None and state is not None:
            if known.state != state:
                await self._change(recorded, state)
                if state == "error":
                    self._refund(job.id)  # which is not charged
            if state in ENDS:
                self._let_go(job.id)
        elif recorded.state != job.state:  # of another run, or another machine
            if self._is_ready:
                await self.tell_of(recorded)
            else:
                self._backlog.hear(recorded)
        return recorded

    async def slots(self, gateway: str, count: int, rate: float) -> float:
        """See `Ledger`: the board's."""
        return await (await self._opened_board()).slots(gateway, count, rate)

    async def is_watched_elsewhere(self, job: Job) -> bool:
        """Whether a live run of another machine asks the gateway after the job."""
        known = self._records.get(job.id)
        if known is None:
            if job.id in self._own or await self.owner(job) is not None:
                self._own.add(job.id)
                return False
            await self.prepare()  # brought home by an earlier run
        elif known.run == self._lock.run:
            return False
        there = (await self.board.look([job.key])).get(job.key)
        if there is None or there.request_id != job.request_id:
            return False
        self._records[job.id] = there
        return there.state == "running" and await self.board.is_alive(there.run)

    async def push(self) -> int:
        """Have all that this machine has paid for on the board; of how many jobs it has learnt something."""
        await self._open_board()
        return await self._backlog.push()

    # For the backlog and the judge.

    @property
    def runs_folder(self) -> str:
        """Where runs of this machine hold their locks."""
        return self._lock.folder

    @property
    def run(self) -> str:
        """The name of this run."""
        return self._lock.run

    async def find_jobs(self, where: str, *values: Any) -> list[Job]:
        """Jobs of this machine."""
        return await self._jobs(where, values)

    async def settle_dead(self) -> None:
        """What dead runs of this machine have left is settled: it may have cost something."""
        await self._write(lambda connection: settle_dead(connection, self._lock.is_alive))

    async def owner(self, job: Job) -> str | None:
        """The run that has submitted a job; None for one from elsewhere."""
        query = "SELECT run FROM jobs WHERE id = ?"
        row = await self._read(lambda connection: connection.execute(query, (job.id,)).fetchone())
        return row[0] if row else None

    async def ask_here(self, draft: Draft, terms: Terms) -> Verdict:
        """What this machine's own ledger says."""
        return await super().ask(draft, replace(terms, caps=NO_CAPS))

    async def record_here(self, job: Job, answer: Answer) -> Job:
        """Record in this machine's own ledger what another one was answered."""
        return await super().record(job, answer)

    async def settle_here(self, job: Job) -> None:
        """The user has settled on another machine what this one lost."""
        await self._write(lambda connection: update_job(connection, job.id, state="forgotten"))

    async def tell_of(self, job: Job) -> None:
        """Tell the board, where it is open, of a job that is none of this run's."""
        if self._is_ready and job.id not in self._records:
            with suppress(LedgerError):
                await self._backlog.tell(job)

    async def bring_home(self, known: Record, draft: Draft) -> Job:
        """The record as a job of this machine."""
        job = await self._write(lambda connection: bring_home(connection, known, draft))
        if known.state == "running":
            self._records[job.id] = known
        return job

    async def forget_copies(self, job: Job) -> None:
        """What was unknown on another machine is settled there."""
        await self._write(lambda connection: forget_copies(connection, job.key, job.gateway))

    # Below.

    async def _open_board(self) -> None:
        if not self._is_open:
            await self.board.__aenter__()
            self._is_open = True

    async def _opened_board(self) -> Board:
        await self.prepare()
        return self.board

    async def _change(self, job: Job, state: BoardState) -> None:
        """Another state of a job of ours."""
        known = self._records.get(job.id)
        if known is not None:
            told = replace(known, request_id=job.request_id, facts={**known.facts, **facts_of(job)})
            there = await self._teller.tell(in_state(told, state))
            if there.claim == known.claim:  # what another has there is not ours to write over
                self._records[job.id] = there

    def _let_go(self, job: int) -> None:
        """It is over: a run may have a million of them."""
        self._records.pop(job, None)
        self._payments.pop(job, None)

    def _refund(self, job: int) -> None:
        """To the day and the tags that it was submitted with: who gives it more later draws nothing for them."""
        payment = self._payments.pop(job, None)
        if payment is not None:
            self._purse.give_back(payment)

    async def _begin_beating(self) -> None:
        """The first claim needs a lease that holds; from then on it is renewed."""
        async with self._opening:
            if self._beating is None:
                await self.board.beat(self._lock.take())
                self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            with suppress(LedgerError):
                await self.board.beat(self._lock.run)
                await self._teller.pay_debts()

    async def _settle_board(self) -> None:
        """At a clean end: what was not sent is free, what was being sent is unknown, and money that is left is back."""
        query = "SELECT id, state FROM jobs WHERE run = ? AND state IN ('reserved', 'submitting')"
        rows = await self._read(lambda connection: connection.execute(query, (self._lock.run,)).fetchall())
        for row in rows:
            if row["state"] == "reserved":
                self._refund(row["id"])
            if (known := self._records.get(row["id"])) is not None:
                self._teller.owe(in_state(known, "free" if row["state"] == "reserved" else "unknown"))
        with suppress(LedgerError, TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self._teller.pay_debts()
                await self._purse.empty()
                await self.board.rest(self._lock.run)
        if self._teller.owed:
            raise self._backlog.owe(self._teller.owed)
