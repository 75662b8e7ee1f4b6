"""The ledger for commands that ask nobody: without an event loop, and no ledger is made where there is none."""

import functools
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import quote

from seedvr_cli.ledger.delivered import Delivered, read_delivered
from seedvr_cli.ledger.file import open_database, translate
from seedvr_cli.ledger.migrations import migrate
from seedvr_cli.ledger.place import is_there, ledger_path
from seedvr_cli.ledger.rows import Delivery, as_stored, delivery_of, digest, job_of
from seedvr_cli.ledger.spending import Spending, read_spending
from seedvr_cli.values.job import Job
from seedvr_cli.values.media import measure, sniff_file
from seedvr_cli.values.structure import Size

# Jobs among which one that is being typed most likely is; beyond them an index finds it.
LATEST_JOBS = 5000

# Paths that are looked up at a time.
PAGE = 500
# Digests of files that are kept, some 300 bytes each.
KEPT_DIGESTS = 1 << 14

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
    """Of these absolute paths, those where a result of ours stands. Raises LedgerError.

    Where it was delivered it may have got other metadata since; elsewhere it is known by its content.
    """
    own: set[str] = set()
    with opened(folder) as connection:
        for begin in range(0, len(paths) if connection else 0, PAGE):
            some = paths[begin : begin + PAGE]
            assert connection is not None
            placed = _own_by_place(connection, some)
            own |= placed | _own_by_content(connection, [path for path in some if path not in placed])
    return own


def _own_by_place(connection: sqlite3.Connection, paths: Sequence[str]) -> set[str]:
    """Those where a result was delivered and still is, or has got its name and is not recorded yet."""
    real = functools.cache(os.path.realpath)
    at: dict[str, list[str]] = {}
    for path in paths:
        parent, name = os.path.split(path)
        for place in {path, os.path.join(real(parent), name)}:
            at.setdefault(place, []).append(path)
    entries = map(delivery_of, _rows_with(connection, "path", list(at)))
    return {path for entry in entries if _stands(entry) for path in at[entry.path]}


def _stands(entry: Delivery) -> bool:
    return entry.is_whole() or _has_its_size(entry) if entry.done else entry.is_named()


def _has_its_size(entry: Delivery) -> bool:
    """Whether a picture of the same kind and as many pixels stands there: programs write labels and places into it."""
    file = entry.file
    if file is None or not file.width or not file.height or not os.path.isfile(entry.path):
        return False
    try:
        media_type = sniff_file(entry.path)
    except OSError:
        return False
    return media_type == file.media_type and measure(entry.path, media_type) == Size(file.width, file.height)


def _own_by_content(connection: sqlite3.Connection, paths: Sequence[str]) -> set[str]:
    """Those with the very bytes of a result. Only what has as many as one has is read."""
    seen: dict[str, os.stat_result] = {}
    for path in paths:
        with suppress(OSError):
            facts = os.stat(path)
            if stat.S_ISREG(facts.st_mode):
                seen[path] = facts
    digests: dict[int, set[str]] = {}
    for row in _rows_with(connection, "bytes", list({facts.st_size for facts in seen.values()})):
        if row["done_at"] is not None:
            digests.setdefault(row["bytes"], set()).add(row["sha256"])
    own: set[str] = set()
    for path, facts in seen.items():
        with suppress(OSError):
            known = digests.get(facts.st_size)
            if known and _digest_of(path, facts.st_size, facts.st_mtime_ns) in known:
                own.add(path)
    return own


def _rows_with(connection: sqlite3.Connection, column: str, values: Sequence[str | int]) -> list[Any]:
    """The deliveries that have one of these values there."""
    rows: list[Any] = []
    for begin in range(0, len(values), PAGE):
        some = values[begin : begin + PAGE]
        query = f"SELECT * FROM deliveries WHERE {column} IN ({','.join('?' * len(some))})"  # noqa: S608 - marks only
        rows += connection.execute(query, some).fetchall()
    return rows


@functools.lru_cache(maxsize=KEPT_DIGESTS)
def _digest_of(path: str, size: int, mtime_ns: int) -> str:  # noqa: ARG001 - another file has another of these
    """SHA-256 of a file as it is now: a folder that is watched is looked at again and again."""
    return digest(path)


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
    beginning = as_stored(beginning)
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
    path, beginning = ledger_path(folder), as_stored(beginning)
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
