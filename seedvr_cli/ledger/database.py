"""SQLite behind the event loop: operations that wait are one transaction, and one flush of the disk.

What may wait for the disk or for other processes is done in a thread; the statements themselves run in the loop, as a
thread that shares the interpreter with a busy loop would wait for it at each of them.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from seedvr_cli.values.errors import LedgerError

# Seconds to wait for another process that writes; a group commit takes milliseconds.
BUSY_SECONDS = 60.0
# Write-ahead logging may corrupt a database with several writers in SQLite before this version.
FIRST_SAFE_WAL = (3, 51, 3)
# Operations in one transaction: enough to spread the flush, few enough to let other processes in.
LARGEST_GROUP = 256

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]
# Makes the tables, or brings them up to date, of the database at that path.
Prepare = Callable[[sqlite3.Connection, str], None]


@dataclass(slots=True)
class _Waiting:
    operation: Operation[Any]
    is_write: bool
    future: "asyncio.Future[Any]"


class Database:
    """One connection. Operations raise LedgerError where the file cannot be read or written, or is damaged."""

    def __init__(self, path: str, prepare: Prepare) -> None:
        self.path = path
        self._prepare = prepare
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._is_closing = False

    async def open(self) -> None:
        """Open the file, made if need be."""
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        try:
            self._connection = await self._in_thread(lambda: open_database(self.path, self._prepare))
        except BaseException:
            self._executor.shutdown(wait=False)
            raise
        facts = os.stat(self.path)
        self._identity = facts.st_dev, facts.st_ino
        self._server = asyncio.create_task(self._serve())

    async def close(self) -> None:
        """Do what still waits, and close the file."""
        self._is_closing = True
        self._wake.set()
        await self._server
        await self._in_thread(self._connection.close)
        self._executor.shutdown()

    async def read(self, operation: Operation[T]) -> T:
        """Run an operation that changes nothing."""
        return await self._submit(operation, is_write=False)

    async def write(self, operation: Operation[T]) -> T:
        """Run an operation; it is on disk when this returns."""
        return await self._submit(operation, is_write=True)

    async def _submit(self, operation: Operation[T], *, is_write: bool) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(operation, is_write, future))
        self._wake.set()
        return await future

    async def _serve(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
                await self._run(group)
            if self._is_closing:
                return

    async def _run(self, group: list[_Waiting]) -> None:
        """One transaction for the whole group: all of it is on disk, or none of it is."""
        connection = self._connection
        try:
            self._check_file()
            if any(waiting.is_write for waiting in group):
                await self._in_thread(lambda: connection.execute("BEGIN IMMEDIATE"))
                results = [waiting.operation(connection) for waiting in group]
                await self._in_thread(lambda: connection.execute("COMMIT"))
            else:
                results = await self._in_thread(lambda: [waiting.operation(connection) for waiting in group])
        except Exception as error:  # noqa: BLE001 - whoever asked must hear of it, and the others must go on
            was_open = connection.in_transaction
            if was_open:
                with suppress(sqlite3.Error):
                    connection.rollback()
            if was_open and len(group) > 1:  # one operation's failure is not the others'
                for waiting in group:
                    await self._run([waiting])
                return
            failure = translate(error, self.path) if isinstance(error, (sqlite3.Error, OSError)) else error
            for waiting in group:
                if not waiting.future.done():
                    waiting.future.set_exception(failure)
            return
        for waiting, result in zip(group, results, strict=True):
            if not waiting.future.done():
                waiting.future.set_result(result)

    def _check_file(self) -> None:
        """LedgerError where the open file is no longer the one that other runs find: what it records is lost."""
        try:
            facts = os.stat(self.path)
            is_same = (facts.st_dev, facts.st_ino) == self._identity
        except FileNotFoundError:
            is_same = False
        if not is_same:
            raise LedgerError(
                f"the ledger {self.path} was deleted or replaced while this run was at work",
                hint="restore it from a backup; without it, what it knew would be paid again",
            )

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


def open_database(path: str, prepare: Prepare) -> sqlite3.Connection:
    """The database, made if need be. A damaged one is set aside, and never silently replaced."""
    aside = f"{path}.damaged"
    if os.path.exists(aside):
        raise LedgerError(
            f"the ledger was damaged and stands aside as {aside}; without it, what it knew would be paid again",
            hint="restore ledger.sqlite3 from a backup, or delete the damaged file to begin a new ledger",
        )
    connection = None
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        is_new = not os.path.exists(path) or os.path.getsize(path) == 0
        if is_new and os.path.exists(_marker(path)):
            raise LedgerError(  # noqa: TRY301 - one way out for whatever goes wrong here
                f"the ledger {path} is gone; without it, what it knew would be paid again",
                hint=f"restore it from a backup, or delete {_marker(path)} to begin a new ledger",
            )
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        os.chmod(path, 0o600)
        connection.row_factory = sqlite3.Row
        if is_new:
            journal = "WAL" if sqlite3.sqlite_version_info >= FIRST_SAFE_WAL else "DELETE"
            connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("PRAGMA synchronous = FULL")
        prepare(connection, path)
        connection.execute("SELECT count(*) FROM (SELECT 1 FROM jobs LIMIT 1)")
        if not os.path.exists(_marker(path)):
            os.close(os.open(_marker(path), os.O_WRONLY | os.O_CREAT, 0o600))
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error | OSError):
            raise translate(error, path) from error
        raise
    return connection


def _marker(path: str) -> str:
    """An empty file beside the ledger which says that there is one: a ledger that is missing is no new ledger."""
    return f"{path}.exists"


def translate(error: Exception, path: str) -> LedgerError:
    """What a failure of the database means for the user; a damaged one is set aside."""
    text = str(error)
    is_damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    if is_damaged and ("not a database" in text or "malformed" in text or "encrypted" in text):
        try:
            os.rename(path, f"{path}.damaged")
            with suppress(FileNotFoundError):
                os.unlink(_marker(path))  # whoever deletes the damaged one means to begin anew
        except OSError:
            return LedgerError(f"the ledger {path} is damaged ({text})", hint="move it away to begin a new one")
        return LedgerError(
            f"the ledger was damaged ({text}) and is set aside as {path}.damaged; nothing was submitted",
            hint="restore it from a backup, or delete the damaged file to begin a new one: its jobs may be paid again",
        )
    if "locked" in text:
        return LedgerError(
            f"the ledger {path} has been locked by another process for {BUSY_SECONDS:.0f} seconds",
            hint="end that process, then run the same command again",
        )
    return LedgerError(f"the ledger {path} cannot be used: {text}", hint="free or repair the disk, then try again")
