"""What was delivered: for runs, and for commands that ask nobody."""

import json
import sqlite3
from collections.abc import Sequence

from seedvr_cli.ledger.rows import Delivery, as_read, delivery_of
from seedvr_cli.values.job import File

# Path, bytes, time of change in nanoseconds, media type, and the job's tags.
Delivered = tuple[str, int, int, str, frozenset[str]]
# Of a row of jobs, in SQL: each of its media is a file by now.
IS_DELIVERED = (
    "(SELECT count(DISTINCT position) FROM deliveries WHERE job = jobs.id AND done_at IS NOT NULL)"
    " >= max(1, json_array_length(coalesce(media_url, '[]')))"
)
_NO_TAGS: frozenset[str] = frozenset()


def read_delivered(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Delivered]:
    """Of these keys, those whose last job is delivered as one file."""
    marks = ",".join("?" * len(keys))
    rows = connection.execute(
        "SELECT jobs.key, path, bytes, mtime_ns, d.media_type, tags"  # noqa: S608 - marks only
        " FROM jobs JOIN deliveries d ON job = jobs.id"
        f" WHERE jobs.id IN (SELECT max(id) FROM jobs WHERE key IN ({marks})"
        " AND state NOT IN ('error', 'forgotten') GROUP BY key)"
        " AND state = 'completed' AND done_at IS NOT NULL AND json_array_length(media_url) = 1",
        keys,
    ).fetchall()
    return {
        key: (as_read(path), size, mtime_ns, media_type, frozenset(json.loads(tags)) if tags else _NO_TAGS)
        for key, path, size, mtime_ns, media_type, tags in rows
    }


def read_entries(connection: sqlite3.Connection, job: int) -> list[Delivery]:
    """All files recorded for a job, under way ones too."""
    query = "SELECT * FROM deliveries WHERE job = ? ORDER BY position, path"
    return [delivery_of(row) for row in connection.execute(query, (job,))]


def read_files(connection: sqlite3.Connection, job: int) -> tuple[File, ...]:
    """The files that were delivered of a job."""
    return tuple(entry.file for entry in read_entries(connection, job) if entry.file is not None)
