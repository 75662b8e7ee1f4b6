"""The money that a run may spend: set aside before each submission, given back where nothing was charged."""

from typing import Self

from seedvr_cli.values.errors import CostCapReached
from seedvr_cli.values.money import show_usd


class Budget:
    """`cap` is the most that all jobs of a run may cost by the list, in millionths of a dollar; None for no limit."""

    def __init__(self, cap: int | None) -> None:
        self.cap = cap
        self.committed = 0
        # Whether anything was refused: then it is likely that what comes after it is.
        self.is_reached = False

    def refusal(self, price: int) -> CostCapReached | None:
        """Why that price could not be set aside."""
        if self.cap is None or self.committed + price <= self.cap:
            return None
        return CostCapReached(
            f"not submitted: its list price of {show_usd(price)} could take this run past {show_usd(self.cap)}",
            hint="raise --max-cost, or run the rest later",
        )

    def reserve(self, price: int) -> "Reservation":
        """Set the price aside; CostCapReached where that would pass the cap."""
        refusal = self.refusal(price)
        if refusal is not None:
            self.is_reached = True
            raise refusal
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
