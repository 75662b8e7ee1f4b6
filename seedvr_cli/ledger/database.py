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

from seedvr_cli.ledger.file import BUSY_SECONDS, Prepare, open_database, translate
from seedvr_cli.values.errors import LedgerError

# Operations in one transaction: enough to spread the flush, few enough to let other processes in.
LARGEST_GROUP = 256

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]


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
                await self._begin(connection)
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

    async def _begin(self, connection: sqlite3.Connection) -> None:
        """Take the lock of all writers: at once where it is free, else in a thread, which waits for it."""
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # the rest of it says why
                raise
        finally:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
        if not connection.in_transaction:
            await self._in_thread(lambda: connection.execute("BEGIN IMMEDIATE"))

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
