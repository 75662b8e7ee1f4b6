"""What this machine has paid for and the board does not know: from before there was one, or for want of an answer."""

import asyncio
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from seedvr_cli.ledger.board import ANSWERS, ENDS, Board, Record
from seedvr_cli.ledger.jobs import ADOPTED
from seedvr_cli.ledger.place import boards_path, debts_path, known_boards, owe
from seedvr_cli.ledger.records import facts_of, in_state, record_of
from seedvr_cli.ledger.runs import live_runs
from seedvr_cli.ledger.telling import Teller
from seedvr_cli.values.errors import LedgerError, SeedvrError
from seedvr_cli.values.job import Job

if TYPE_CHECKING:
    from seedvr_cli.ledger.shared import SharedLedger

# Seconds that the end of a run waits for a board which it has had no need of.
HEARD_SECONDS = 5.0
# Jobs that are kept for that.
MOST_HEARD = 10_000
# Jobs that are told of at a time, and which are: the one that counts for a key, if it may have cost something.
PAGE = 500
COUNTS = (
    f"state IN ('running', 'completed', 'failed', 'unknown') AND gateway != 'sandbox' AND key NOT LIKE '{ADOPTED}%'"  # noqa: S608 - our own text
    " AND NOT EXISTS (SELECT 1 FROM jobs later WHERE later.key = jobs.key AND later.id > jobs.id"
    " AND later.state NOT IN ('error', 'forgotten'))"
)
# And what one stands in front of, which counts again where nothing comes of that; before a failure only a result does.
EARLIER = (
    "key = ? AND id < ? AND state IN ('running', 'completed', 'failed', 'unknown') AND (state = 'completed' OR NOT ?)"
    " ORDER BY id DESC LIMIT 1"
)


class Backlog:
    """Of one ledger and one board, which is open."""

    def __init__(self, ledger: "SharedLedger", board: Board) -> None:
        self._ledger = ledger
        self._board = board
        # What became of jobs of other runs, before this one had any need of the board.
        self._heard: list[Job] = []
        self._has_more = False

    async def check(self) -> None:
        """LedgerError where this machine has paid for what the board has never heard of: others would pay again."""
        if not is_known(self._ledger.path, self._board.id):
            await self._ledger.settle_dead()
            if await self._ledger.find_jobs(f"{COUNTS} LIMIT 1"):
                raise LedgerError(
                    f"{self._board.name} does not know yet what this machine has paid for",
                    hint="run 'seedvr ledger push' once",
                )
            await self.push()
        elif has_debts(self._ledger.path, self._board.id):
            await self.push()

    async def push(self) -> int:
        """Have all that this machine has paid for on the board; of how many jobs it has learnt something."""
        if not is_known(self._ledger.path, self._board.id) and live_runs(self._ledger.runs_folder):
            raise LedgerError("another seedvr is at work with this machine's ledger, and does not tell the shared one",
                              hint="wait for that to end, then run the same command again")  # fmt: skip
        await self._ledger.settle_dead()
        await self._pay_debts()
        last = pushed = 0
        while jobs := await self._ledger.find_jobs(f"id > ? AND {COUNTS} ORDER BY id LIMIT {PAGE}", last):
            last = jobs[-1].id
            pushed += sum(await asyncio.gather(*map(self.tell, jobs)))
        if not is_known(self._ledger.path, self._board.id):
            with open(boards_path(self._ledger.path), "a", encoding="utf-8") as file:
                file.write(f"{self._board.id}\n")
        if not live_runs(self._ledger.runs_folder):  # one without the board may still pay for something
            with suppress(FileNotFoundError):
                os.unlink(debts_path(self._ledger.path, self._board.id))
        return pushed

    async def tell(self, job: Job) -> bool:
        """Whether the board has learnt something of a job: that there is one, or what became of it."""
        known = (await self._board.look([job.key])).get(job.key)
        run = await self._ledger.owner(job) or self._ledger.run
        state = ANSWERS.get(job.state, "unknown")
        if known is None:
            return await self._board.post(await self._record(job)) is not None
        is_same_job = known.request_id is not None and known.request_id == job.request_id
        is_ours = known.run == run or is_same_job or known.claim == job.claim
        is_final = known.state == "failed" and state == "completed"  # whatever came of another attempt
        is_in_vain = known.state in {"free", "error"} and not is_ours  # another's, of which nothing came
        if is_final or (is_in_vain and await self._ledger.owner(job) is not None):
            return await self._board.post(in_state(record_of(job, run, state, known), state)) is not None
        is_settled = known.state == "free" and state == "unknown"  # by the user, on another machine
        if known.state in ENDS or known.state == state or not is_ours or is_settled:
            return False
        told = replace(known, request_id=job.request_id, facts={**known.facts, **facts_of(job)})
        return await self._board.post(in_state(told, state)) is not None

    def hear(self, job: Job) -> None:
        """What became of a job is for the board, once all else is done."""
        if len(self._heard) < MOST_HEARD:
            self._heard.append(job)
        else:
            self._has_more = True

    async def tell_heard(self) -> None:
        """At the end of a run; where that cannot be, the next one tells it."""
        if not self._heard and not self._has_more:
            return
        try:
            async with asyncio.timeout(HEARD_SECONDS):
                await self._ledger.prepare()
                for job in self._heard:
                    await self.tell(job)
        except (SeedvrError, TimeoutError):  # all that was asked for is done
            self._has_more = True
        for board in known_boards(self._ledger.path) if self._has_more else ():
            owe(self._ledger.path, board)

    async def _record(self, job: Job) -> Record:
        """A job and what it stands in front of, as the board would have them had it been told of each."""
        run, state = await self._ledger.owner(job) or self._ledger.run, ANSWERS.get(job.state, "unknown")
        values = (job.key, job.id, state == "failed")
        earlier = await self._ledger.find_jobs(EARLIER, *values) if state != "completed" else []
        before = await self._record(earlier[0]) if earlier else None
        return in_state(record_of(job, run, state, before), state)

    def owe(self, records: Sequence[Record]) -> LedgerError:
        """The board was not told what became of these: the next run does; what is said of it."""
        owe(self._ledger.path, self._board.id, "".join(f"{json.dumps(asdict(record))}\n" for record in records))
        jobs = "1 job" if len(records) == 1 else f"{len(records)} jobs"
        return LedgerError(
            f"{self._board.name} was not told what became of {jobs}; this machine has it",
            hint="the next run tells it, or 'seedvr ledger push'",
        )

    async def _pay_debts(self) -> None:
        """Tell what an earlier run could not, of jobs as well that no ledger has, as nothing came of them."""
        teller = Teller(self._board)
        with suppress(FileNotFoundError), open(debts_path(self._ledger.path, self._board.id), encoding="utf-8") as file:
            for line in file:
                with suppress(ValueError, TypeError):  # where the disk was full, say
                    await teller.tell(Record(**json.loads(line)))
        if teller.owed:
            raise self.owe(teller.owed)


def is_known(path: str, board: str) -> bool:
    """Whether the board of that id knows what the ledger at that path has."""
    return board in known_boards(path)


def has_debts(path: str, board: str) -> bool:
    """Whether earlier runs did not tell that board, or could not, what became of all jobs."""
    return os.path.exists(debts_path(path, board))
