"""What dead runs left is settled: what they still held was not sent, what they were sending is unknown."""

import sqlite3
from collections.abc import Callable

from seedvr_cli.ledger.rows import update_job


def settle(connection: sqlite3.Connection, job: int, state: str) -> None:
    """One record that was `reserved` or `submitting`."""
    if state == "reserved":
        connection.execute("DELETE FROM jobs WHERE id = ?", (job,))
    else:
        message = "the run was stopped while the submission was under way"
        update_job(connection, job, state="unknown", error=message)


def settle_dead(connection: sqlite3.Connection, is_alive: Callable[[str], bool]) -> None:
    """All of them; in a transaction of its own where none is open, which nobody waits for where there are none."""
    query = "SELECT id, state, run FROM jobs WHERE state IN ('reserved', 'submitting')"
    if all(is_alive(row["run"]) for row in connection.execute(query).fetchall()):
        return
    is_open = connection.in_transaction
    if not is_open:
        connection.execute("BEGIN IMMEDIATE")
    for row in connection.execute(query).fetchall():
        if not is_alive(row["run"]):
            settle(connection, row["id"], row["state"])
    if not is_open:
        connection.execute("COMMIT")
