"""The money of a day, which machines share: drawn in portions, so that not every claim asks for some."""

from seedvr_cli.ledger.board import Board

# Millionths of a dollar that are drawn at a time.
PORTION = 50_000
# What may be spent where nobody has set a cap: the day is counted all the same, for those who have.
NO_CAP = 1 << 62


class Purse:
    """What a run has drawn from the board's days, and not spent; by gateway."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._money: dict[str, int] = {}

    async def take(self, gateway: str, amount: int, cap: int | None) -> bool:
        """Money for a claim; False where the day has not so much left. Raises LedgerError."""
        while self._money.get(gateway, 0) < amount:
            missing = amount - self._money.get(gateway, 0)
            for wanted in (max(missing, PORTION), missing):
                if await self._board.draw(gateway, wanted, NO_CAP if cap is None else cap):
                    self.give_back(gateway, wanted)
                    break
            else:
                return False
        self._money[gateway] -= amount
        return True

    def give_back(self, gateway: str, amount: int) -> None:
        """It was not spent after all."""
        self._money[gateway] = self._money.get(gateway, 0) + amount

    async def empty(self) -> None:
        """At the end, what is left goes back to the day."""
        for gateway, amount in self._money.items():
            if amount:
                await self._board.draw(gateway, -amount, 0)
        self._money.clear()
