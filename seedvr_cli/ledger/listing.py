"""Jobs as `status` lists them: newest first, some at a time, and ids as short as they can be told apart."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from seedvr_cli.ledger.delivered import IS_DELIVERED, read_files
from seedvr_cli.ledger.glance import opened
from seedvr_cli.ledger.rows import job_of, now
from seedvr_cli.ledger.runs import is_run_alive
from seedvr_cli.ledger.settling import settle_dead
from seedvr_cli.values.job import File, Job

# Jobs that are read at a time.
PAGE = 500
# Jobs that are left are counted up to here.
MOST_LEFT = 100_000
# Seconds after which what is known of a job under way is old, where no run of this machine asks for it.
OLD_SECONDS = 60.0
# Characters of an id that are shown at the least.
SHORTEST_ID = 8

# What a user may ask for, by word.
STATES: Mapping[str, str] = {
    "submitting": "state = 'submitting'",
    "running": "state = 'running'",
    "completed": "state = 'completed'",
    "delivered": f"state = 'completed' AND {IS_DELIVERED}",
    "failed": "state = 'failed'",
    "error": "state = 'error'",
    "unknown": "state = 'unknown'",
    "forgotten": "state = 'forgotten'",
}

# What stands behind the endpoint's name in an id: it has an index.
_TAIL = "substr(request_id, instr(request_id, '_') + 1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which jobs of a gateway: in one of these states (words of STATES), with one of these tags, submitted since.

    `since` in seconds since 1970; no states, no tags: all of them. `limit`: the latest, no more than so many.
    """

    gateway: str
    states: Sequence[str] = ()
    tags: Sequence[str] = ()
    since: float | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A job with its files, where they were asked for; `is_old`: it is under way, and nobody has asked lately."""

    job: Job
    files: tuple[File, ...]
    is_old: bool


class Listing:
    """The jobs of a selection, page by page; `left` is then how many more there are, up to MOST_LEFT."""

    def __init__(self, folder: str, selection: Selection, *, has_files: bool = False, counts: bool = False) -> None:
        self.left = 0
        self._folder = folder
        self._selection = selection
        self._has_files = has_files
        self._counts = counts
        self._alive: dict[str, bool] = {}

    def __iter__(self) -> Iterator[list[Listed]]:
        """Those of dead runs are settled first. Raises LedgerError."""
        with opened(self._folder) as connection:
            if connection is None:
                return
            settle_dead(connection, self._is_alive)
            where, values = _where(connection, self._selection)
            last, wanted = 1 << 62, self._selection.limit
            while wanted is None or wanted > 0:
                query = f"SELECT * FROM jobs WHERE {where} AND id < ? ORDER BY id DESC LIMIT ?"  # noqa: S608 - marks only
                page = PAGE if wanted is None else min(PAGE, wanted)
                rows = connection.execute(query, (*values, last, page)).fetchall()
                if not rows:
                    return
                yield [self._listed(connection, row) for row in rows]
                last = rows[-1]["id"]
                wanted = None if wanted is None else wanted - len(rows)
            if self._counts:
                query = f"SELECT count(*) FROM (SELECT 1 FROM jobs WHERE {where} AND id < ? LIMIT ?)"  # noqa: S608 - marks only
                (self.left,) = connection.execute(query, (*values, last, MOST_LEFT)).fetchone()

    def _listed(self, connection: sqlite3.Connection, row: sqlite3.Row) -> Listed:
        job = job_of(row)
        heard = row["asked_at"] or row["submitted_at"] or 0.0
        is_old = job.state == "running" and now() - heard > OLD_SECONDS and not self._is_alive(row["run"])
        return Listed(job, read_files(connection, job.id) if self._has_files else (), is_old)

    def _is_alive(self, run: str | None) -> bool:
        if run is None:
            return False
        if run not in self._alive:
            self._alive[run] = is_run_alive(os.path.join(self._folder, "runs"), run)
        return self._alive[run]


def find_ids(folder: str, beginning: str, limit: int) -> list[tuple[str, str]]:
    """Ids that begin like that, with or without the endpoint's name in front, each with its gateway.

    One that is just that is the only one. Raises LedgerError.
    """
    with opened(folder) as connection:
        if connection is None or not beginning:
            return []
        query = "SELECT DISTINCT request_id, gateway FROM jobs WHERE request_id = ?"
        exact = [tuple(row) for row in connection.execute(query, (beginning,))]
        if exact:
            return exact
        found: dict[tuple[str, str], None] = {}
        for what in ("request_id", _TAIL):
            query = (
                "SELECT DISTINCT request_id, gateway FROM jobs WHERE request_id IS NOT NULL"  # noqa: S608 - ours
                f" AND {what} >= ? AND {what} < ? || char(1114111) LIMIT ?"
            )
            found |= dict.fromkeys(map(tuple, connection.execute(query, (beginning, beginning, limit))))
        return list(found)


def short_ids(folder: str, request_ids: Sequence[str]) -> dict[str, str]:
    """For each id of the ledger the shortest beginning that `find_ids` knows it by; others stay whole."""
    with opened(folder) as connection:
        if connection is None:
            return {request_id: request_id for request_id in request_ids}
        return {request_id: _shortest(connection, request_id) for request_id in request_ids}


def _shortest(connection: sqlite3.Connection, request_id: str) -> str:
    tail = request_id.partition("_")[2] or request_id
    same = f"SELECT count(DISTINCT request_id) FROM jobs WHERE request_id IS NOT NULL AND {_TAIL} = ?"  # noqa: S608 - ours
    if len(tail) < SHORTEST_ID or connection.execute(same, (tail,)).fetchone()[0] != 1:
        return request_id
    length = SHORTEST_ID
    for neighbour in ("max", "min"):
        beyond = "<" if neighbour == "max" else ">"
        where = f"request_id IS NOT NULL AND {_TAIL} {beyond} ?"
        query = f"SELECT {neighbour}({_TAIL}) FROM jobs WHERE {where}"  # noqa: S608 - our own text
        (other,) = connection.execute(query, (tail,)).fetchone()
        alike = next((n for n, (a, b) in enumerate(zip(tail, other or "", strict=False)) if a != b), len(other or ""))
        length = max(length, alike + 1)
    return tail[:length] if length <= len(tail) else request_id


def _where(connection: sqlite3.Connection, selection: Selection) -> tuple[str, list[object]]:
    where, values = "gateway = ? AND state != 'reserved'", list[object]([selection.gateway])
    conditions = [STATES[word] for word in selection.states]
    if conditions:
        where += f" AND {conditions[0]}" if len(conditions) == 1 else f" AND ({' OR '.join(conditions)})"
    if selection.tags:
        marks = ",".join("?" * len(selection.tags))
        where += f" AND tags IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value IN ({marks}))"  # noqa: S608 - marks only
        values += selection.tags
    if selection.since is not None:
        query = "SELECT coalesce(min(id), 0) FROM jobs WHERE submitted_at >= ?"  # by its index: no page looks below it
        where += " AND submitted_at >= ? AND id >= ?"
        values += [selection.since, connection.execute(query, (selection.since,)).fetchone()[0]]
    return where, values
