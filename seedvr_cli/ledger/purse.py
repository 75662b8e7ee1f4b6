"""The money of days and of tags, which machines share: drawn in portions, so that not every claim asks for some."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from seedvr_cli.ledger.board import NO_CAP, Board
from seedvr_cli.ledger.verdicts import OverCap
from seedvr_cli.values.caps import Caps, Period
from seedvr_cli.values.job import Draft

# Millionths of a dollar that are drawn at a time, and how many portions a cap has at the least: what a run that is
# killed has drawn and not spent is lost to it, and as long as it lives nobody else may spend that.
PORTION = 50_000
PORTIONS = 100

# A gateway, and the day or the tag whose money it is: what is left of a day is not spent on the next one.
Pot = tuple[str, date | str]


@dataclass(frozen=True, slots=True)
class Payment:
    """What a claim has taken: so many millionths of a dollar from each of these pots."""

    amount: int
    pots: tuple[Pot, ...]


class Purse:
    """What a run has drawn from the board, and not spent. `now` gives seconds since 1970.

    Also where nobody has set a cap here: days and tags are counted all the same, for those who have.
    """

    def __init__(self, board: Board, now: Callable[[], float]) -> None:
        self._board = board
        self._now = now
        self._money: dict[Pot, int] = {}
        self._filling = asyncio.Lock()
        # Seconds by which the board's clock is ahead of ours, as its latest answer told.
        self._ahead: float | None = None

    async def take(self, draft: Draft, caps: Caps) -> Payment | OverCap:
        """Money for a claim, from each pot or from none; the cap that has not so much left. Raises LedgerError."""
        price = draft.price or 0
        async with self._filling:  # who waits behind that takes of the same portion
            pots = self._pots(draft)
            while lacking := [pot for pot in pots if self._money.get(pot, 0) < price]:
                over = await self._fill(lacking[0], price, caps)
                if over is not None:
                    return over
                pots = self._pots(draft)  # the day may have turned
        payment = Payment(price, pots if price else ())
        for pot in payment.pots:
            self._money[pot] -= price
        return payment

    def give_back(self, payment: Payment) -> None:
        """It was not spent after all."""
        for pot in payment.pots:
            self._money[pot] = self._money.get(pot, 0) + payment.amount

    async def empty(self) -> None:
        """At the end, what is left goes back to where it was drawn."""
        for (gateway, of), amount in self._money.items():
            if amount:
                await self._board.give_back(gateway, amount, of)
        self._money.clear()

    def _pots(self, draft: Draft) -> tuple[Pot, ...]:
        """Of today, by the board's clock; before its first answer that is a day without money."""
        today = date.min
        if self._ahead is not None:
            today = datetime.fromtimestamp(self._now() + self._ahead, UTC).date()
        return ((draft.gateway, today), *((draft.gateway, tag) for tag in draft.tags))

    async def _fill(self, pot: Pot, price: int, caps: Caps) -> OverCap | None:
        """Draw what a pot lacks of the price, or what its portion is; which cap forbids that."""
        missing = price - self._money.get(pot, 0)
        limits = (caps.tags.get(pot[1]),) if isinstance(pot[1], str) else (caps.day, caps.month)
        portion = min([PORTION, *(limit // PORTIONS for limit in limits if limit is not None)])
        for wanted in dict.fromkeys((max(missing, portion), missing)):
            drawn = await self._draw(pot, wanted, caps)
            if drawn is not None:
                self._money[drawn] = self._money.get(drawn, 0) + wanted
                return None
        if isinstance(pot[1], str):
            return OverCap(None, pot[1], caps.tags[pot[1]], await self._spent(pot, None))
        if caps.day is not None:
            spent = await self._spent(pot, "day")
            if caps.month is None or spent + price > caps.day:
                return OverCap("day", None, caps.day, spent)
        return OverCap("month", None, caps.month or 0, await self._spent(pot, "month"))

    async def _draw(self, pot: Pot, amount: int, caps: Caps) -> Pot | None:
        """The pot that it was drawn from; None where there is not so much."""
        gateway, of = pot
        if isinstance(of, str):
            return pot if await self._board.draw_tag(gateway, of, amount, caps.tags.get(of, NO_CAP)) else None
        day, month = (NO_CAP if cap is None else cap for cap in (caps.day, caps.month))
        instant = await self._board.draw(gateway, amount, day, month)
        if instant is None:
            return None
        self._ahead = instant.timestamp() - self._now()
        return gateway, instant.date()

    async def _spent(self, pot: Pot, period: Period | None) -> int:
        """By all machines; what others have drawn and not spent yet counts for as long as they run."""
        gateway, of = pot
        tag = of if isinstance(of, str) else None
        return await self._board.spent(gateway, period, tag) - self._money.get(pot, 0)
