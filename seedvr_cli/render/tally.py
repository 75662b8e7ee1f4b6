"""Counts of a run."""

from seedvr_cli.values.errors import CostCapReached, NotSubmitted
from seedvr_cli.values.items import Outcome


class Tally:
    """Counts of a run. `price` is what this run's jobs cost by the list, in millionths of a dollar."""

    def __init__(self) -> None:
        self.done = self.skipped = self.failed = self.running = self.unknown = self.held = self.price = 0

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        error = outcome.error
        if error is None:
            if outcome.skipped:
                self.skipped += 1
            else:
                self.done += 1
        else:
            kind = {6: "running", 7: "unknown"}.get(error.exit_code, "failed")
            if isinstance(error, NotSubmitted | CostCapReached):
                kind = "held"
            setattr(self, kind, getattr(self, kind) + 1)
        job = outcome.job
        if not outcome.resumed and job and job.price is not None and job.charge in {"listed", "maybe", "unknown"}:
            self.price += job.price

    def skip(self, count: int) -> None:
        """Count items that were delivered before."""
        self.skipped += count

    @property
    def left(self) -> int:
        """How many are not done and may yet be."""
        return self.failed + self.running + self.held

    @property
    def total(self) -> int:
        """How many ended."""
        return self.done + self.skipped + self.failed + self.running + self.unknown + self.held
