"""A board in memory, whose clock a test moves, and whose answers may be lost."""

from dataclasses import replace

from seedvr_cli.ledger.board import LEASE_SECONDS, NO_CAP, Record
from seedvr_cli.values.errors import LedgerError


class MemoryBoard:
    """What several ledgers of a test share. `is_away`: nobody gets an answer."""

    name = "the board of the test"
    id = "board-1"
    secret = "the secret of the board"

    def __init__(self):
        self.records: dict[str, Record] = {}
        self.leases: dict[str, float] = {}
        # By gateway, or by gateway and tag: what was drawn today, or ever; and on the days of the month before.
        self.drawn: dict[str | tuple[str, str], int] = {}
        self.earlier: dict[str, int] = {}
        self.free: dict[str, float] = {}
        self.time = 0.0
        self.is_away = False
        self.asked: list[str] = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    def _ask(self, what):
        self.asked.append(what)
        if self.is_away:
            raise LedgerError(f"{self.name} cannot be used: it is away")

    async def look(self, keys):
        self._ask("look")
        return {key: self.records[key] for key in keys if key in self.records}

    async def post(self, record):
        self._ask("post")
        there = self.records.get(record.key)
        if (there.rev if there else 0) != record.rev:
            return None
        self.records[record.key] = replace(record, rev=record.rev + 1)
        return self.records[record.key]

    async def beat(self, run):
        self._ask("beat")
        self.leases[run] = self.time + LEASE_SECONDS

    async def rest(self, run):
        self._ask("rest")
        self.leases.pop(run, None)

    async def is_alive(self, run):
        self._ask("is_alive")
        return self.leases.get(run, -1.0) > self.time

    async def draw(self, gateway, amount, cap, month_cap=NO_CAP):
        self._ask("draw")
        spent = self.drawn.get(gateway, 0) + amount
        if amount > 0 and (spent > cap or self.earlier.get(gateway, 0) + spent > month_cap):
            return False
        self.drawn[gateway] = max(0, spent)
        return True

    async def draw_tag(self, gateway, tag, amount, cap):
        return await self.draw((gateway, tag), amount, cap)

    async def spent(self, gateway, period, tag):
        self._ask("spent")
        earlier = self.earlier.get(gateway, 0) if period == "month" else 0
        return earlier + self.drawn.get(gateway if tag is None else (gateway, tag), 0)

    async def slots(self, gateway, count, rate):
        self._ask("slots")
        first = max(self.time, self.free.get(gateway, 0.0))
        self.free[gateway] = first + count / rate
        return first - self.time

    async def page(self, after):
        return [record for key, record in sorted(self.records.items()) if key > after][:3]

    async def count(self):
        counts: dict[str, int] = {}
        for record in self.records.values():
            counts[record.state] = counts.get(record.state, 0) + 1
        return counts
