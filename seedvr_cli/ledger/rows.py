"""Rows of the ledger's tables as values, and back."""

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from seedvr_cli.values.errors import LedgerError
from seedvr_cli.values.job import Draft, File, Job, State
from seedvr_cli.values.version import Version

# SQLite, boards and JSON take Unicode only, and the name of a file is whatever bytes it is: those that are none, which
# Python reads as surrogates, stand there as characters at the end of the last private area, which nobody uses.
_BYTES = range(0x80, 0x100)
_STORED = {0xDC00 + byte: 0x10FF00 + byte for byte in _BYTES}
_READ = {stored: read for read, stored in _STORED.items()}

# What a record of a delivery said when it was looked at: path, run, whether it was done.
Mark = tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file of a job, as recorded: under way, or `done` with the facts to recognise it by.

    `proof` is size and SHA-256 of the whole file, from before it gets its name on. `made` is what it has beyond what
    the gateway sent; None where that is not known.
    """

    position: int
    path: str
    run: str
    done: bool
    replaces: bool
    etag: str | None
    pieces: str | None
    file: File | None
    mtime_ns: int | None
    made: frozenset[str] | None = None
    proof: tuple[int, str] | None = None

    @property
    def mark(self) -> Mark:
        """Another run's work on it changes this."""
        return self.path, self.run, self.done

    def is_named(self) -> bool:
        """Whether what stands at the path is the file, which nobody has lived to record."""
        if self.done or self.proof is None:
            return False
        try:
            size, sha256 = self.proof
            return os.stat(self.path).st_size == size and digest(self.path) == sha256
        except OSError:
            return False

    def is_whole(self) -> bool:
        """Whether the file on disk is the one that was delivered: by size and time, or else by its content."""
        if not self.done or self.file is None:
            return False
        try:
            facts = os.stat(self.path)
            if facts.st_size != self.file.bytes:
                return False
            return facts.st_mtime_ns == self.mtime_ns or digest(self.path) == self.file.sha256
        except OSError:
            return False


def as_stored(text: str) -> str:
    """The text, which may be a path, as it can be stored and looked for."""
    return text if text.isascii() else text.translate(_STORED)


def as_read(text: str) -> str:
    """The path again that was stored."""
    return text if text.isascii() else text.translate(_READ)


def digest(path: str) -> str:
    """SHA-256 of a file, in hex."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def insert_job(
    connection: sqlite3.Connection, draft: Draft, state: State, run: str | None, **more: Any
) -> Job:  # fmt: skip
    """A new record. `more` are columns beyond those of the draft."""
    columns = {
        "key": draft.key,
        "key_name": draft.key_name,
        "gateway": draft.gateway,
        "endpoint": draft.endpoint,
        "source": draft.source,
        "name": draft.name,
        "params": json.dumps(dict(draft.params)),
        "output": draft.output,
        "price": draft.price,
        "profile": draft.profile,
        "claim": draft.claim,
        "seen": as_seen(draft.seen),
        "tags": json.dumps(draft.tags) if draft.tags else None,
        "folder": draft.folder,
        "run": run,
        "state": state,
        **more,
    }
    marks = ", ".join("?" * len(columns))
    cursor = connection.execute(
        f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608 - our names
        tuple(columns.values()),
    )
    return job_of(connection.execute("SELECT * FROM jobs WHERE id = ?", (cursor.lastrowid,)).fetchone())


def update_job(connection: sqlite3.Connection, job: int, **fields: Any) -> Job:
    """Other values for these columns; the record as it is then."""
    columns = ", ".join(f"{name} = ?" for name in fields)
    connection.execute(f"UPDATE jobs SET {columns} WHERE id = ?", (*fields.values(), job))  # noqa: S608 - our names
    return read_job(connection, job)


def read_job(connection: sqlite3.Connection, job: int) -> Job:
    """The record; LedgerError where somebody has taken it away."""
    row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
    if row is None:
        raise LedgerError(f"the ledger has no job {job} any more", hint="restore it from a backup")
    return job_of(row)


def job_of(record: sqlite3.Row) -> Job:
    row = dict(zip(record.keys(), record, strict=True))  # a Row looks for a name from its first column on
    return Job(
        id=row["id"],
        key=row["key"],
        key_name=row["key_name"],
        gateway=row["gateway"],
        endpoint=row["endpoint"],
        source=row["source"] and as_read(row["source"]),
        name=as_read(row["name"]),
        params=_mapping(row["params"]),
        output=row["output"] and as_read(row["output"]),
        price=row["price"],
        profile=row["profile"],
        claim=row["claim"],
        seen=Version(**json.loads(row["seen"])) if row["seen"] else None,
        tags=tuple(json.loads(row["tags"] or "[]")),
        folder=row["folder"],
        state=row["state"],
        status=row["status"],
        request_id=row["request_id"],
        media_url=tuple(json.loads(row["media_url"] or "[]")),
        media_type=row["media_type"],
        error=row["error"],
        extra=_mapping(row["extra"]),
        submitted_at=instant_of(row["submitted_at"]),
        created_at=instant_of(row["created_at"]),
        completed_at=instant_of(row["completed_at"]),
        ended_at=instant_of(row["ended_at"]),
        asked_at=instant_of(row["asked_at"]),
        told=row["told"],
        is_heard=row["heard_at"] is not None,
    )


def as_seen(version: Version | None) -> str | None:
    """As the column has it."""
    return None if version is None else json.dumps(asdict(version))


def _mapping(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text and text != "{}" else {}


def delivery_of(row: Mapping[str, Any]) -> Delivery:
    done = row["done_at"] is not None
    path = as_read(row["path"])
    file = File(path, row["bytes"], row["sha256"], row["media_type"], row["width"], row["height"])
    return Delivery(
        position=row["position"],
        path=path,
        run=row["run"],
        done=done,
        replaces=bool(row["replaces"]),
        etag=row["etag"],
        pieces=row["pieces"],
        file=file if done else None,
        mtime_ns=row["mtime_ns"],
        made=None if row["made"] is None else frozenset(row["made"].split()),
        proof=(row["bytes"], row["sha256"]) if row["sha256"] else None,
    )


def now() -> float:
    return datetime.now(UTC).timestamp()


def stamp(instant: datetime | None) -> float | None:
    return instant.timestamp() if instant else None


def instant_of(stamp: float | None) -> datetime | None:
    """None, too, for a stamp beyond all calendars, as a gateway may have it."""
    try:
        return None if stamp is None else datetime.fromtimestamp(stamp, UTC)
    except (ValueError, OverflowError, OSError):
        return None
