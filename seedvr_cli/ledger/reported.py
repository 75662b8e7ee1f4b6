"""Jobs that have come to an end, with the files that were delivered of them: what a report is made of."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from seedvr_cli.ledger.delivered import read_entries
from seedvr_cli.ledger.glance import opened
from seedvr_cli.ledger.rows import Delivery, job_of
from seedvr_cli.values.job import Job

# States of jobs from which nothing more is to come by itself.
ENDED = "'completed', 'failed', 'error', 'unknown'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which jobs of a gateway: those with these ids, and those with files below these folders; all, without both.

    `since` is an instant in seconds; no more than the `limit` latest are wanted. Folders are absolute.
    """

    gateway: str
    request_ids: Sequence[str] = ()
    folders: Sequence[str] = ()
    since: float | None = None
    limit: int


@dataclass(frozen=True, slots=True)
class Reported:
    """A job, and the files recorded for it."""

    job: Job
    deliveries: tuple[Delivery, ...]


def reported_jobs(folder: str, wanted: Wanted) -> tuple[list[Reported], int]:
    """The latest of the jobs, newest first, and how many there are in all. Raises LedgerError."""
    where, values = _where(wanted)
    with opened(folder) as connection:
        if connection is None:
            return [], 0
        (total,) = connection.execute(f"SELECT count(*) FROM jobs WHERE {where}", values).fetchone()  # noqa: S608 - marks only
        query = f"SELECT * FROM jobs WHERE {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - marks only
        jobs = [job_of(row) for row in connection.execute(query, (*values, wanted.limit)).fetchall()]
        return [Reported(job, _deliveries(connection, job)) for job in jobs], total


def _where(wanted: Wanted) -> tuple[str, list[object]]:
    values: list[object] = [wanted.gateway]
    ways = []
    if wanted.request_ids:
        ways.append(f"request_id IN ({','.join('?' * len(wanted.request_ids))})")
        values += wanted.request_ids
    for folder in wanted.folders:
        below = folder.rstrip("/") + "/"
        ways.append("id IN (SELECT job FROM deliveries WHERE done_at IS NOT NULL AND path >= ? AND path < ?)")
        values += [below, below[:-1] + chr(ord("/") + 1)]
    where = f"gateway = ? AND ({' OR '.join(ways) if ways else f'state IN ({ENDED})'})"
    if wanted.since is not None:
        where += " AND submitted_at >= ?"
        values.append(wanted.since)
    return where, values


def _deliveries(connection: sqlite3.Connection, job: Job) -> tuple[Delivery, ...]:
    return tuple(entry for entry in read_entries(connection, job.id) if entry.done)
