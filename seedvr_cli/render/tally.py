"""Counts of a run."""

from seedvr_cli.values.errors import CostCapReached, JobFailed, NotSubmitted, SeedvrError
from seedvr_cli.values.events import Changed
from seedvr_cli.values.items import Outcome, Purchase


class Tally:
    """Counts of a run. `price` is what this run's jobs cost by the list, in millionths of a dollar.

    `final` of the failed ones are FAILED, which the same command does not submit again. `free` says that the list
    prices are not paid: the sandbox.
    """

    def __init__(self, *, free: bool = False) -> None:
        self.free = free
        self.final = 0
        # Why items were not submitted, as far as that was told.
        self._told: set[str] = set()
        # List prices of what the gateway has, by the items' index.
        self._accepted: dict[int, int] = {}
        # The indexes of items that this run submits, until they end.
        self._submitted: set[int] = set()
        self.done = self.skipped = self.failed = self.running = self.unknown = self.held = self.price = 0

    def change(self, event: Changed) -> None:
        """A job is in another state: once it has a request id the gateway has it, and it has not ended."""
        item = event.item
        if event.state == "submitting":
            self._submitted.add(item.index)
        if event.request_id:
            self._accepted[item.index] = 0  # what an earlier run submitted, that one has counted
            if isinstance(item, Purchase) and item.index in self._submitted:
                self._accepted[item.index] = item.request.price()

    def underway(self) -> tuple[int, int]:
        """How many the gateway has that have not ended, and the list price of those that this run has submitted."""
        return len(self._accepted), sum(self._accepted.values())

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        error = outcome.error
        self._accepted.pop(outcome.item.index, None)
        self._submitted.discard(outcome.item.index)
        self.final += isinstance(error, JobFailed) and error.code == JobFailed.code
        if error is None:
            if outcome.skipped:
                self.skipped += 1
            else:
                self.done += 1
        else:
            kind = {6: "running", 7: "unknown"}.get(error.exit_code, "failed")
            if isinstance(error, NotSubmitted | CostCapReached):
                kind = "held"
            elif outcome.charge == "unknown":  # an answer such as 500 leaves it open too: `status --unknown` has it
                kind = "unknown"
            setattr(self, kind, getattr(self, kind) + 1)
        job = outcome.job
        if not outcome.resumed and job and job.price is not None and job.charge in {"listed", "maybe", "unknown"}:
            self.price += job.price

    def tells(self, error: SeedvrError) -> bool:
        """Whether it says something new: not where the same reason kept another one from being submitted."""
        if not isinstance(error, NotSubmitted | CostCapReached):
            return True
        is_new = error.message not in self._told
        self._told.add(error.message)
        return is_new

    def skip(self, count: int) -> None:
        """Count items that were delivered before."""
        self.skipped += count

    @property
    def trouble(self) -> str:
        """`3 failed`, and how many are unknown where any is."""
        return f"{self.failed} failed" + (f", {self.unknown} unknown" if self.unknown else "")

    @property
    def left(self) -> int:
        """How many the same command would do."""
        return self.failed - self.final + self.running + self.held

    @property
    def total(self) -> int:
        """How many ended."""
        return self.done + self.skipped + self.failed + self.running + self.unknown + self.held
