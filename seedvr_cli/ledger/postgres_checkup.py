"""What a PostgreSQL has to be, so that a board in it keeps its promise. Asks only, one statement a transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg

from seedvr_cli.values.checkup import Check, clock_check
from seedvr_cli.values.urls import is_loopback

# By table, what a run does with it.
RIGHTS = {
    "seedvr_meta": ("SELECT",),
    "seedvr_board": ("SELECT", "INSERT", "UPDATE"),
    "seedvr_runs": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "seedvr_days": ("SELECT", "INSERT", "UPDATE"),
    "seedvr_rates": ("SELECT", "INSERT", "UPDATE"),
    "seedvr_tags": ("SELECT", "INSERT", "UPDATE"),
}
# What boards of earlier versions have not, and only caps of tags need.
LATER = "seedvr_tags"
_FACTS: LiteralString = (
    "SELECT current_setting('server_version'), pg_backend_pid(), pg_is_in_recovery(),"
    " current_setting('transaction_read_only') = 'on', current_setting('fsync', true),"
    " current_setting('synchronous_commit', true), coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),"
    " clock_timestamp()"
)
_RIGHTS: LiteralString = (
    "SELECT asked.name, asked.word, to_regclass(asked.name) IS NOT NULL,"
    " coalesce(has_table_privilege(to_regclass(asked.name), asked.word), false)"
    " FROM unnest(%s::text[], %s::text[]) AS asked (name, word)"
)

Connection = psycopg.AsyncConnection[Any]


async def examine_server(connection: Connection, name: str, newest: int) -> tuple[list[Check], str]:
    """The findings, and the board's id, which is empty where there is none yet. Raises psycopg.Error.

    `newest` is the latest version of the tables that is known here.
    """
    before = datetime.now(UTC)
    facts = await (await connection.execute(_FACTS)).fetchone()
    ours = before + (datetime.now(UTC) - before) / 2
    assert facts is not None
    version, process, is_standby, is_read_only, fsync, commit, may_make, theirs = facts
    tables, board = await _check_tables(connection, newest, may_make=may_make)
    return [
        check_server(connection, name, version, process, is_standby=is_standby, is_read_only=is_read_only),
        check_way(connection.info.host, connection.info.hostaddr, is_secure=bool(connection.pgconn.ssl_in_use)),
        check_durability(fsync, commit),
        tables,
        clock_check("shared-clock", "the shared ledger's", theirs, ours, "the day of max-cost-per-day is its own"),
    ], board


def check_server(
    connection: Connection, name: str, version: str, process: int, *, is_standby: bool, is_read_only: bool
) -> Check:
    """Who answers, and whether it takes writes. `process` is the one that works, by its own account."""
    text = f"{name}: PostgreSQL {version}, as {connection.info.user}"
    if connection.pgconn.backend_pid != process:  # what answers is not what works
        text += ", behind a pooler"
    if is_standby:
        return Check("shared", "problem", f"{text}: it is a standby, which nobody can write to", "name the primary")
    if is_read_only:
        return Check("shared", "problem", f"{text}: it is read-only",
                     "name a server that is not, or turn default_transaction_read_only off")  # fmt: skip
    return Check("shared", "ok", text)


def check_way(host: str, address: str, *, is_secure: bool) -> Check:
    """Whether others could listen."""
    if is_secure:
        return Check("shared-tls", "ok", "the shared ledger is asked over TLS")
    if not host or host.startswith(("/", "@")):
        return Check("shared-tls", "ok", "the shared ledger is asked over a socket of this machine")
    if is_loopback(address or host):
        return Check("shared-tls", "ok", "the shared ledger is asked on this machine")
    return Check("shared-tls", "problem", f"all that the shared ledger on {host} is told goes in the clear",
                 "put the host into the URL, and sslmode=verify-full behind it")  # fmt: skip


def check_durability(fsync: str | None, commit: str | None) -> Check:
    """Whether a claim that was answered outlives a crash of the server."""
    if fsync == "off":
        return Check("shared-durability", "problem", "the server has fsync off: a crash may lose claims, and jobs would"
                     " be paid twice", "set fsync = on in its postgresql.conf")  # fmt: skip
    if commit == "off":
        return Check("shared-durability", "warning", "the server has synchronous_commit off: claims turn it on for"
                     " themselves, but a crash may lose what the day has cost",
                     "ALTER DATABASE ... SET synchronous_commit = on")  # fmt: skip
    return Check("shared-durability", "ok", "a claim is on the server's disk when it is answered")


async def _check_tables(connection: Connection, newest: int, *, may_make: bool) -> tuple[Check, str]:
    asked = [(table, word) for table, words in RIGHTS.items() for word in words]
    rows = await (await connection.execute(_RIGHTS, list(map(list, zip(*asked, strict=True))))).fetchall()
    there = {table for table, _, is_there, _ in rows if is_there}
    if "seedvr_meta" not in there:
        return _without_tables(may_make=may_make), ""
    board = ""
    if any(may for table, _, _, may in rows if table == "seedvr_meta"):
        meta = await (await connection.execute("SELECT version, id FROM seedvr_meta")).fetchone()
        board = str(meta[1]) if meta else ""
        if meta is None or meta[0] > newest:
            return Check("shared-tables", "problem", "its tables were made by a newer seedvr", "update seedvr"), board
    if missing := sorted(RIGHTS.keys() - there - {LATER}):
        hint = "restore them from a backup: what they knew would be paid again"
        return Check("shared-tables", "problem", f"{', '.join(missing)}: there is no such table any more", hint), board
    if LATER not in there:
        return _without_tags(may_make=may_make), board
    return _judge_rights(connection.info.user, rows), board


def _without_tables(*, may_make: bool) -> Check:
    if may_make:
        return Check("shared-tables", "ok", "it has no tables yet: the first run makes them")
    return Check("shared-tables", "problem", "it has no tables yet, and this user may not make them",
                 "somebody who may runs 'seedvr ledger init' once, and grants the rest")  # fmt: skip


def _without_tags(*, may_make: bool) -> Check:
    if may_make:
        return Check("shared-tables", "ok", "its tables are of an earlier version: the next run brings them up")
    return Check("shared-tables", "warning", "its tables are of an earlier version: what is spent under a tag is not"
                 " counted", "somebody who may runs 'seedvr ledger init' once, and grants the rest")  # fmt: skip


def _judge_rights(user: str, rows: Sequence[tuple[str, str, bool, bool]]) -> Check:
    refused = [f"{word} on {table}" for table, word, _, may in rows if not may]
    if not refused:
        return Check("shared-tables", "ok", "its tables are there, to be read and written")
    hint = f'GRANT SELECT, INSERT, UPDATE, DELETE ON {", ".join(RIGHTS)} TO "{user}"'
    return Check("shared-tables", "problem", f"{user} has no right to {', '.join(refused)}", hint)
