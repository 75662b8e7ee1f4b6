"""What happens in a run, told as it happens."""

from dataclasses import dataclass

from seedvr_cli.values.errors import SeedvrError
from seedvr_cli.values.items import Item, Outcome


@dataclass(frozen=True, slots=True)
class Started:
    """The item's turn has come; `expected` seconds is how long jobs of its kind took lately."""

    item: Item
    expected: float | None = None


# The state of a job that the gateway does not answer for.
NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class Changed:
    """The job is in another state: the gateway's word, or one of ours (submitting, downloading).

    What stands behind a colon says why, and is for where there is room.
    """

    item: Item
    state: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes of the result that are on disk; `total` where the server tells."""

    item: Item
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for the user that is no result; `verbose` ones are for -v."""

    text: str
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The item's outcome; the last event of an item."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Skipped:
    """Items of a list whose files stand whole under the names that are asked for: their paths."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Crashed:
    """Something that nobody foresaw ended the item: `error`, for the log. `told` is the error of its outcome."""

    item: Item
    error: Exception
    told: SeedvrError


Event = Crashed | Skipped | Started | Changed | Received | Notice | Finished
