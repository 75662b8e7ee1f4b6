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
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

from seedvr_cli.ledger.calls import Calls
from seedvr_cli.ledger.database import Database
from seedvr_cli.ledger.delivered import IS_DELIVERED
from seedvr_cli.ledger.files import Deliveries
from seedvr_cli.ledger.migrations import migrate
from seedvr_cli.ledger.place import known_boards, ledger_path, owe
from seedvr_cli.ledger.rows import as_seen, insert_job, job_of, now, read_job, stamp, update_job
from seedvr_cli.ledger.runs import RunLock
from seedvr_cli.ledger.settling import settle
from seedvr_cli.ledger.spending import over_cap
from seedvr_cli.ledger.verdicts import Claimed, Failed, Free, Held, Paid, Terms, Unanswered, Verdict
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.catalog import COMPLETED, ERROR, FAILED
from seedvr_cli.values.errors import LedgerError, OutcomeUnknown
from seedvr_cli.values.job import Draft, Job, State
from seedvr_cli.values.naming import safe_name
from seedvr_cli.values.urls import SANDBOX_NAME
from seedvr_cli.values.version import Version

# Jobs whose durations tell what to expect of the next one.
RECENT_JOBS = 20
# Seconds by which the gateway's stamps may be off, as it cuts some of them.
STAMP_SECONDS = 1.0

# What the key of a job begins with of which only the request id is known.
ADOPTED = "request:"

T = TypeVar("T")


class Ledger:
    """The asynchronous face of the ledger; `async with` opens and closes it.

    `now` gives seconds since 1970. Raises LedgerError where the file cannot be opened, read or written, or is damaged.
    """

    # What is shared with other machines, for people; None where nothing is.
    shared_name: str | None = None
    # Seconds that submissions under way get where a run is ended.
    last_seconds = 2.0

    def __init__(self, folder: str, *, now: Callable[[], float] = now) -> None:
        self._now = now
        self.path = ledger_path(folder)
        self._folder = folder
        self._database = Database(self.path, migrate)
        self._lock = RunLock(os.path.join(folder, "runs"))
        self._has_claimed = False
        self.deliveries = Deliveries(self._database, self._lock)
        self.calls = Calls(self._database, self._lock, folder)

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

    async def prepare(self) -> None:
        """Before anything is claimed: see that it can be. LedgerError, where what machines share is not to be had."""

    def _begin_claiming(self) -> None:
        """What is paid for now no board hears of: those that know this ledger are to be told later."""
        for board in known_boards(self.path):
            owe(self.path, board)

    # What a job costs: before the POST, after it, at its end.

    async def ask(self, draft: Draft, terms: Terms) -> Verdict:
        """Whether `draft` might be submitted now; nothing is recorded. What dead runs left of it is settled."""
        return await self._write(lambda connection: self._judge(connection, draft, terms))

    async def claim(self, draft: Draft, terms: Terms) -> Verdict:
        """Ask to submit `draft`, and record that the POST may now be in the air."""
        if not self._has_claimed and draft.gateway != SANDBOX_NAME:
            self._has_claimed = True
            self._begin_claiming()
        run = self._lock.take()
        if not self._lock.is_intact():
            raise LedgerError(
                f"the lock of this run was deleted ({self._lock.folder}): other runs take it for dead",
                hint="leave the state folder alone while jobs run; the same command again goes on",
            )

        def operation(connection: sqlite3.Connection) -> Verdict:
            verdict = self._judge(connection, draft, terms)
            if not isinstance(verdict, Free):
                return verdict
            return Claimed(insert_job(connection, draft, "submitting", run, submitted_at=self._now()))

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
        return await self._write(
            lambda c: update_job(c, job.id, state="unknown", error=message, submitted_at=self._now())
        )

    async def record(self, job: Job, answer: Answer) -> Job:
        """Record the gateway's answer to the submission, or a later one; terminal states included.

        COMPLETED is final: only another COMPLETED, which may bring other media, changes such a job. Raises
        OutcomeUnknown, and records nothing, where the id that the answer gives the job is another request's.
        """
        state: State = {COMPLETED: "completed", FAILED: "failed", ERROR: "error"}.get(answer.status, "running")  # type: ignore[assignment]
        extra = json.dumps(dict(answer.extra))
        fields: dict[str, Any] = {"state": state, "status": answer.status, "extra": extra, "asked_at": self._now()}
        if answer.request_id and not job.request_id:
            fields["request_id"] = answer.request_id
        if answer.media_url:
            fields |= {"media_url": json.dumps(answer.media_url), "media_type": answer.media_type}
        if answer.created_at:
            fields["created_at"] = stamp(answer.created_at)
        if state != "running":
            fields |= {"completed_at": stamp(answer.completed_at) or self._now(), "error": answer.error}

        def operation(connection: sqlite3.Connection) -> Job:
            query = "SELECT submitted_at, ended_at FROM jobs WHERE id = ? AND (state != 'completed' OR ? = 'completed')"
            stamps = connection.execute(query, (job.id, state)).fetchone()
            if stamps is None:
                return read_job(connection, job.id)
            if "request_id" in fields:
                _check_id(connection, job, fields["request_id"])
            submitted_at, ended_at = stamps
            if submitted_at is None:
                fields["submitted_at"] = self._now()
            if state != "running" and ended_at is None:
                fields["ended_at"] = self._now()
            return update_job(connection, job.id, **fields)

        return await self._write(operation)

    async def label(self, job: Job, tags: Sequence[str]) -> Job:
        """Add tags to those of a job that there is already: what it has cost counts for them as well from then on."""

        def operation(connection: sqlite3.Connection) -> Job:
            known = read_job(connection, job.id).tags
            return update_job(connection, job.id, tags=json.dumps([*dict.fromkeys((*known, *tags))]))

        return await self._write(operation)

    async def slots(self, gateway: str, count: int, rate: float) -> float:
        """Take so many of the slots for submissions that machines share; the seconds until the first."""
        raise NotImplementedError(f"nothing is shared: {gateway}, {count}, {rate}")

    async def is_watched_elsewhere(self, job: Job) -> bool:  # noqa: ARG002 - nobody is elsewhere, where nothing is shared
        """Whether a live run of another machine asks the gateway after the job."""
        return False

    async def adopt(self, request_id: str, gateway: str, profile: str) -> Job:
        """Record a job that another machine or program submitted, so that its delivery can be resumed."""
        draft = Draft(
            key=f"{ADOPTED}{request_id}",
            gateway=gateway,
            endpoint=None,
            source=None,
            name=safe_name(request_id),
            params={},
            output=None,
            price=None,
            profile=profile,
        )

        def operation(connection: sqlite3.Connection) -> Job:
            return _by_request(connection, request_id, gateway) or insert_job(
                connection, draft, "running", None, request_id=request_id
            )

        return await self._write(operation)

    # Looking up.

    async def find(self, request_id: str, gateway: str) -> Job | None:
        """The job with this request id."""
        return await self._read(lambda connection: _by_request(connection, request_id, gateway))

    async def counting(self, key: str, *, after: Job | None = None) -> Job | None:
        """The job that counts for a key, of those `after` that one; what dead runs left of it is settled."""
        return await self._write(lambda connection: self._counting(connection, key, after))

    async def note(self, job: Job, seen: Version) -> None:
        """Record which version of its source a job is taken for, where nobody had looked before it was paid for."""
        query = "UPDATE jobs SET seen = ? WHERE id = ? AND seen IS NULL"
        await self._write(lambda connection: connection.execute(query, (as_seen(seen), job.id)))

    async def paid_keys(self, keys: Sequence[str], *, after_failure: bool) -> set[str]:
        """Of these keys, those that would not be submitted again; `after_failure` as in Terms."""
        marks = ",".join("?" * len(keys))
        free = "'error', 'reserved', 'forgotten'" + (", 'failed'" if after_failure else "")
        query = f"SELECT DISTINCT key FROM jobs WHERE key IN ({marks}) AND state NOT IN ({free})"  # noqa: S608 - marks only
        return await self._read(lambda connection: {row[0] for row in connection.execute(query, keys)})

    async def own_keys(self, keys: Sequence[str], *, since: int) -> set[str]:
        """Of these keys, those that this process has submitted, from the job of that number on."""
        marks = ",".join("?" * len(keys))
        query = (
            f"SELECT DISTINCT key FROM jobs WHERE key IN ({marks}) AND id >= ? AND run = ?"  # noqa: S608 - marks only
            " AND state NOT IN ('error', 'reserved', 'forgotten')"
        )
        values = (*keys, since, self._lock.run)
        return await self._read(lambda connection: {row[0] for row in connection.execute(query, values)})

    async def pending(self, gateway: str) -> list[Job]:
        """What is paid for and was not yet delivered, oldest first."""
        return await self._jobs(
            f"gateway = ? AND state IN ('running', 'completed') AND NOT {IS_DELIVERED} ORDER BY id",
            (gateway,),
        )

    async def ended(self, keys: Sequence[str]) -> dict[str, float]:
        """Of these keys those with jobs that have ended or are settled, and when the latest of them was submitted.

        Instants are in seconds since 1970.
        """
        query = (
            "SELECT jobs.key, max(submitted_at) FROM json_each(?) AS asked JOIN jobs ON jobs.key = asked.value WHERE"
            " state IN ('completed', 'failed', 'error', 'forgotten') AND submitted_at IS NOT NULL GROUP BY jobs.key"
        )
        return await self._read(lambda connection: dict(connection.execute(query, (json.dumps(keys),)).fetchall()))

    async def strangers(self, keys: Sequence[str]) -> list[str]:
        """Of these keys those without any job: nothing was submitted, or it was refused."""
        query = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT key FROM jobs)"
        return await self._read(lambda connection: [row[0] for row in connection.execute(query, (json.dumps(keys),))])

    async def durations(self, gateway: str, endpoint: str) -> list[float]:
        """Seconds that the latest jobs of this endpoint took, shortest first."""
        rows = await self._read(
            lambda connection: connection.execute(
                # The gateway cuts some of its stamps to whole seconds; its clock counts while ours bears it out.
                "SELECT CASE WHEN theirs BETWEEN 0 AND ours + ? THEN theirs ELSE ours END FROM ("
                " SELECT id, ended_at - submitted_at AS ours, completed_at - created_at"
                " + CASE WHEN completed_at = CAST(completed_at AS INTEGER) THEN 0.5 ELSE 0 END AS theirs"
                " FROM jobs WHERE gateway = ? AND endpoint = ?"
                " AND state = 'completed' AND submitted_at IS NOT NULL AND ended_at IS NOT NULL)"
                " ORDER BY id DESC LIMIT ?",
                (STAMP_SECONDS, gateway, endpoint, RECENT_JOBS),
            ).fetchall()
        )
        return sorted(max(0.0, row[0]) for row in rows)

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

    def _judge(self, connection: sqlite3.Connection, draft: Draft, terms: Terms) -> Verdict:
        job = None if terms.again else self._counting(connection, draft.key, terms.instead_of)
        if job is not None:
            match job.state:
                case "reserved" | "submitting":
                    return Held(job)
                case "unknown":
                    return Unanswered(job)
                case "running" | "completed":
                    return Paid(job)
                case "failed" if not terms.after_failure:
                    return Failed(job)
        return over_cap(connection, draft, terms.caps, self._now()) or Free()

    def _counting(self, connection: sqlite3.Connection, key: str, after: Job | None) -> Job | None:
        """The record that counts for a key, of those `after` that one; what dead runs left behind is settled.

        It is the latest one that may have cost something: an ERROR, or what the user has settled, hides nothing.
        """
        first = after.id if after is not None else 0
        latest = "SELECT * FROM jobs WHERE key = ? AND id > ? AND {} ORDER BY id DESC LIMIT 1"
        while True:
            query = latest.format("state NOT IN ('error', 'forgotten')")
            row = connection.execute(query, (key, first)).fetchone()
            if row is None:
                return None
            if row["state"] == "failed":  # an older one that is COMPLETED has what is asked for
                row = connection.execute(latest.format("state = 'completed'"), (key, first)).fetchone() or row
            if row["state"] not in {"reserved", "submitting"} or self._lock.is_alive(row["run"]):
                return job_of(row)
            settle(connection, row["id"], row["state"])

    def _settle_run(self, connection: sqlite3.Connection) -> None:
        """At a clean end: what this run still held was not sent, what it was sending is unknown."""
        query = "SELECT id, state FROM jobs WHERE run = ? AND state IN ('reserved', 'submitting')"
        for row in connection.execute(query, (self._lock.take(),)).fetchall():
            settle(connection, row["id"], row["state"])


def is_adopted(job: Job) -> bool:
    """Whether all that is known of it is its request id."""
    return job.key.startswith(ADOPTED)


def _check_id(connection: sqlite3.Connection, job: Job, request_id: str) -> None:
    """OutcomeUnknown where the id is that of a job that was asked for by another request: its result is another's."""
    other = _by_request(connection, request_id, job.gateway)
    if other is not None and other.key != job.key and not is_adopted(other):
        whose = (other.source or other.name).partition("?")[0]
        raise OutcomeUnknown(f"the gateway's answer names {request_id}, which is another job's (that of {whose})")


def _by_request(connection: sqlite3.Connection, request_id: str, gateway: str) -> Job | None:
    query = "SELECT * FROM jobs WHERE request_id = ? AND gateway = ? ORDER BY id DESC LIMIT 1"
    row = connection.execute(query, (request_id, gateway)).fetchone()
    return job_of(row) if row else None
