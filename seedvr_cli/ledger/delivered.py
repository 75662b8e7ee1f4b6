"""What was delivered, looked up by key: for runs, and for commands that find nothing to do."""

import sqlite3
from collections.abc import Sequence

# Path, bytes, time of change in nanoseconds, media type.
Delivered = tuple[str, int, int, str]


def read_delivered(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Delivered]:
    """Of these keys, those whose last job is delivered as one file."""
    marks = ",".join("?" * len(keys))
    rows = connection.execute(
        "SELECT jobs.key, path, bytes, mtime_ns, d.media_type"  # noqa: S608 - marks only
        " FROM jobs JOIN deliveries d ON job = jobs.id"
        f" WHERE jobs.id IN (SELECT max(id) FROM jobs WHERE key IN ({marks})"
        " AND state NOT IN ('error', 'forgotten') GROUP BY key)"
        " AND state = 'completed' AND done_at IS NOT NULL AND json_array_length(media_url) = 1",
        keys,
    ).fetchall()
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}
