"""Which file a job's media became, or is becoming: the ledger's other half."""

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seedvr_cli.ledger.database import Database
from seedvr_cli.ledger.delivered import Delivered, read_delivered, read_entries, read_files
from seedvr_cli.ledger.rows import Delivery, Mark, as_read, delivery_of, now, update_job
from seedvr_cli.ledger.runs import RunLock, is_run_alive
from seedvr_cli.values.held import remove_unheld
from seedvr_cli.values.job import File, Job
from seedvr_cli.values.naming import numbered


@dataclass(frozen=True, slots=True)
class Placed:
    """The path that is to be written, recorded as this job's."""

    path: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The name that was asked for is in the way."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another run is at this very file, or has been: it may be there when we look again."""


Place = Placed | Taken | Elsewhere

# Numbers of a name that are tried one after the other; beyond them the steps get longer.
TRIES_IN_TURN = 8


class Deliveries:
    """Raises LedgerError where the ledger cannot be read or written."""

    def __init__(self, database: Database, lock: RunLock) -> None:
        self._database = database
        self._lock = lock
        # The last number that this run gave for a name, where it was not the first.
        self._last: dict[str, int] = {}

    async def of(self, job: Job) -> list[Delivery]:
        """All files recorded for a job, under way ones too."""
        return await self._database.read(lambda connection: read_entries(connection, job.id))

    async def files(self, job: Job) -> tuple[File, ...]:
        """The files that were delivered of a job."""
        return await self._database.read(lambda connection: read_files(connection, job.id))

    async def owner_key(self, path: str) -> str | None:
        """The key of the job that made, or is making, the file at this absolute path."""
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT key FROM jobs JOIN deliveries ON job = jobs.id WHERE path = ? ORDER BY jobs.id DESC", (path,)
            ).fetchone()
        )
        return row[0] if row else None

    async def is_own(self, path: str) -> bool:
        """Whether the file at this absolute path is what a job delivered there, unchanged, or is delivering."""
        rows = await self._database.read(
            lambda connection: connection.execute("SELECT * FROM deliveries WHERE path = ?", (path,)).fetchall()
        )
        entries = [delivery_of(row) for row in rows]
        return await asyncio.to_thread(lambda: any(not e.done or e.is_whole() for e in entries))

    async def place(  # noqa: PLR0913 - each is a fact of its own
        self, job: Job, position: int, base: str, *, first: int = 1, held: frozenset[int] = frozenset(),
        known: frozenset[Mark] = frozenset(), exact: bool = False, overwrite: bool = False, lost: str | None = None,
        proof: tuple[int, str] | None = None,
    ) -> Place:  # fmt: skip
        """Choose and record the path of a file that is about to be written, before its `.part` exists.

        `base` is absolute; numbers count from `first`, passing over those `held` by other items. Taken where `exact`
        (an explicit name) is in the way; Elsewhere where another run delivers this very job now, or has begun or ended
        that since the caller saw the `known` records of it. The path that was `lost` was this job's, and another
        machine was faster. `proof` is what `vouch` records, where that is known already.
        """
        run = self._lock.take()

        def operation(connection: sqlite3.Connection) -> Place:
            if lost is not None:
                where = "job = ? AND position = ? AND path = ? AND done_at IS NULL"
                connection.execute(f"DELETE FROM deliveries WHERE {where}", (job.id, position, lost))  # noqa: S608 - our own text
            query = "SELECT 1 FROM deliveries WHERE job = ? AND position = ? LIMIT 1"
            is_begun = connection.execute(query, (job.id, position)).fetchone() is not None
            verdicts: dict[int, str] = {}

            def verdict(number: int) -> str:
                if number not in verdicts:
                    path = numbered(base, number)
                    verdicts[number] = self._may_place(connection, job, path, run, known, overwrite=overwrite)
                return "no" if number in held and number != first else verdicts[number]

            # A job that was begun may have any of the numbers, and looks at them in turn; others need a free one.
            if exact and verdict(first) == "no":
                return Taken()
            after = 0 if is_begun else self._last.get(base, 0)
            number = _first_free(lambda one: verdict(one) == "no", first, after, in_turn=is_begun)
            if verdict(number) == "busy":
                return Elsewhere()
            path = numbered(base, number)
            connection.execute(
                "INSERT OR REPLACE INTO deliveries (job, position, path, run, replaces, bytes, sha256)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (job.id, position, path, run, int(overwrite and os.path.lexists(path)), *(proof or (None, None))),
            )
            if number > 1:
                self._last[base] = max(number, after)
            return Placed(path)

        return await self._database.write(operation)

    async def take_over(self, job: Job, position: int, known: Mark) -> bool:
        """Go on with a file that an earlier run began; False where another has been at it since that was `known`."""
        run, (path, _, _) = self._lock.take(), known

        def operation(connection: sqlite3.Connection) -> bool:
            where = "job = ? AND position = ? AND path = ?"
            query = f"SELECT run, done_at FROM deliveries WHERE {where}"  # noqa: S608 - our own text
            row = connection.execute(query, (job.id, position, path)).fetchone()
            if row is None or (path, row["run"], row["done_at"] is not None) != known:
                return False
            if row["done_at"] is not None or (row["run"] != run and self._lock.is_alive(row["run"])):
                return False
            connection.execute(f"UPDATE deliveries SET run = ? WHERE {where}", (run, job.id, position, path))  # noqa: S608
            return True

        return await self._database.write(operation)

    async def note(self, job: Job, position: int, path: str, etag: str | None, pieces: str | None = None) -> None:
        """Record what `If-Range` needs to resume this `.part` in a later run; None where nobody can.

        And which pieces of it are there; None where it has none, and all that stands in it is.
        """
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE deliveries SET etag = ?, pieces = ? WHERE job = ? AND position = ? AND path = ?",
                (etag, pieces, job.id, position, path),
            )
        )

    async def vouch(self, job: Job, position: int, path: str, size: int, sha256: str) -> None:
        """Record how the whole file is known again that is about to get its name."""
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE deliveries SET bytes = ?, sha256 = ? WHERE job = ? AND position = ? AND path = ?",
                (size, sha256, job.id, position, path),
            )
        )

    async def delivered(
        self, job: Job, position: int, file: File, *, mtime_ns: int, price: int | None = None,
        made: frozenset[str] | None = None,
    ) -> Job:  # fmt: skip
        """Record that the file stands under its final name; a result that came inside an answer is let go.

        What was begun of it under other names, by this run or by dead ones, is cleared away.
        """
        run = self._lock.take()

        def operation(connection: sqlite3.Connection) -> Job:
            self._clear_away(connection, job, position, file.path)
            connection.execute(
                "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, 0, NULL, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
                (job.id, position, file.path, run, file.bytes, file.sha256, mtime_ns, file.media_type,
                 file.width, file.height, now(), None if made is None else " ".join(sorted(made))),
            )  # fmt: skip
            changes: dict[str, Any] = {} if price in {None, job.price} else {"price": price}
            if any(url.startswith("data:") for url in job.media_url):
                changes["media_url"] = json.dumps(
                    [url[:64] if url.startswith("data:") else url for url in job.media_url]
                )
            return update_job(connection, job.id, **changes) if changes else job

        return await self._database.write(operation)

    def is_under_way(self, entries: Iterable[Delivery]) -> bool:
        """Whether another live run is at one of these files now.

        Where none is, whatever those runs did to the files is there to be seen by who looks after this.
        """
        runs = {entry.run for entry in entries if not entry.done} - {self._lock.run}
        return any(is_run_alive(self._lock.folder, run) for run in runs)

    async def delivered_files(self, keys: Sequence[str]) -> dict[str, Delivered]:
        """Of these keys, those whose last job is delivered as one file."""
        return await self._database.read(lambda connection: read_delivered(connection, keys))

    def _clear_away(self, connection: sqlite3.Connection, job: Job, position: int, path: str) -> None:
        """The other parts of what stands at `path` now."""
        query = "SELECT path, run FROM deliveries WHERE job = ? AND position = ? AND path != ? AND done_at IS NULL"
        for row in connection.execute(query, (job.id, position, path)).fetchall():
            if row["run"] == self._lock.run or not self._lock.is_alive(row["run"]):
                remove_unheld(f"{as_read(row['path'])}.part")
                connection.execute(
                    "DELETE FROM deliveries WHERE job = ? AND position = ? AND path = ?",
                    (job.id, position, row["path"]),
                )

    def _may_place(
        self, connection: sqlite3.Connection, job: Job, path: str, run: str, known: frozenset[Mark], *, overwrite: bool
    ) -> Literal["yes", "no", "busy"]:
        rows = connection.execute("SELECT job, run, done_at FROM deliveries WHERE path = ?", (path,)).fetchall()
        for row in rows:
            alive, is_done = self._lock.is_alive(row["run"]), row["done_at"] is not None
            if row["job"] == job.id:
                is_ours = row["run"] == run and not is_done
                if not is_ours and ((path, row["run"], is_done) not in known or (alive and not is_done)):
                    return "busy"
            elif alive and (not is_done or row["run"] == run):
                return "no"
        own = any(row["job"] == job.id and row["done_at"] is None for row in rows)
        if os.path.lexists(f"{path}.part") and not own:
            return "no"
        if not os.path.lexists(path):
            return "yes"
        is_regular = os.path.isfile(path) and not os.path.islink(path)
        return "yes" if overwrite and is_regular else "no"


def _first_free(is_taken: Callable[[int], bool], first: int, after: int, *, in_turn: bool) -> int:
    """`first`, else a number behind it and `after`: the next, or where many are taken, one that follows a taken one.

    `in_turn` takes the very next, however many there are.
    """
    if not is_taken(first):
        return first
    number = max(first, after) + 1
    tries = 0
    while is_taken(number):
        number, tries = number + 1, tries + 1
        if tries >= TRIES_IN_TURN and not in_turn:
            break
    else:
        return number
    step, low = TRIES_IN_TURN, number - 1  # which is taken
    while is_taken(low + step):
        low, step = low + step, step * 2
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_taken(middle) else (low, middle)
    return high
