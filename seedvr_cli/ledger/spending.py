"""What was spent, by the list, from the ledger's jobs."""

import sqlite3
from dataclasses import dataclass

# Seconds; days are counted from 1970, in UTC.
DAY_SECONDS = 86400


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
    day = int(instant // DAY_SECONDS)
    row = connection.execute("SELECT spent FROM days WHERE gateway = ? AND day = ?", (gateway, day)).fetchone()
    return int(row[0]) if row else 0


def read_spending(connection: sqlite3.Connection, gateway: str, since: float) -> list[Spending]:
    """List prices by day (UTC), endpoint and profile, of jobs submitted since that instant."""
    sums = ", ".join(f"coalesce(sum(CASE WHEN state IN ({states}) THEN price END), 0)" for states in _CHARGES.values())
    rows = connection.execute(
        "SELECT date(submitted_at, 'unixepoch'), coalesce(endpoint, '-'), profile, count(*), "  # noqa: S608 - ours
        f"{sums} FROM jobs WHERE gateway = ? AND submitted_at >= ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        (gateway, since),
    )
    return [Spending(*row) for row in rows]
