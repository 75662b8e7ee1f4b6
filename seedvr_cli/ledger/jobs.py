"""The ledger: every job that was paid for or may have been, and every file that was made of it.

SQLite, shared by all processes of a user. It is written before the POST, after its answer, at the terminal status, and
around the rename of a delivered file; each step leaves a state from which the next run knows what to do:

    reserved    known not to be in the air; belongs to a run that waits to send it
    submitting  the POST may be in the air; its run gone, the outcome is unknown
    running     accepted, the gateway works on it       completed, failed, error   terminal
    unknown     the answer was lost                     forgotten  and the user has settled it: may be submitted again
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypeVar

from seedvr_cli.ledger.database import Database
from seedvr_cli.ledger.files import Deliveries
from seedvr_cli.ledger.rows import SCHEMA, SCHEMA_VERSION, insert_job, job_of, now, stamp, update_job
from seedvr_cli.ledger.runs import RunLock
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.catalog import COMPLETED, ERROR, FAILED
from seedvr_cli.values.job import Job, State

# Jobs whose durations tell what to expect of the next one.
RECENT_JOBS = 20

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


class Ledger:
    """The asynchronous face of the ledger; `async with` opens and closes it.

    Raises LedgerError where the file cannot be opened, read or written, or is damaged.
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "ledger.sqlite3")
        self._folder = folder
        self._database = Database(self.path, SCHEMA, SCHEMA_VERSION)
        self._lock = RunLock(os.path.join(folder, "runs"))
        self.deliveries = Deliveries(self._database, self._lock)

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
            return Claim("submit", draft if only_ask else insert_job(connection, draft, "submitting", run))

        return await self._write(operation)

    async def hold(self, job: Job) -> None:
        """Record that the POST was provably not accepted, and will be sent again by this run."""
        await self._write(lambda connection: update_job(connection, job.id, state="reserved"))

    async def resume(self, job: Job) -> None:
        """Record that the POST of a held job is about to be in the air again."""
        await self._write(lambda connection: update_job(connection, job.id, state="submitting"))

    async def release(self, job: Job) -> None:
        """Forget a job that the gateway provably did not accept; what was there before it counts again."""
        await self._write(lambda connection: connection.execute("DELETE FROM jobs WHERE id = ?", (job.id,)))

    async def lose(self, job: Job, message: str) -> Job:
        """Record that the outcome of the submission is unknown."""
        return await self._write(lambda c: update_job(c, job.id, state="unknown", error=message, submitted_at=now()))

    async def record(self, job: Job, answer: Answer, *, price: int | None = None) -> Job:
        """Record the gateway's answer to the submission, or a later one; terminal states included."""
        state: State = {COMPLETED: "completed", FAILED: "failed", ERROR: "error"}.get(answer.status, "running")  # type: ignore[assignment]
        fields: dict[str, Any] = {"state": state, "status": answer.status, "extra": json.dumps(dict(answer.extra))}
        if answer.request_id and not job.request_id:
            fields["request_id"] = answer.request_id
        if job.submitted_at is None:
            fields["submitted_at"] = now()
        if answer.media_url:
            fields |= {"media_url": json.dumps(answer.media_url), "media_type": answer.media_type}
        if state != "running":
            fields |= {"completed_at": stamp(answer.completed_at) or now(), "error": answer.error}
            if answer.created_at and answer.completed_at:  # both by one clock, the gateway's
                fields["submitted_at"] = stamp(answer.created_at)
        if price is not None:
            fields["price"] = price
        return await self._write(lambda connection: update_job(connection, job.id, **fields))

    async def adopt(self, draft: Job) -> Job:
        """Record a job that another machine or program submitted, so that its delivery can be resumed."""
        return await self._write(lambda connection: insert_job(connection, draft, "running", None))

    # Looking up.

    async def find(self, request_id: str, gateway: str) -> Job | None:
        """The job with this request id."""
        rows = await self._jobs("request_id = ? AND gateway = ? ORDER BY id DESC LIMIT 1", (request_id, gateway))
        return rows[0] if rows else None

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

    # Below.

    async def _read(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        return await self._database.read(operation)

    async def _write(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        return await self._database.write(operation)

    async def _jobs(self, where: str, values: tuple[Any, ...]) -> list[Job]:
        return await self._read(
            lambda connection: [
                job_of(row)
                for row in connection.execute(f"SELECT * FROM jobs WHERE {where}", values)  # noqa: S608 - our own text
            ]
        )

    def _latest(self, connection: sqlite3.Connection, key: str) -> Job | None:
        """The record that counts for a key, after what dead runs left behind is settled."""
        while True:
            row = connection.execute("SELECT * FROM jobs WHERE key = ? ORDER BY id DESC LIMIT 1", (key,)).fetchone()
            if row is None:
                return None
            if row["state"] not in {"reserved", "submitting"} or self._lock.is_alive(row["run"]):
                return job_of(row)
            _settle(connection, row["id"], row["state"])

    def _settle_dead(self, connection: sqlite3.Connection, run: str) -> None:
        rows = connection.execute(
            "SELECT id, state, run FROM jobs WHERE state IN ('reserved', 'submitting')"
        ).fetchall()
        for row in rows:
            if row["run"] != run and not self._lock.is_alive(row["run"]):
                _settle(connection, row["id"], row["state"])

    def _settle_run(self, connection: sqlite3.Connection) -> None:
        """At a clean end: what this run still held was not sent, what it was sending is unknown."""
        query = "SELECT id, state FROM jobs WHERE run = ? AND state IN ('reserved', 'submitting')"
        for row in connection.execute(query, (self._lock.take(),)).fetchall():
            _settle(connection, row["id"], row["state"])


def _spent_today(connection: sqlite3.Connection, gateway: str) -> int:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    query = "SELECT coalesce(sum(price), 0) FROM jobs WHERE submitted_at >= ? AND gateway = ? AND state != 'error'"
    return int(connection.execute(query, (midnight, gateway)).fetchone()[0])


def _settle(connection: sqlite3.Connection, job: int, state: str) -> None:
    if state == "reserved":
        connection.execute("DELETE FROM jobs WHERE id = ?", (job,))
    else:
        message = "the run was stopped while the submission was under way"
        update_job(connection, job, state="unknown", error=message)
