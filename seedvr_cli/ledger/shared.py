"""A ledger that shares its claims with other machines: the board is asked first, and told after.

Each submission is claimed on the board before it is claimed here; what another machine has paid for is brought home as
a record of our own. What the board could not be told is told again until it was.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from seedvr_cli.ledger.backlog import Backlog
from seedvr_cli.ledger.board import ANSWERS, BEAT_SECONDS, ENDS, Board, BoardState, Record
from seedvr_cli.ledger.calls import SharedCalls
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.purse import Payment, Purse
from seedvr_cli.ledger.records import bring_home, facts_of, forget_copies, in_state, job_of_record, record_of
from seedvr_cli.ledger.telling import Teller
from seedvr_cli.ledger.verdicts import Claimed, Failed, Free, Held, OverCap, Paid, Terms, Unanswered, Verdict
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.caps import NO_CAPS
from seedvr_cli.values.errors import LedgerError, NotSubmitted, StillRunning
from seedvr_cli.values.job import Draft, Job

# Seconds that the end of a run waits for the board to be told what it was not told yet.
LAST_SECONDS = 10.0

# What a state that may have cost something says to who asks for the same.
_VERDICTS: Mapping[str, type[Unanswered | Paid | Failed]] = {
    "unknown": Unanswered,
    "running": Paid,
    "completed": Paid,
    "failed": Failed,
}


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
        # And what may still be given back for the job.
        self._payments: dict[int, Payment] = {}
        self._backlog = Backlog(self, board)
        self.calls = SharedCalls(
            self._database, self._lock, folder, open_board=self._opened_board, bring_home=self._bring_home
        )
        self._teller = Teller(board)
        self._beating: asyncio.Task[None] | None = None

    async def __aexit__(self, *how: object) -> None:
        try:
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

    async def ask(self, draft: Draft, terms: Terms) -> Verdict:
        """Whether `draft` might be submitted now; what other machines have of it is brought home."""
        verdict = await self._own_verdict(draft, terms)
        return await self._boards_verdict(draft, terms) if isinstance(verdict, Free) else verdict

    async def claim(self, draft: Draft, terms: Terms) -> Verdict:
        """Ask to submit `draft`: on the board in one trip where nobody was there, and then here."""
        verdict = await self._own_verdict(draft, terms)
        if not isinstance(verdict, Free):
            return verdict
        await self._begin_beating()
        payment = await self._purse.take(draft, terms.caps)
        if isinstance(payment, OverCap):  # what is paid for costs nothing
            there = await self._boards_verdict(draft, terms)
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
            verdict = Free() if known is None else await self._judge_record(known, draft, terms)
            if not isinstance(verdict, Free):
                return verdict
        try:
            verdict = await super().claim(draft, replace(terms, again=True, caps=NO_CAPS))
        except LedgerError:
            await self._teller.tell(in_state(posted, "free"))
            raise
        assert isinstance(verdict, Claimed)
        self._records[verdict.job.id] = posted
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
        """Record that the POST of a held job is about to be in the air again; NotSubmitted where another has it now."""
        record = self._records[job.id]
        posted = await self._teller.post_instead(replace(record, state="submitting", run=self._lock.run))
        if posted is None:
            reason = StillRunning("another machine has the job now", hint="the same command again asks again")
            raise NotSubmitted(reason)
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
        elif job.claim is not None and recorded.state != job.state and self._is_ready:
            with suppress(LedgerError):  # of another run, or another machine, and a callback made it known
                await self._backlog.tell(recorded)
        return recorded

    async def slots(self, gateway: str, count: int, rate: float) -> float:
        """See `Ledger`: the board's."""
        return await (await self._opened_board()).slots(gateway, count, rate)

    async def is_watched_elsewhere(self, job: Job) -> bool:
        """Whether a live run of another machine asks the gateway after the job."""
        known = self._records.get(job.id)
        if known is None or known.run == self._lock.run:
            return False
        there = (await self.board.look([known.key])).get(known.key)
        if there is None:
            return False
        self._records[job.id] = there
        return there.state == "running" and await self.board.is_alive(there.run)

    async def push(self) -> int:
        """Have all that this machine has paid for on the board; of how many jobs it has learnt something."""
        await self._open_board()
        return await self._backlog.push()

    # For the backlog.

    @property
    def runs_folder(self) -> str:
        """Where runs of this machine hold their locks."""
        return self._lock.folder

    async def find_jobs(self, where: str, *values: Any) -> list[Job]:
        """Jobs of this machine."""
        return await self._jobs(where, values)

    async def run_of(self, job: Job) -> str:
        """The run that has submitted a job; of one from elsewhere, this one."""
        return await self._owner(job) or self._lock.run

    # Below.

    async def _open_board(self) -> None:
        if not self._is_open:
            await self.board.__aenter__()
            self._is_open = True

    async def _opened_board(self) -> Board:
        await self.prepare()
        return self.board

    async def _own_verdict(self, draft: Draft, terms: Terms) -> Verdict:
        """What this machine knows by itself; Free where the board, which is open then, is to be asked."""
        verdict = await super().ask(draft, replace(terms, caps=NO_CAPS))
        if isinstance(verdict, Unanswered | Failed):
            verdict = await self._reconsidered(verdict, draft, terms)
        if isinstance(verdict, Free):
            await self.prepare()
        elif self._is_ready and isinstance(verdict, Paid | Failed) and verdict.job.id not in self._records:
            with suppress(LedgerError):  # a run that was killed may have recorded its end here, and not there
                await self._backlog.tell(verdict.job)
        return verdict

    async def _reconsidered(self, verdict: Unanswered | Failed, draft: Draft, terms: Terms) -> Verdict:
        """What the board knows by now of what came to nothing here; where it is away, that stands.

        An answer that was lost here may have reached another machine as a callback, and another job may be paid for.
        What was brought home from another machine is a copy, of which the board alone says what holds.
        """
        job = verdict.job
        with suppress(LedgerError):
            await self.prepare()
            known = (await self.board.look([job.key])).get(job.key)
            owner = await self._owner(job)
            if known is None:
                return verdict
            if owner is None and isinstance(verdict, Unanswered):
                there = await self._judge_record(known, draft, terms)
                if isinstance(there, Free):
                    await self._write(lambda connection: forget_copies(connection, job.key, job.gateway))
                return there
            is_ours = known.claim == job.claim if job.claim else known.run == owner
            if isinstance(verdict, Unanswered) and is_ours and known.request_id and known.state in ANSWERS.values():
                status = known.facts.get("status") or "PROCESSING"
                await super().record(job, Answer(known.request_id, status))
                return await super().ask(draft, replace(terms, caps=NO_CAPS))
            if known.state in {"running", "completed"} and known.request_id != job.request_id:
                there = await self._judge_record(known, draft, terms)
                return there if isinstance(there, Paid) else verdict
        return verdict

    async def _owner(self, job: Job) -> str | None:
        """The run that has submitted a job; None for one from elsewhere."""
        query = "SELECT run FROM jobs WHERE id = ?"
        row = await self._read(lambda connection: connection.execute(query, (job.id,)).fetchone())
        return row[0] if row else None

    async def _boards_verdict(self, draft: Draft, terms: Terms) -> Verdict:
        """What other machines have of it."""
        known = (await self.board.look([draft.key])).get(draft.key)
        return Free() if known is None else await self._judge_record(known, draft, terms)

    async def _judge_record(self, known: Record, draft: Draft, terms: Terms) -> Verdict:
        """What a record of the board says to `draft`; what a dead run left is settled."""
        if known.state == "submitting" and known.run != self._lock.run and not await self.board.is_alive(known.run):
            words = "the run of another machine ended while the submission was under way"
            settled = await self.board.post(replace(known, state="unknown", facts={**known.facts, "error": words}))
            if settled is None:
                return Held(job_of_record(known, draft))  # it moves: to be asked again
            known = settled
        if known.state == "submitting":
            return Held(job_of_record(known, draft))
        verdict = _VERDICTS.get(known.state)
        if verdict is None or terms.again or (verdict is Failed and terms.after_failure):
            return Free()
        if terms.instead_of is not None and known.request_id == terms.instead_of.request_id:
            return Free()
        return verdict(await self._bring_home(known, draft))

    async def _bring_home(self, known: Record, draft: Draft) -> Job:
        """The record as one of our own ledger."""
        job = await self._write(lambda connection: bring_home(connection, known, draft))
        if known.state == "running":
            self._records[job.id] = known
        return job

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
                state: BoardState = "free" if row["state"] == "reserved" else "unknown"
                await self._teller.tell(in_state(known, state))
        with suppress(LedgerError, TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self._teller.pay_debts()
                await self._purse.empty()
                await self.board.rest(self._lock.run)
        if self._teller.owed:
            raise self._backlog.owe(self._teller.owed)
