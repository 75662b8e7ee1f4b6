"""The ledger for commands that ask nobody: without an event loop, and no ledger is made where there is none."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from urllib.parse import quote

from seedvr_cli.ledger.delivered import Delivered, read_delivered
from seedvr_cli.ledger.file import open_database, translate
from seedvr_cli.ledger.migrations import migrate
from seedvr_cli.ledger.place import is_there, ledger_path
from seedvr_cli.ledger.rows import delivery_of, job_of
from seedvr_cli.ledger.spending import Spending, read_spending
from seedvr_cli.values.job import Job

# Jobs among which one that is being typed most likely is; beyond them an index finds it.
LATEST_JOBS = 5000

# Paths that are looked up at a time.
PAGE = 500

Look = Callable[[Sequence[str]], Mapping[str, Job]]


@contextmanager
def opened(folder: str) -> Iterator[sqlite3.Connection | None]:
    """The ledger, where there is one; its errors become LedgerErrors."""
    if not is_there(folder):
        yield None
        return
    path = ledger_path(folder)
    with closing(open_database(path, migrate)) as connection:
        try:
            yield connection
        except sqlite3.Error as error:
            raise translate(error, path) from error


@contextmanager
def counting_jobs(folder: str) -> Iterator[Look]:
    """A function from keys to the jobs that count for them: what was paid for, may have been, or ended FAILED.

    Raises LedgerError where there is a ledger that cannot be read.
    """
    with opened(folder) as connection:

        def look(keys: Sequence[str]) -> Mapping[str, Job]:
            marks = ",".join("?" * len(keys))
            where = f"key IN ({marks}) AND state NOT IN ('error', 'reserved', 'forgotten') ORDER BY id"
            rows = connection.execute(f"SELECT * FROM jobs WHERE {where}", keys) if connection else ()  # noqa: S608 - marks only
            found = {(row["key"], row["state"] == "completed"): job_of(row) for row in rows}
            latest = {key: job for (key, _), job in sorted(found.items(), key=lambda item: item[1].id)}
            # An older job that is COMPLETED has what a later one that FAILED was asked for.
            return {key: found.get((key, True), job) if job.state == "failed" else job for key, job in latest.items()}

        yield look


def forget_jobs(folder: str, jobs: Iterable[Job]) -> None:
    """Settle unknown outcomes: these may be submitted again. Raises LedgerError."""
    query = "UPDATE jobs SET state = 'forgotten' WHERE id = ? AND state = 'unknown'"
    with opened(folder) as connection:
        if connection is not None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(query, [(job.id,) for job in jobs])
            connection.execute("COMMIT")


def delivered_files(folder: str, keys: Sequence[str]) -> dict[str, Delivered]:
    """Of these keys, those whose last job is delivered as one file. Raises LedgerError."""
    with opened(folder) as connection:
        return read_delivered(connection, keys) if connection else {}


def own_results(folder: str, paths: Sequence[str]) -> set[str]:
    """Of these absolute paths, those where a result of ours stands as it was delivered. Raises LedgerError."""
    own: set[str] = set()
    with opened(folder) as connection:
        for begin in range(0, len(paths) if connection else 0, PAGE):
            some = paths[begin : begin + PAGE]
            marks = ",".join("?" * len(some))
            query = f"SELECT * FROM deliveries WHERE done_at IS NOT NULL AND path IN ({marks})"  # noqa: S608 - marks only
            assert connection is not None
            own |= {one.path for one in map(delivery_of, connection.execute(query, some).fetchall()) if one.is_whole()}
    return own


def spending(folder: str, gateway: str, since: float, by: str | None = None) -> tuple[list[Spending], Spending]:
    """List prices of jobs submitted since that instant, by group, and their sum. Raises LedgerError."""
    with opened(folder) as connection:
        return read_spending(connection, gateway, since, by) if connection else ([], Spending((), 0, 0, 0, 0, 0))


def jobs_of(folder: str, gateway: str, request_ids: Sequence[str]) -> dict[str, Job]:
    """The jobs of a gateway with these request ids. Raises LedgerError."""
    found: dict[str, Job] = {}
    with opened(folder) as connection:
        for begin in range(0, len(request_ids) if connection else 0, PAGE):
            some = request_ids[begin : begin + PAGE]
            marks = ",".join("?" * len(some))
            query = f"SELECT * FROM jobs WHERE gateway = ? AND request_id IN ({marks})"  # noqa: S608 - marks only
            assert connection is not None
            jobs = map(job_of, connection.execute(query, (gateway, *some)).fetchall())
            found |= {job.request_id: job for job in jobs if job.request_id}
    return found


def jobs_between(folder: str, gateway: str, begin: float, end: float) -> Iterator[Job]:
    """The jobs of a gateway that were submitted between these instants, both included. Raises LedgerError."""
    query = "SELECT * FROM jobs WHERE gateway = ? AND submitted_at BETWEEN ? AND ? ORDER BY id"
    with opened(folder) as connection:
        if connection is not None:
            yield from map(job_of, connection.execute(query, (gateway, begin, end)))


def gateways_of(folder: str, request_ids: Iterable[str]) -> dict[str, list[str]]:
    """For each request id the gateways that have a job of that id, the latest first. Raises LedgerError."""
    query = "SELECT gateway FROM jobs WHERE request_id = ? GROUP BY gateway ORDER BY max(id) DESC"
    with opened(folder) as connection:
        return {
            request_id: [row[0] for row in connection.execute(query, [request_id])] if connection else []
            for request_id in request_ids
        }


def known_tags(folder: str, *, is_sandbox: bool, beginning: str) -> list[str]:
    """For a shell at TAB, as below: the tags that begin like that, by name."""
    query = (
        "SELECT DISTINCT tag FROM tags WHERE (gateway = 'sandbox') = ? AND tag >= ? AND tag < ? || char(1114111)"
        " ORDER BY tag"
    )
    try:
        with closing(sqlite3.connect(f"file:{quote(ledger_path(folder))}?mode=ro", uri=True, timeout=0)) as connection:
            return [row[0] for row in connection.execute(query, (is_sandbox, beginning, beginning))]
    except sqlite3.Error:
        return []


def latest_jobs(folder: str, *, is_sandbox: bool, beginning: str, limit: int) -> list[tuple[str, str, str]]:
    """For a shell that asks at each TAB, and waits for nobody: request id, status and source of the latest jobs.

    Their ids begin like that; there are none where there is no ledger.
    """
    path = ledger_path(folder)
    columns = "SELECT request_id, coalesce(status, state), coalesce(source, name)"
    latest = f"(SELECT * FROM jobs ORDER BY id DESC LIMIT {LATEST_JOBS})"  # noqa: S608 - a number
    wanted = "(gateway = 'sandbox') = ? AND request_id >= ? AND request_id < ? || char(1114111)"
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=0)) as connection:
            rows: list[tuple[str, str, str]] = []
            for table, order in ((latest, "id DESC"), ("jobs", "1")):
                query = f"{columns} FROM {table} WHERE {wanted} ORDER BY {order} LIMIT ?"
                found = connection.execute(query, (is_sandbox, beginning, beginning, limit)).fetchall()
                rows += [row for row in found if row not in rows]
                if len(rows) >= limit or not beginning:
                    break
            return rows[:limit]
    except sqlite3.Error:
        return []
