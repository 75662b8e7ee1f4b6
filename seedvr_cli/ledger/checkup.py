"""What `doctor` asks of this machine's ledger. Nothing is made, moved, brought up to date or settled."""

import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import quote

from seedvr_cli.ledger.backlog import COUNTS, has_debts, is_known
from seedvr_cli.ledger.file import is_to_be_made
from seedvr_cli.ledger.migrations import MIGRATIONS
from seedvr_cli.ledger.mounts import network_kind
from seedvr_cli.ledger.place import ledger_path
from seedvr_cli.ledger.runs import is_locked
from seedvr_cli.values.checkup import Check
from seedvr_cli.values.errors import LedgerError
from seedvr_cli.values.urls import DEFAULT_BASE_URL, SANDBOX_NAME

# Seconds to wait for another process that writes, and to look through a large ledger.
BUSY_SECONDS = 2.0
LOOK_SECONDS = 3.0
# Bytes that have to be free on its disk.
LEAST_SPACE = 500 << 20
# And without which nothing can be written down.
NO_SPACE = 1 << 20
# Steps of SQLite between two looks at the clock.
STEPS = 100_000


def check_ledger(folder: str, gateway: str) -> list[Check]:
    """The ledger of a state folder: whole, ours to write, known to this version, and what it has unanswered."""
    path = ledger_path(folder)
    try:
        if is_to_be_made(path):
            return [Check("ledger", "ok", f"there is none yet: the first job makes {path}"), check_place(folder)]
        with _opened(path) as connection:
            checks = [_check_content(connection, path)]
            if checks[0].state == "ok":
                checks.append(_check_unknown(connection, folder, gateway))
    except LedgerError as error:
        return [Check("ledger", "problem", error.message, error.hint), check_place(folder)]
    except sqlite3.Error as error:
        return [_trouble(error, path), check_place(folder)]
    return [*checks, check_place(folder)]


def check_place(folder: str) -> Check:
    """Where the ledger is kept, or will be: the folder may be written to, and its disk is this machine's own."""
    there = folder
    while not os.path.exists(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    path = ledger_path(folder)
    for one in (there, *filter(os.path.exists, [path])):
        if not os.access(one, os.W_OK | (os.X_OK if os.path.isdir(one) else 0)) or not os.path.isdir(there):
            return Check("state-folder", "problem", f"{one} cannot be written to, and no job without it",
                         "give it to your own user, or set SEEDVR_HOME to another folder")  # fmt: skip
    if kind := network_kind(there):
        return Check("state-folder", "warning", f"{folder} lies on the network ({kind}), where locks may not hold",
                     "set SEEDVR_HOME to a folder of this machine, or share a ledger: SEEDVR_LEDGER_URL")  # fmt: skip
    free = shutil.disk_usage(there).free
    if free < NO_SPACE:
        return Check("state-folder", "problem", f"{folder}: its disk is full, and no job without it", "make room there")
    if free < LEAST_SPACE:
        return Check("state-folder", "warning", f"{folder}: {free >> 20} MB are free", "make room on that disk")
    return Check("state-folder", "ok", f"{folder}: {free >> 20} MB are free")


def check_backlog(folder: str, board: str) -> Check:
    """Whether this machine has paid for what the board of that id (empty: one that is not made yet) has never heard of.

    Raises sqlite3.Error where its own ledger cannot be read, which another check says.
    """
    path = ledger_path(folder)
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return Check("backlog", "ok", "this machine has nothing to tell the shared ledger")
    if not is_known(path, board):
        with _opened(path) as connection:
            if connection.execute(f"SELECT 1 FROM jobs WHERE {COUNTS} LIMIT 1").fetchone():  # noqa: S608 - our own text
                return Check("backlog", "warning", "the shared ledger does not know yet what this machine has paid for",
                             "run 'seedvr ledger push' once; until then nothing is submitted here")  # fmt: skip
    elif has_debts(path, board):
        return Check("backlog", "warning", "the shared ledger was not told what became of some jobs",
                     "the next run tells it, or 'seedvr ledger push'")  # fmt: skip
    return Check("backlog", "ok", "the shared ledger knows what this machine has paid for")


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    """The file as any command opens it, so that what a killed run left half written is undone; but never made."""
    uri = f"file:{quote(path)}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        yield connection


def _check_content(connection: sqlite3.Connection, path: str) -> Check:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        return Check("ledger", "problem", f"{path} was written by a newer seedvr", "update seedvr")
    found = _quick_check(connection)
    if found not in {"ok", None}:
        return _damage(path, str(found))
    count = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
    words = [f"{path}: {count} {'job' if count == 1 else 'jobs'}, version {version}"]
    if found is None:
        words.append("too large to be looked through now")
    if version < len(MIGRATIONS):
        words.append("the next run brings it up to date, with a copy beside it")
    return Check("ledger", "ok", "; ".join(words))


def _quick_check(connection: sqlite3.Connection) -> str | None:
    """What SQLite finds first, "ok" where it finds nothing; None where there was no time to look at it all."""
    until = time.monotonic() + LOOK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
    try:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return None
    finally:
        connection.set_progress_handler(None, 0)


def _check_unknown(connection: sqlite3.Connection, folder: str, gateway: str) -> Check:
    """Submissions without an answer, those included whose run is dead: the next run finds them so."""
    query = "SELECT gateway, count(*) FROM jobs WHERE state = 'unknown' GROUP BY gateway"
    counts = Counter(dict(connection.execute(query).fetchall()))
    for run, where in connection.execute("SELECT run, gateway FROM jobs WHERE state = 'submitting'"):
        if run is None or not is_locked(os.path.join(folder, "runs", run)):
            counts[where] += 1
    if gateway != SANDBOX_NAME:
        counts.pop(SANDBOX_NAME, None)  # which costs nothing
    if not counts:
        return Check("unknown", "ok", "every submission was answered")
    total = counts.total()
    what = "1 submission was" if total == 1 else f"{total} submissions were"
    lists = " and ".join(f"'seedvr status --unknown{_flag(one)}'" for one in sorted(counts))
    hint = f"{lists} lists them; look on the gateway's own pages, then 'seedvr forget' settles them"
    return Check("unknown", "warning", f"{what} never answered, and may be charged", hint)


def _flag(gateway: str) -> str:
    if gateway == SANDBOX_NAME:
        return " --sandbox"
    return "" if gateway == DEFAULT_BASE_URL else f" --base-url {gateway}"


def _trouble(error: sqlite3.Error, path: str) -> Check:
    if "locked" in str(error):
        return Check("ledger", "warning", f"another process has had {path} locked for {BUSY_SECONDS:g} seconds",
                     "look again when that is done")  # fmt: skip
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return _damage(path, str(error))
    return Check("ledger", "problem", f"{path} cannot be read: {error}", "free or repair the disk, then look again")


def _damage(path: str, what: str) -> Check:
    return Check("ledger", "problem", f"{path} is damaged: {what}",
                 "restore it from a backup: what it no longer knows would be paid again")  # fmt: skip
