"""The ledger: every job that was paid for or may have been, and every file that was made of it.

SQLite, shared by all processes of a user. It is written before the POST, after its answer, at the terminal status, and
around the rename of a delivered file; each step leaves a state from which the next run knows what to do:

    reserved    known not to be in the air; belongs to a run that waits to send it
    submitting  the POST may be in the air; its run gone, the outcome is unknown
    running     accepted, the gateway works on it       completed, failed, error   terminal
    unknown     the answer was lost                     forgotten  and the user has settled it: may be submitted again
"""

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypeVar

from seedvr_cli.catalog import COMPLETED, ERROR, FAILED
from seedvr_cli.database import Database
from seedvr_cli.locks import RunLock, is_run_alive
from seedvr_cli.models import Answer, File, Job, State
from seedvr_cli.naming import number_of, numbered

# Jobs whose durations tell what to expect of the next one.
RECENT_JOBS = 20

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, gateway TEXT NOT NULL, endpoint TEXT, source TEXT,
  name TEXT NOT NULL, params TEXT NOT NULL, output TEXT, price INTEGER, profile TEXT NOT NULL, run TEXT,
  state TEXT NOT NULL, status TEXT, request_id TEXT, media_url TEXT, media_type TEXT, error TEXT, extra TEXT,
  submitted_at REAL, completed_at REAL);
CREATE INDEX IF NOT EXISTS jobs_by_key ON jobs (key, id);
CREATE INDEX IF NOT EXISTS jobs_by_request ON jobs (request_id);
CREATE INDEX IF NOT EXISTS jobs_by_time ON jobs (submitted_at);
CREATE TABLE IF NOT EXISTS deliveries (
  job INTEGER NOT NULL REFERENCES jobs (id), position INTEGER NOT NULL, path TEXT NOT NULL, run TEXT NOT NULL,
  replaces INTEGER NOT NULL, etag TEXT, bytes INTEGER, sha256 TEXT, mtime_ns INTEGER, media_type TEXT,
  width INTEGER, height INTEGER, done_at REAL, PRIMARY KEY (job, position, path));
CREATE INDEX IF NOT EXISTS deliveries_by_path ON deliveries (path);
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """What the ledger answers to "may I submit this?".

    `submit`: yes, and `job` is the record. `attach`: it is paid for, `job` goes on or is done. `busy`: another run is
    at it now. `unknown`, `failed`: `job` ended so, and is not submitted again. `capped`: the day's money is spent.
    """

    verdict: Literal["submit", "attach", "busy", "unknown", "failed", "capped"]
    job: Job


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


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file of a job, as recorded: under way, or `done` with the facts to recognise it by."""

    position: int
    path: str
    done: bool
    replaces: bool
    etag: str | None
    file: File | None
    mtime_ns: int | None

    def is_whole(self) -> bool:
        """Whether the file on disk is the one that was delivered: by size and time, or else by its content."""
        if not self.done or self.file is None:
            return False
        try:
            facts = os.stat(self.path)
        except OSError:
            return False
        if facts.st_size != self.file.bytes:
            return False
        return facts.st_mtime_ns == self.mtime_ns or digest(self.path) == self.file.sha256


def digest(path: str) -> str:
    """SHA-256 of a file, in hex."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Ledger:
    """The asynchronous face of the ledger; `async with` opens and closes it.

    Raises LedgerError where the file cannot be opened, read or written, or is damaged.
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "ledger.sqlite3")
        self._folder = folder
        self._database = Database(self.path, SCHEMA, SCHEMA_VERSION)
        self._lock = RunLock(os.path.join(folder, "runs"))

    async def __aenter__(self) -> Self:
        await self._database.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._lock.taken:
                await self._write(self._settle_run)
        finally:
            await self._database.close()
            self._lock.release()

    # What a job costs: before the POST, after it, at its end.

    async def claim(
        self, draft: Job, *, new: bool = False, retry_failed: bool = False, only_ask: bool = False,
        day_cap: int | None = None,
    ) -> Claim:  # fmt: skip
        """Ask to submit `draft` (its `id` is ignored), and record that the POST may now be in the air.

        With `only_ask` nothing is recorded: the answer `submit` then means that it would have been. `day_cap` is the
        most, in millionths of a dollar, that all runs together may submit on a day (UTC), jobs in flight included.
        """
        run = self._lock.take()

        def operation(connection: sqlite3.Connection) -> Claim:
            job = None if new else self._latest(connection, draft.key)
            if job is not None:
                if job.state in {"reserved", "submitting"}:
                    return Claim("busy", job)
                if job.state == "unknown":
                    return Claim("unknown", job)
                if job.state == "failed" and not retry_failed:
                    return Claim("failed", job)
                if job.state in {"running", "completed"}:
                    return Claim("attach", job)
            if day_cap is not None and _spent_today(connection, draft.gateway) + (draft.price or 0) > day_cap:
                return Claim("capped", draft)
            return Claim("submit", draft if only_ask else _insert(connection, draft, "submitting", run))

        return await self._write(operation)

    async def hold(self, job: Job) -> None:
        """Record that the POST was provably not accepted, and will be sent again by this run."""
        await self._write(lambda connection: _set(connection, job.id, state="reserved"))

    async def resume(self, job: Job) -> None:
        """Record that the POST of a held job is about to be in the air again."""
        await self._write(lambda connection: _set(connection, job.id, state="submitting"))

    async def release(self, job: Job) -> None:
        """Forget a job that the gateway provably did not accept; what was there before it counts again."""
        await self._write(lambda connection: connection.execute("DELETE FROM jobs WHERE id = ?", (job.id,)))

    async def lose(self, job: Job, message: str) -> Job:
        """Record that the outcome of the submission is unknown."""
        return await self._write(lambda c: _set(c, job.id, state="unknown", error=message, submitted_at=_now()))

    async def record(self, job: Job, answer: Answer, *, price: int | None = None) -> Job:
        """Record the gateway's answer to the submission, or a later one; terminal states included."""
        state: State = {COMPLETED: "completed", FAILED: "failed", ERROR: "error"}.get(answer.status, "running")  # type: ignore[assignment]
        fields: dict[str, Any] = {"state": state, "status": answer.status, "extra": json.dumps(dict(answer.extra))}
        if answer.request_id and not job.request_id:
            fields["request_id"] = answer.request_id
        if job.submitted_at is None:
            fields["submitted_at"] = _now()
        if answer.media_url:
            fields |= {"media_url": json.dumps(answer.media_url), "media_type": answer.media_type}
        if state != "running":
            fields |= {"completed_at": _stamp(answer.completed_at) or _now(), "error": answer.error}
            if answer.created_at and answer.completed_at:  # both by one clock, the gateway's
                fields["submitted_at"] = _stamp(answer.created_at)
        if price is not None:
            fields["price"] = price
        return await self._write(lambda connection: _set(connection, job.id, **fields))

    async def adopt(self, draft: Job) -> Job:
        """Record a job that another machine or program submitted, so that its delivery can be resumed."""
        return await self._write(lambda connection: _insert(connection, draft, "running", None))

    # Looking up.

    async def find(self, request_id: str, gateway: str) -> Job | None:
        """The job with this request id."""
        rows = await self._jobs("request_id = ? AND gateway = ? ORDER BY id DESC LIMIT 1", (request_id, gateway))
        return rows[0] if rows else None

    async def delivered_files(self, keys: list[str]) -> dict[str, tuple[str, int, int, str]]:
        """Of these keys, those whose last job is delivered as one file: path, bytes, mtime_ns, media type."""
        marks = ",".join("?" * len(keys))
        rows = await self._read(
            lambda connection: connection.execute(
                "SELECT jobs.key, path, bytes, mtime_ns, d.media_type"  # noqa: S608 - marks only
                " FROM jobs JOIN deliveries d ON job = jobs.id"
                f" WHERE jobs.id IN (SELECT max(id) FROM jobs WHERE key IN ({marks}) GROUP BY key)"
                " AND state = 'completed' AND done_at IS NOT NULL AND json_array_length(media_url) = 1",
                keys,
            ).fetchall()
        )
        return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}

    async def paid_keys(self, keys: list[str]) -> set[str]:
        """Of these keys, those that would not be submitted again."""
        marks = ",".join("?" * len(keys))
        query = (
            f"SELECT DISTINCT key FROM jobs WHERE key IN ({marks}) AND state NOT IN ('error', 'reserved', 'forgotten')"  # noqa: S608 - marks only
        )
        return await self._read(lambda connection: {row[0] for row in connection.execute(query, keys)})

    async def list_jobs(self, gateway: str) -> list[Job]:
        """All jobs of a gateway, oldest first, those of dead runs settled."""
        run = self._lock.take()
        await self._write(lambda connection: self._settle_dead(connection, run))
        return await self._jobs("gateway = ? AND state != 'reserved' ORDER BY id", (gateway,))

    async def pending(self, gateway: str) -> list[Job]:
        """What is paid for and was not yet delivered, oldest first."""
        return await self._jobs(
            "gateway = ? AND state IN ('running', 'completed') AND"
            " (SELECT count(DISTINCT position) FROM deliveries WHERE job = jobs.id AND done_at IS NOT NULL)"
            " < max(1, json_array_length(coalesce(media_url, '[]'))) ORDER BY id",
            (gateway,),
        )

    async def durations(self, gateway: str, endpoint: str) -> list[float]:
        """Seconds that the latest jobs of this endpoint took, shortest first."""
        rows = await self._read(
            lambda connection: connection.execute(
                "SELECT completed_at - submitted_at"  # the gateway cuts some of its stamps to whole seconds
                " + CASE WHEN completed_at = CAST(completed_at AS INTEGER) THEN 0.5 ELSE 0 END"
                " FROM jobs WHERE gateway = ? AND endpoint = ?"
                " AND state = 'completed' AND submitted_at IS NOT NULL ORDER BY id DESC LIMIT ?",
                (gateway, endpoint, RECENT_JOBS),
            ).fetchall()
        )
        return sorted(max(0.0, row[0]) for row in rows)

    async def unknown(self, gateway: str) -> list[Job]:
        """The jobs whose submission was never answered, oldest first, those of dead runs settled."""
        return [job for job in await self.list_jobs(gateway) if job.state == "unknown"]

    async def forget(self, jobs: Iterable[Job]) -> None:
        """Settle unknown outcomes: these may be submitted again."""
        rows = [(job.id,) for job in jobs]
        query = "UPDATE jobs SET state = 'forgotten' WHERE id = ? AND state = 'unknown'"
        await self._write(lambda connection: connection.executemany(query, rows))

    async def spending(self, gateway: str, since: float) -> list[Spending]:
        """List prices by day (UTC), endpoint and profile, of jobs submitted since that instant."""

        def operation(connection: sqlite3.Connection) -> list[Spending]:
            sums = ", ".join(
                f"coalesce(sum(CASE WHEN state IN ({states}) THEN price END), 0)" for states in _CHARGES.values()
            )
            rows = connection.execute(
                "SELECT date(submitted_at, 'unixepoch'), coalesce(endpoint, '-'), profile, count(*), "  # noqa: S608 - ours
                f"{sums} FROM jobs WHERE gateway = ? AND submitted_at >= ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
                (gateway, since),
            )
            return [Spending(*row) for row in rows]

        return await self._read(operation)

    # Deliveries: which file a job's media became.

    async def deliveries(self, job: Job) -> list[Delivery]:
        """All files recorded for a job, under way ones too."""
        return await self._read(
            lambda connection: [
                _delivery(row)
                for row in connection.execute(
                    "SELECT * FROM deliveries WHERE job = ? ORDER BY position, path", (job.id,)
                )
            ]
        )

    async def files(self, job: Job) -> tuple[File, ...]:
        """The files that were delivered of a job."""
        return tuple(entry.file for entry in await self.deliveries(job) if entry.file is not None)

    async def owner_key(self, path: str) -> str | None:
        """The key of the job that made, or is making, the file at this absolute path."""
        row = await self._read(
            lambda connection: connection.execute(
                "SELECT key FROM jobs JOIN deliveries ON job = jobs.id WHERE path = ? ORDER BY jobs.id DESC", (path,)
            ).fetchone()
        )
        return row[0] if row else None

    async def is_own(self, path: str) -> bool:
        """Whether the file at this absolute path is what a job delivered there, unchanged, or is delivering."""
        rows = await self._read(
            lambda connection: connection.execute("SELECT * FROM deliveries WHERE path = ?", (path,)).fetchall()
        )
        entries = [_delivery(row) for row in rows]
        return await asyncio.to_thread(lambda: any(not e.done or e.is_whole() for e in entries))

    async def place(
        self, job: Job, position: int, base: str, *, first: int = 1, held: frozenset[int] = frozenset(),
        known: frozenset[str] = frozenset(), exact: bool = False, overwrite: bool = False,
    ) -> str | None:  # fmt: skip
        """Choose and record the path of a file that is about to be written, before its `.part` exists.

        `base` is absolute; numbers count from `first`, passing over those `held` by other items. None where `exact`
        (an explicit name) is taken; an empty text where another run delivers this very job now, or has done so since
        the caller saw the `known` files of it.
        """
        run = self._lock.take()

        def operation(connection: sqlite3.Connection) -> str | None:
            number = first
            while True:
                path = numbered(base, number)
                verdict = self._may_place(connection, job, path, run, known, overwrite=overwrite)
                if verdict == "yes":
                    connection.execute(
                        "INSERT OR REPLACE INTO deliveries (job, position, path, run, replaces) VALUES (?, ?, ?, ?, ?)",
                        (job.id, position, path, run, int(overwrite and os.path.lexists(path))),
                    )
                    return path
                if verdict == "busy":
                    return ""
                if exact:
                    return None
                number += 1
                while number in held:
                    number += 1

        return await self._write(operation)

    async def take_over(self, job: Job, position: int, path: str) -> bool:
        """Go on with a file that an earlier run began; False where another live run is at it."""
        run = self._lock.take()

        def operation(connection: sqlite3.Connection) -> bool:
            where = "job = ? AND position = ? AND path = ?"
            query = f"SELECT run, done_at FROM deliveries WHERE {where}"  # noqa: S608 - our own text
            row = connection.execute(query, (job.id, position, path)).fetchone()
            if row is None or row["done_at"] is not None or (row["run"] != run and self._is_alive(row["run"])):
                return False
            connection.execute(f"UPDATE deliveries SET run = ? WHERE {where}", (run, job.id, position, path))  # noqa: S608
            return True

        return await self._write(operation)

    async def note_etag(self, job: Job, position: int, path: str, etag: str) -> None:
        """Record what `If-Range` needs to resume this `.part` in a later run."""
        await self._write(
            lambda connection: connection.execute(
                "UPDATE deliveries SET etag = ? WHERE job = ? AND position = ? AND path = ?",
                (etag, job.id, position, path),
            )
        )

    async def delivered(self, job: Job, position: int, file: File, *, mtime_ns: int, price: int | None = None) -> Job:
        """Record that the file stands under its final name; a result that came inside an answer is let go."""
        run = self._lock.take()

        def operation(connection: sqlite3.Connection) -> Job:
            connection.execute(
                "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, 0, NULL, ?, ?, ?, ?, ?, ?, ?)",
                (job.id, position, file.path, run, file.bytes, file.sha256, mtime_ns, file.media_type,
                 file.width, file.height, _now()),
            )  # fmt: skip
            changes: dict[str, Any] = {} if price in {None, job.price} else {"price": price}
            if any(url.startswith("data:") for url in job.media_url):
                changes["media_url"] = json.dumps(
                    [url[:64] if url.startswith("data:") else url for url in job.media_url]
                )
            return _set(connection, job.id, **changes) if changes else job

        return await self._write(operation)

    async def is_delivering(self, job: Job) -> bool:
        """Whether another live run is writing this job's files now."""
        run = self._lock.take()
        rows = await self._read(
            lambda connection: connection.execute(
                "SELECT DISTINCT run FROM deliveries WHERE job = ? AND done_at IS NULL", (job.id,)
            ).fetchall()
        )
        return any(row[0] != run and is_run_alive(self._lock.folder, row[0]) for row in rows)

    # Below.

    async def _read(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        return await self._database.read(operation)

    async def _write(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        return await self._database.write(operation)

    async def _jobs(self, where: str, values: tuple[Any, ...]) -> list[Job]:
        return await self._read(
            lambda connection: [
                _job(row)
                for row in connection.execute(f"SELECT * FROM jobs WHERE {where}", values)  # noqa: S608 - our own text
            ]
        )

    def _latest(self, connection: sqlite3.Connection, key: str) -> Job | None:
        """The record that counts for a key, after what dead runs left behind is settled."""
        while True:
            row = connection.execute("SELECT * FROM jobs WHERE key = ? ORDER BY id DESC LIMIT 1", (key,)).fetchone()
            if row is None:
                return None
            if row["state"] not in {"reserved", "submitting"} or self._is_alive(row["run"]):
                return _job(row)
            _settle(connection, row["id"], row["state"])

    def _settle_dead(self, connection: sqlite3.Connection, run: str) -> None:
        rows = connection.execute(
            "SELECT id, state, run FROM jobs WHERE state IN ('reserved', 'submitting')"
        ).fetchall()
        for row in rows:
            if row["run"] != run and not self._is_alive(row["run"]):
                _settle(connection, row["id"], row["state"])

    def _settle_run(self, connection: sqlite3.Connection) -> None:
        """At a clean end: what this run still held was not sent, what it was sending is unknown."""
        query = "SELECT id, state FROM jobs WHERE run = ? AND state IN ('reserved', 'submitting')"
        for row in connection.execute(query, (self._lock.take(),)).fetchall():
            _settle(connection, row["id"], row["state"])

    def _is_alive(self, run: str | None) -> bool:
        return run is not None and (run == self._lock.run or is_run_alive(self._lock.folder, run))

    def _may_place(
        self, connection: sqlite3.Connection, job: Job, path: str, run: str, known: frozenset[str], *, overwrite: bool
    ) -> Literal["yes", "no", "busy"]:
        rows = connection.execute("SELECT job, run, done_at FROM deliveries WHERE path = ?", (path,)).fetchall()
        for row in rows:
            alive = self._is_alive(row["run"])
            if row["job"] == job.id:
                is_done = row["done_at"] is not None
                if path not in known if is_done else alive and row["run"] != run:
                    return "busy"
            elif alive and (row["done_at"] is None or row["run"] == run):
                return "no"
        own = any(row["job"] == job.id and row["done_at"] is None for row in rows)
        if os.path.lexists(f"{path}.part") and not own:
            return "no"
        return "no" if os.path.lexists(path) and not overwrite else "yes"


def _spent_today(connection: sqlite3.Connection, gateway: str) -> int:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    query = "SELECT coalesce(sum(price), 0) FROM jobs WHERE submitted_at >= ? AND gateway = ? AND state != 'error'"
    return int(connection.execute(query, (midnight, gateway)).fetchone()[0])


def _settle(connection: sqlite3.Connection, job: int, state: str) -> None:
    if state == "reserved":
        connection.execute("DELETE FROM jobs WHERE id = ?", (job,))
    else:
        message = "the run was stopped while the submission was under way"
        _set(connection, job, state="unknown", error=message)


def _insert(connection: sqlite3.Connection, draft: Job, state: State, run: str | None) -> Job:
    cursor = connection.execute(
        "INSERT INTO jobs (key, gateway, endpoint, source, name, params, output, price, profile, run, state,"
        " request_id, submitted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (draft.key, draft.gateway, draft.endpoint, draft.source, draft.name, json.dumps(dict(draft.params)),
         draft.output, draft.price, draft.profile, run, state, draft.request_id,
         _now() if state == "submitting" else _stamp(draft.submitted_at)),
    )  # fmt: skip
    return _job(connection.execute("SELECT * FROM jobs WHERE id = ?", (cursor.lastrowid,)).fetchone())


def _set(connection: sqlite3.Connection, job: int, **fields: Any) -> Job:
    columns = ", ".join(f"{name} = ?" for name in fields)
    connection.execute(f"UPDATE jobs SET {columns} WHERE id = ?", (*fields.values(), job))  # noqa: S608 - our names
    return _job(connection.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone())


def _job(row: Mapping[str, Any]) -> Job:
    return Job(
        id=row["id"],
        key=row["key"],
        gateway=row["gateway"],
        endpoint=row["endpoint"],
        source=row["source"],
        name=row["name"],
        params=_mapping(row["params"]),
        output=row["output"],
        price=row["price"],
        profile=row["profile"],
        state=row["state"],
        status=row["status"],
        request_id=row["request_id"],
        media_url=tuple(json.loads(row["media_url"] or "[]")),
        media_type=row["media_type"],
        error=row["error"],
        extra=_mapping(row["extra"]),
        submitted_at=_instant(row["submitted_at"]),
        completed_at=_instant(row["completed_at"]),
    )


def _mapping(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text and text != "{}" else {}


def _delivery(row: Mapping[str, Any]) -> Delivery:
    done = row["done_at"] is not None
    file = File(row["path"], row["bytes"], row["sha256"], row["media_type"], row["width"], row["height"])
    return Delivery(
        position=row["position"],
        path=row["path"],
        done=done,
        replaces=bool(row["replaces"]),
        etag=row["etag"],
        file=file if done else None,
        mtime_ns=row["mtime_ns"],
    )


def accepts(path: str, base: str) -> bool:
    """Whether a recorded path is what `base` asks for: the name itself, or a numbered one."""
    return number_of(path, base) is not None


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _stamp(instant: datetime | None) -> float | None:
    return instant.timestamp() if instant else None


def _instant(stamp: float | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)
