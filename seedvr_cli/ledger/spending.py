"""What was spent, by the list, from the ledger's jobs."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from seedvr_cli.ledger.verdicts import OverCap
from seedvr_cli.values.caps import Caps, Period
from seedvr_cli.values.job import Draft

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


def over_cap(connection: sqlite3.Connection, draft: Draft, caps: Caps, instant: float) -> OverCap | None:
    """Which cap the draft's price could take what is spent past; what is in flight counts, and ERROR does not."""
    price, day = draft.price or 0, int(instant // DAY_SECONDS)
    first = day - datetime.fromtimestamp(instant, UTC).day + 1
    periods: tuple[tuple[Period, int | None, int], ...] = (("day", caps.day, day), ("month", caps.month, first))
    for period, cap, since in periods:
        if cap is not None:
            query = "SELECT coalesce(sum(spent), 0) FROM days WHERE gateway = ? AND day BETWEEN ? AND ?"
            (spent,) = connection.execute(query, (draft.gateway, since, day)).fetchone()
            if spent + price > cap:
                return OverCap(period, None, cap, spent)
    for tag in draft.tags:
        if tag in caps.tags:
            row = connection.execute(
                "SELECT spent FROM tags WHERE gateway = ? AND tag = ?", (draft.gateway, tag)
            ).fetchone()
            spent = int(row[0]) if row else 0
            if spent + price > caps.tags[tag]:
                return OverCap(None, tag, caps.tags[tag], spent)
    return None


def read_spending(connection: sqlite3.Connection, gateway: str, since: float) -> list[Spending]:
    """List prices by day (UTC), endpoint and profile, of jobs submitted since that instant."""
    sums = ", ".join(f"coalesce(sum(CASE WHEN state IN ({states}) THEN price END), 0)" for states in _CHARGES.values())
    rows = connection.execute(
        "SELECT date(submitted_at, 'unixepoch'), coalesce(endpoint, '-'), profile, count(*), "  # noqa: S608 - ours
        f"{sums} FROM jobs WHERE gateway = ? AND submitted_at >= ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        (gateway, since),
    )
    return [Spending(*row) for row in rows]
