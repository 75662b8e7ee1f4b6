"""The money that a run may spend: set aside before each submission, given back where nothing was charged."""

from typing import Self

from seedvr_cli.values.errors import CostCapReached
from seedvr_cli.values.money import show_usd


class Budget:
    """`cap` is the most that all jobs of a run may cost by the list, in millionths of a dollar; None for no limit."""

    def __init__(self, cap: int | None) -> None:
        self.cap = cap
        self.committed = 0

    def reserve(self, price: int) -> "Reservation":
        """Set the price aside; CostCapReached where that would pass the cap."""
        if self.cap is not None and self.committed + price > self.cap:
            raise CostCapReached(
                f"not submitted: its list price of {show_usd(price)} could take this run past {show_usd(self.cap)}",
                hint="raise --max-cost, or run the rest later",
            )
        self.committed += price
        return Reservation(self, price)


class Reservation:
    """One job's share of the budget. As a `with` block it is given back on every way out, unless it was kept."""

    def __init__(self, budget: Budget, price: int) -> None:
        self._budget = budget
        self._price = price
        self._is_kept = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_kept:
            self.refund()

    def keep(self) -> None:
        """The job may be charged from now on."""
        self._is_kept = True

    def refund(self) -> None:
        """It is not charged after all. Once is enough."""
        self._is_kept = False
        self._budget.committed -= self._price
        self._price = 0
