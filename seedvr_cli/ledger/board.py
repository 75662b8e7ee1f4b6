"""The promise across machines: a board of records that are written by compare-and-set alone.

What is paid for is shared and stands here; what lies on a disk is one machine's, and stays in its own ledger. A record
has one of these states, and is never deleted:

    submitting  its run may have the POST in the air; the run's lease over, the outcome is unknown
    running     accepted, the gateway works on it         completed, failed, error   terminal
    unknown     the answer was lost                       free      it was not sent, or the user has settled it
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol, Self

from seedvr_cli.values.caps import Period
from seedvr_cli.values.checkup import Check

# Seconds for which a run is alive after its last beat, by the board's own clock; and between two beats.
LEASE_SECONDS = 60.0
BEAT_SECONDS = 20.0

# Millionths of a dollar that may be drawn where nobody has set a cap.
NO_CAP = 1 << 62

# Of a job, terminal states.
ENDS = frozenset({"completed", "failed", "error"})

BoardState = Literal["submitting", "running", "completed", "failed", "error", "unknown", "free"]

# What the board is told of a job of ours that the gateway has accepted, by the job's state.
ANSWERS: Mapping[str, BoardState] = {
    "running": "running",
    "completed": "completed",
    "failed": "failed",
    "error": "error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What all machines know of a key.

    `rev` counts the writes, 0 before the first; `run` has written it last as an owner; `claim` is a fresh name for each
    attempt to submit; `price` in millionths of a dollar; `facts` what else is known of the job, as JSON.
    """

    key: str
    state: BoardState
    run: str
    claim: str
    gateway: str
    price: int
    request_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    rev: int = 0


def is_ours(record: Record, there: Record | None) -> bool:
    """Whether what stands there is what an attempt of ours to post it wrote, whose answer was lost."""
    return there is not None and (there.claim, there.state, there.rev) == (record.claim, record.state, record.rev + 1)


class Board(Protocol):
    """Raises LedgerError where it cannot be asked: nobody goes on without it, and nobody claims without it."""

    @property
    def name(self) -> str:
        """For people, without a password."""
        ...

    @property
    def id(self) -> str:
        """Which board this is, whatever it is reached by; known once it is open."""
        ...

    @property
    def secret(self) -> str:
        """What signs the addresses that the gateway calls, the same for all machines; known once it is open."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def examine(self) -> Sequence[Check]:
        """Instead of opening it: whether it can be used as it is. Nothing is made; the id is known, if there is one."""
        ...

    async def look(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """The records of these keys; keys that nobody ever claimed have none."""
        ...

    async def find(self, gateway: str, request_id: str) -> Record | None:
        """The record of that job of the gateway; it may have to look at them all."""
        ...

    async def post(self, record: Record) -> Record | None:
        """Write it over the revision `record.rev`; as it stands then, or None where another was faster.

        It is durable when this returns. Where the answer was lost on the way, the claim tells whether it was ours.
        """
        ...

    async def beat(self, run: str) -> None:
        """The run is alive for `LEASE_SECONDS` from now."""
        ...

    async def rest(self, run: str) -> None:
        """The run has ended."""
        ...

    async def is_alive(self, run: str) -> bool:
        """Whether its lease holds."""
        ...

    async def page(self, after: str) -> Sequence[Record]:
        """Some of the records, in the order of their keys, from behind that key on; none at the end."""
        ...

    async def count(self) -> Mapping[str, int]:
        """How many records there are, by their state."""
        ...

    async def draw(self, gateway: str, amount: int, cap: int, month_cap: int = NO_CAP) -> datetime | None:
        """Take so many millionths of a dollar from what may be spent today, and this month (UTC, by the board's clock).

        The instant by that clock, whose day it was taken from; None where there is not so much. A month is the sum of
        its days.
        """
        ...

    async def draw_tag(self, gateway: str, tag: str, amount: int, cap: int) -> bool:
        """Whether so much was taken from what may be spent under a tag, ever."""
        ...

    async def give_back(self, gateway: str, amount: int, of: date | str) -> None:
        """So much of what was drawn on that day (UTC), or of that tag, was not spent.

        Not twice: where the answer is lost it may be lost to the cap.
        """
        ...

    async def spent(self, gateway: str, period: Period | None, tag: str | None) -> int:
        """What was drawn today, this month, or of a tag, and not given back."""
        ...

    async def slots(self, gateway: str, count: int, rate: float) -> float:
        """Take so many of the slots for submissions that all machines share, `rate` of them a second.

        Returns the seconds until the first; the others follow evenly.
        """
        ...
