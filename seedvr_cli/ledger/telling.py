"""What the board is told of jobs of ours: in order, and again until it was."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from seedvr_cli.ledger.board import ENDS, Board, Record
from seedvr_cli.values.errors import LedgerError

# Locks for the records that are told of: which one a record takes is a matter of its key.
LOCKS = 1024


class Teller:
    """Of one run."""

    def __init__(self, board: Board) -> None:
        self._board = board
        # By key, what the board is still to be told.
        self._owed: dict[str, Record] = {}
        self._turns = [asyncio.Lock() for _ in range(LOCKS)]

    @property
    def owed(self) -> Sequence[Record]:
        """What the board was not told yet."""
        return list(self._owed.values())

    def owe(self, record: Record) -> None:
        """Have it told with the next debts."""
        self._owed[record.key] = record

    async def tell(self, record: Record) -> Record:
        """Have it on the board, now or later; where another has written meanwhile, its claim says whose it is."""
        async with self._turn(record.key):
            return await self._tell_now(record)

    async def pay_debts(self) -> None:
        """Tell the board what it was not told yet."""
        for key in list(self._owed):
            async with self._turn(key):
                if record := self._owed.get(key):
                    await self._tell_now(record)

    async def post_instead(self, record: Record) -> Record | None:
        """Post it in place of what was still to be told of its key; LedgerError where nobody answers."""
        async with self._turn(record.key):
            self._owed.pop(record.key, None)
            return await self._board.post(record)

    async def _tell_now(self, record: Record) -> Record:
        try:
            while True:
                posted = await self._board.post(record)
                if posted is not None:
                    self._owed.pop(record.key, None)
                    return posted
                known = (await self._board.look([record.key])).get(record.key)
                is_known_better = known is not None and record.state == "unknown" and known.state == "running"
                ends = {"completed"} if record.state == "completed" else ENDS  # nothing else hides that
                is_final = known is not None and known.state in ends
                if known is None or known.claim != record.claim or is_final or is_known_better:
                    self._owed.pop(record.key, None)
                    return known or record
                record = replace(record, rev=known.rev)  # our lease was over, and it was taken for lost
        except LedgerError:
            self._owed[record.key] = record
            return record

    def _turn(self, key: str) -> asyncio.Lock:
        """One write of a record of ours after the other: a late one must not go over a later one."""
        return self._turns[hash(key) % LOCKS]
