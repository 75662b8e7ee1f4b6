"""A board in memory, whose clock a test moves, and whose answers may be lost."""

from dataclasses import replace
from datetime import UTC, date, datetime

from seedvr_cli.ledger.board import LEASE_SECONDS, NO_CAP, Record
from seedvr_cli.values.errors import LedgerError

# When a board is made: noon, and neither the first nor the last day of its month.
MIDDAY = 14.5 * 86400


class MemoryBoard:
    """What several ledgers of a test share. `is_away`: nobody gets an answer."""

    name = "the board of the test"
    id = "board-1"
    secret = "the secret of the board"

    def __init__(self):
        self.records: dict[str, Record] = {}
        self.leases: dict[str, float] = {}
        # By gateway, and day or tag: what was drawn of it.
        self.pots: dict[tuple[str, date | str], int] = {}
        self.free: dict[str, float] = {}
        self.time = MIDDAY
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

    async def find(self, gateway, request_id):
        self._ask("find")
        found = (one for one in self.records.values() if (one.gateway, one.request_id) == (gateway, request_id))
        return next(found, None)

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
        if self.drawn(gateway) + amount > cap or self._month(gateway) + amount > month_cap:
            return None
        self._put(gateway, self.today, amount)
        return self._instant

    async def draw_tag(self, gateway, tag, amount, cap):
        self._ask("draw_tag")
        if self.drawn(gateway, tag) + amount > cap:
            return False
        self._put(gateway, tag, amount)
        return True

    async def give_back(self, gateway, amount, of):
        self._ask("give_back")
        self._put(gateway, of, -amount)

    async def spent(self, gateway, period, tag):
        self._ask("spent")
        return self._month(gateway) if period == "month" else self.drawn(gateway, tag)

    @property
    def today(self):
        """By the board's own clock."""
        return self._instant.date()

    @property
    def _instant(self):
        return datetime.fromtimestamp(self.time, UTC)

    def drawn(self, gateway, of=None):
        """What was drawn of a day or a tag, of today without one."""
        return self.pots.get((gateway, of or self.today), 0)

    def _month(self, gateway):
        month = (self.today.replace(day=number) for number in range(1, self.today.day + 1))
        return sum(self.drawn(gateway, day) for day in month)

    def _put(self, gateway, of, amount):
        self.pots[gateway, of] = max(0, self.drawn(gateway, of) + amount)

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
