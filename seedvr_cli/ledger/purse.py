"""The money of days and of tags, which machines share: drawn in portions, so that not every claim asks for some."""

from collections.abc import Iterable

from seedvr_cli.ledger.board import NO_CAP, Board
from seedvr_cli.ledger.verdicts import OverCap
from seedvr_cli.values.caps import Caps, Period
from seedvr_cli.values.job import Draft

# Millionths of a dollar that are drawn at a time, and how many portions a cap has at the least: what a run that is
# killed has drawn and not spent is lost to it, and as long as it lives nobody else may spend that.
PORTION = 50_000
PORTIONS = 100

# A gateway, and the tag whose money it is; None for that of its days.
Pot = tuple[str, str | None]


class Purse:
    """What a run has drawn from the board, and not spent.

    Also where nobody has set a cap here: days and tags are counted all the same, for those who have.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._money: dict[Pot, int] = {}

    async def take(self, draft: Draft, caps: Caps) -> OverCap | None:
        """Money for a claim, from each pot or from none; the cap that has not so much left. Raises LedgerError."""
        price, pots = draft.price or 0, _pots(draft.gateway, draft.tags)
        while lacking := [pot for pot in pots if self._money.get(pot, 0) < price]:
            over = await self._fill(lacking[0], price, caps)
            if over is not None:
                return over
        for pot in pots if price else ():
            self._money[pot] -= price
        return None

    def give_back(self, gateway: str, tags: Iterable[str], amount: int) -> None:
        """It was not spent after all."""
        for pot in _pots(gateway, tags):
            self._money[pot] = self._money.get(pot, 0) + amount

    async def empty(self) -> None:
        """At the end, what is left goes back to where it was drawn."""
        for pot, amount in self._money.items():
            if amount:
                await self._draw(pot, -amount, Caps())
        self._money.clear()

    async def _fill(self, pot: Pot, price: int, caps: Caps) -> OverCap | None:
        """Draw on a pot until it has the price; which cap forbids that."""
        missing = price - self._money.get(pot, 0)
        limits = (caps.day, caps.month) if pot[1] is None else (caps.tags.get(pot[1]),)
        portion = min([PORTION, *(limit // PORTIONS for limit in limits if limit is not None)])
        for wanted in dict.fromkeys((max(missing, portion), missing)):
            if await self._draw(pot, wanted, caps):
                self._money[pot] = self._money.get(pot, 0) + wanted
                return None
        tag = pot[1]
        if tag is not None:
            return OverCap(None, tag, caps.tags[tag], await self._spent(pot, None))
        if caps.day is not None:
            spent = await self._spent(pot, "day")
            if caps.month is None or spent + price > caps.day:
                return OverCap("day", None, caps.day, spent)
        return OverCap("month", None, caps.month or 0, await self._spent(pot, "month"))

    async def _draw(self, pot: Pot, amount: int, caps: Caps) -> bool:
        gateway, tag = pot
        if tag is not None:
            return await self._board.draw_tag(gateway, tag, amount, caps.tags.get(tag, NO_CAP))
        day, month = (NO_CAP if cap is None else cap for cap in (caps.day, caps.month))
        return await self._board.draw(gateway, amount, day, month)

    async def _spent(self, pot: Pot, period: Period | None) -> int:
        """By all machines; what others have drawn and not spent yet counts for as long as they run."""
        return await self._board.spent(pot[0], period, pot[1]) - self._money.get(pot, 0)


def _pots(gateway: str, tags: Iterable[str]) -> list[Pot]:
    return [(gateway, None), *((gateway, tag) for tag in tags)]
