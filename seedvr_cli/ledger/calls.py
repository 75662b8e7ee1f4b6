"""Callbacks: about which jobs the gateway calls, what it told, and whose end was passed on to the user's programs."""

import os
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from seedvr_cli.ledger.board import Board, Record
from seedvr_cli.ledger.database import Database
from seedvr_cli.ledger.rows import insert_job, job_of, now, read_job, update_job
from seedvr_cli.ledger.runs import RunLock
from seedvr_cli.ledger.settling import settle
from seedvr_cli.values.callbacks import key_of
from seedvr_cli.values.errors import LedgerError
from seedvr_cli.values.job import Draft, Job

_EXPECTED = (
    "SELECT * FROM jobs WHERE claim IS NOT NULL AND heard_at IS NULL AND gateway = ? AND (told IS NOT NULL"
    " OR state IN ('running', 'completed', 'failed', 'error')) ORDER BY id"
)


class Calls:
    """Raises LedgerError where the ledger cannot be read or written."""

    def __init__(self, database: Database, lock: RunLock, folder: str) -> None:
        self._database = database
        self._lock = lock
        self._folder = folder

    async def secrets(self) -> tuple[str, ...]:
        """What signs the addresses that the gateway calls: the first one new addresses, the others older ones."""
        return (read_secret(self._folder),)

    async def told(self, gateway: str, claim: str, request_id: str | None) -> Job | None:
        """The gateway's job of that claim; where its id is unknown, what a callback said it was is kept.

        That is to be looked into.
        """

        def operation(connection: sqlite3.Connection) -> Job | None:
            query = "SELECT * FROM jobs WHERE key = ? AND claim = ? AND gateway = ? ORDER BY id DESC LIMIT 1"
            row = connection.execute(query, (key_of(claim), claim, gateway)).fetchone()
            if row is None:
                return None
            if row["request_id"] is None and request_id and row["told"] != request_id:
                return update_job(connection, row["id"], told=request_id)
            return job_of(row)

        return await self._database.write(operation)

    async def expected(self, gateway: str) -> list[Job]:
        """The jobs that the gateway was to call about, and whose end was not passed on; oldest first."""
        return await self._database.read(
            lambda connection: [job_of(row) for row in connection.execute(_EXPECTED, (gateway,))]
        )

    async def current(self, job: Job) -> Job:
        """The record as it is now; what a dead run left of it is settled."""

        def operation(connection: sqlite3.Connection) -> Job:
            row = connection.execute("SELECT run FROM jobs WHERE id = ?", (job.id,)).fetchone()
            if row is None:  # it was not submitted after all
                return replace(job, state="forgotten", request_id=None, told=None)
            there = read_job(connection, job.id)
            if there.state in {"reserved", "submitting"} and not self._lock.is_alive(row["run"]):
                settle(connection, there.id, "submitting")  # a callback came: it was sent
                there = read_job(connection, job.id)
            return there

        return await self._database.write(operation)

    async def is_anothers(self, job: Job) -> bool:  # noqa: ARG002 - there is nobody else
        """Whether what a callback said is the id of another machine's job."""
        return False

    async def disbelieve(self, job: Job) -> None:
        """What a callback said of the job's id was not so; what another has said since stands."""
        query = "UPDATE jobs SET told = NULL WHERE id = ? AND told = ?"
        await self._database.write(lambda connection: connection.execute(query, (job.id, job.told)))

    async def take(self, job: Job) -> bool:
        """Whether this run is the one to pass on how the job ended: another that is at it lives, or has done it."""
        run = self._lock.take()

        def operation(connection: sqlite3.Connection) -> bool:
            query = "SELECT heard_at, listener FROM jobs WHERE id = ?"
            row = connection.execute(query, (job.id,)).fetchone()
            if row is None or row["heard_at"] is not None:
                return False
            if row["listener"] not in {None, run} and self._lock.is_alive(row["listener"]):
                return False
            update_job(connection, job.id, listener=run)
            return True

        return await self._database.write(operation)

    async def passed_on(self, job: Job) -> None:
        """The user's programs know of the job's end."""
        await self._database.write(lambda connection: update_job(connection, job.id, heard_at=now()))


class SharedCalls(Calls):
    """`Calls`, about the jobs of other machines as well. `bring_home` makes a record of the board one of our own."""

    def __init__(
        self, database: Database, lock: RunLock, folder: str, *,
        open_board: Callable[[], Awaitable[Board]], begin_beating: Callable[[], Awaitable[None]],
        bring_home: Callable[[Record, Draft], Awaitable[Job]],
    ) -> None:  # fmt: skip
        super().__init__(database, lock, folder)
        self._open_board = open_board
        self._begin_beating = begin_beating
        self._bring_home = bring_home

    async def secrets(self) -> tuple[str, ...]:
        """The board's, which all of its machines know; addresses that were made before there was one hold as well."""
        board = await self._open_board()
        return (board.secret, *await super().secrets())

    async def told(self, gateway: str, claim: str, request_id: str | None) -> Job | None:
        """See `Calls`; a job of another machine becomes one of ours."""
        job = await super().told(gateway, claim, request_id)
        if job is not None:
            return job
        board = await self._open_board()
        known = (await board.look([key_of(claim)])).get(key_of(claim))
        if known is None or known.gateway != gateway:
            return None
        if known.claim == claim:
            await self._bring_home(known, _draft_of(known))
        else:  # an earlier attempt, of which its own machine alone knows; the address says that there was one
            earlier = replace(_draft_of(known), claim=claim, tags=())
            await self._database.write(lambda connection: _insert_once(connection, earlier))
        return await super().told(gateway, claim, request_id)

    async def current(self, job: Job) -> Job:
        """See `Calls`; of what another machine may still be sending, too, nothing is settled."""
        there = await super().current(job)
        if there.state != "unknown" or there.claim is None:
            return there
        board = await self._open_board()
        known = (await board.look([there.key])).get(there.key)
        is_held = known is not None and known.claim == there.claim and known.state == "submitting"
        if is_held and known is not None and await board.is_alive(known.run):
            return replace(there, state="submitting")
        return there

    async def is_anothers(self, job: Job) -> bool:
        """See `Calls`."""
        if job.told is None:
            return False
        found = await (await self._open_board()).find(job.gateway, job.told)
        return found is not None and found.key != job.key

    async def take(self, job: Job) -> bool:
        """See `Calls`: nor does a listener of another machine."""
        if not await super().take(job):
            return False
        board, there = await self._record_of(job)
        if there is None:
            return True
        if there.facts.get("heard"):
            await super().passed_on(job)
            return False
        await self._begin_beating()
        run, listener = self._lock.take(), there.facts.get("listener")
        if listener not in {None, run} and await board.is_alive(listener):
            return False
        return await board.post(replace(there, facts={**there.facts, "listener": run})) is not None

    async def passed_on(self, job: Job) -> None:
        """See `Calls`; no listener of another machine tells them again."""
        await super().passed_on(job)
        while True:
            board, there = await self._record_of(job)
            if there is None or await board.post(replace(there, facts={**there.facts, "heard": True})) is not None:
                return

    async def _record_of(self, job: Job) -> tuple[Board, Record | None]:
        """What the board has of that very attempt."""
        board = await self._open_board()
        there = (await board.look([job.key])).get(job.key)
        return board, there if there is not None and there.claim == job.claim else None


def read_secret(folder: str) -> str:
    """This user's secret, made where there is none; LedgerError where that cannot be kept."""
    path = os.path.join(folder, "callbacks.secret")
    try:
        with suppress(FileNotFoundError):
            return _read(path)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        part = f"{path}.{secrets.token_hex(8)}"
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            with suppress(FileExistsError):  # another process was faster
                os.link(part, path)
        finally:
            os.unlink(part)
        return _read(path)
    except OSError as error:
        raise LedgerError(f"the secret of callbacks cannot be kept: {path}: {error.strerror}") from error


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        secret = file.read().strip()
    if not secret:
        raise LedgerError(f"{path} is empty", hint="delete it: addresses that were made with it do not hold any more")
    return secret


def _insert_once(connection: sqlite3.Connection, draft: Draft) -> None:
    if connection.execute("SELECT 1 FROM jobs WHERE claim = ?", (draft.claim,)).fetchone() is None:
        insert_job(connection, draft, run=None, state="unknown")


def _draft_of(known: Record) -> Draft:
    facts = known.facts
    return Draft(
        key=known.key,
        key_name=facts.get("key_name"),
        gateway=known.gateway,
        endpoint=facts.get("endpoint"),
        source=facts.get("source"),
        name=facts.get("name") or known.key,
        params=facts.get("params") or {},
        output=None,
        price=known.price,
        profile=facts.get("profile") or "default",
        claim=known.claim,
        tags=tuple(facts.get("tags") or ()),
    )
