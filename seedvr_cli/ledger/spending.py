"""What was spent, by the list, from the ledger's jobs."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from seedvr_cli.ledger.verdicts import OverCap
from seedvr_cli.values.caps import Caps, Period
from seedvr_cli.values.job import Draft

# Seconds; days are counted from 1970, in UTC.
DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True)
class Spending:
    """What the jobs of a group cost by the list, in millionths of a dollar, by what is known of the charge.

    `group` is what they have in common, in the order of GROUPS.
    """

    group: tuple[str, ...]
    jobs: int
    listed: int
    not_charged: int
    maybe: int
    unknown: int


# What is summed by, as the user says it, and what each group has then; None where nothing was said.
GROUPS: Mapping[str | None, tuple[str, ...]] = {
    None: ("day", "endpoint", "profile"),
    "day": ("day",),
    "month": ("month",),
    "endpoint": ("endpoint",),
    "profile": ("profile",),
    "tag": ("tag",),
}
_COLUMNS = {
    "day": "date(submitted_at, 'unixepoch')",
    "month": "strftime('%Y-%m', submitted_at, 'unixepoch')",
    "endpoint": "coalesce(endpoint, '-')",
    "profile": "profile",
    "tag": "coalesce(tag.value, '-')",
}
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


def read_spending(
    connection: sqlite3.Connection, gateway: str, since: float, by: str | None = None
) -> tuple[list[Spending], Spending]:
    """The groups of the jobs submitted since that instant (days and months in UTC), and the sum, which has no group.

    What another machine or program has submitted, which has no run here, is in none of them.
    A job with several tags is in the group of each of them, and once in the sum.
    """
    sums = ", ".join(f"coalesce(sum(CASE WHEN state IN ({states}) THEN price END), 0)" for states in _CHARGES.values())
    where = "gateway = ? AND submitted_at >= ? AND run IS NOT NULL"
    names, joined = GROUPS[by], " LEFT JOIN json_each(jobs.tags) AS tag" if by == "tag" else ""
    numbers = ", ".join(str(number) for number in range(1, len(names) + 1))
    rows = connection.execute(
        f"SELECT {', '.join(_COLUMNS[name] for name in names)}, count(*), {sums} FROM jobs{joined}"  # noqa: S608 - ours
        f" WHERE {where} GROUP BY {numbers} ORDER BY {numbers}",
        (gateway, since),
    ).fetchall()
    total = connection.execute(f"SELECT count(*), {sums} FROM jobs WHERE {where}", (gateway, since)).fetchone()  # noqa: S608 - ours
    width = len(names)
    return [Spending(tuple(row[:width]), *row[width:]) for row in rows], Spending((), *total)
