"""The ledger's file: opened or made, and never silently replaced where it is damaged or gone."""

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from seedvr_cli.ledger.place import damaged_path, marker_path
from seedvr_cli.ledger.rows import as_stored
from seedvr_cli.values.errors import LedgerError

# Seconds to wait for another process that writes; a group commit takes milliseconds.
BUSY_SECONDS = 60.0
# Write-ahead logging may corrupt a database with several writers in SQLite before this version.
FIRST_SAFE_WAL = (3, 51, 3)

# Makes the tables, or brings them up to date, of the database at that path.
Prepare = Callable[[sqlite3.Connection, str], None]


class _Connection(sqlite3.Connection):
    """Any path can be looked for and stored, whatever bytes are in it."""

    def execute(self, sql: str, parameters: Iterable[Any] = (), /) -> sqlite3.Cursor:  # type: ignore[override]
        values = [as_stored(value) if isinstance(value, str) else value for value in parameters]
        return super().execute(sql, values)


def open_database(path: str, prepare: Prepare) -> sqlite3.Connection:
    """The database, made if need be. A damaged one is set aside, and never silently replaced."""
    connection = None
    try:
        is_new = is_to_be_made(path)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        os.chmod(path, 0o600)
        connection.row_factory = sqlite3.Row
        if is_new:
            journal = "WAL" if sqlite3.sqlite_version_info >= FIRST_SAFE_WAL else "DELETE"
            connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("PRAGMA synchronous = FULL")
        prepare(connection, path)
        connection.execute("SELECT count(*) FROM (SELECT 1 FROM jobs LIMIT 1)")
        if not os.path.exists(marker_path(path)):
            os.close(os.open(marker_path(path), os.O_WRONLY | os.O_CREAT, 0o600))
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error | OSError):
            raise translate(error, path) from error
        raise
    return connection


def is_to_be_made(path: str) -> bool:
    """Whether there never was a ledger; LedgerError where one is gone, or stands aside."""
    aside = damaged_path(path)
    if os.path.exists(aside):
        raise LedgerError(
            f"the ledger was damaged and stands aside as {aside}; without it, what it knew would be paid again",
            hint="restore ledger.sqlite3 from a backup, or delete the damaged file to begin a new ledger",
        )
    is_missing = not os.path.exists(path) or os.path.getsize(path) == 0
    if is_missing and os.path.exists(marker_path(path)):
        raise LedgerError(
            f"the ledger {path} is gone; without it, what it knew would be paid again",
            hint=f"restore it from a backup, or delete {marker_path(path)} to begin a new ledger",
        )
    return is_missing


def translate(error: Exception, path: str) -> LedgerError:
    """What a failure of the database means for the user; a damaged one is set aside."""
    text = str(error)
    is_damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    if is_damaged and ("not a database" in text or "malformed" in text or "encrypted" in text):
        try:
            os.rename(path, damaged_path(path))
            with suppress(FileNotFoundError):
                os.unlink(marker_path(path))  # whoever deletes the damaged one means to begin anew
        except OSError:
            return LedgerError(f"the ledger {path} is damaged ({text})", hint="move it away to begin a new one")
        return LedgerError(
            f"the ledger was damaged ({text}) and is set aside as {damaged_path(path)}; nothing was submitted",
            hint="restore it from a backup, or delete the damaged file to begin a new one: its jobs may be paid again",
        )
    if "locked" in text:
        return LedgerError(
            f"the ledger {path} has been locked by another process for {BUSY_SECONDS:.0f} seconds",
            hint="end that process, then run the same command again",
        )
    return LedgerError(f"the ledger {path} cannot be used: {text}", hint="free or repair the disk, then try again")
