"""What was spent, by the list, from the ledger's jobs."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Spending:
    """What jobs of a day, endpoint and profile cost by the list, in millionths of a dollar, by what is known of it."""

    day: str
    endpoint: str
    profile: str
    jobs: int
    listed: int
    not_charged: int
    maybe: int
    unknown: int


# The states behind each word of `charge`, in the order of Spending's fields.
_CHARGES = {
    "listed": "'completed'",
    "not_charged": "'error'",
    "maybe": "'running', 'failed'",
    "unknown": "'reserved', 'submitting', 'unknown', 'forgotten'",
}


def spent_on_day(connection: sqlite3.Connection, gateway: str, instant: float) -> int:
    """The list price of all that was submitted on the day (UTC) of that instant, jobs in flight too, ERROR left out."""
    midnight = datetime.fromtimestamp(instant, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    query = "SELECT coalesce(sum(price), 0) FROM jobs WHERE submitted_at >= ? AND gateway = ? AND state != 'error'"
    return int(connection.execute(query, (midnight, gateway)).fetchone()[0])


def read_spending(connection: sqlite3.Connection, gateway: str, since: float) -> list[Spending]:
    """List prices by day (UTC), endpoint and profile, of jobs submitted since that instant."""
    sums = ", ".join(f"coalesce(sum(CASE WHEN state IN ({states}) THEN price END), 0)" for states in _CHARGES.values())
    rows = connection.execute(
        "SELECT date(submitted_at, 'unixepoch'), coalesce(endpoint, '-'), profile, count(*), "  # noqa: S608 - ours
        f"{sums} FROM jobs WHERE gateway = ? AND submitted_at >= ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        (gateway, since),
    )
    return [Spending(*row) for row in rows]
