"""A job as a record of the board, and a record as a job of this machine."""

import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from seedvr_cli.ledger.board import BoardState, Record
from seedvr_cli.ledger.rows import as_stored, insert_job, job_of, stamp, update_job
from seedvr_cli.values.job import Draft, Job
from seedvr_cli.values.schedule import iso, parse_timestamp

# States of records whose job may have cost something.
_COSTLY = frozenset({"running", "completed", "failed", "unknown"})
# Of jobs of another machine, which this one never submitted, those that were unknown there when they were brought home.
_IS_COPY = "key = ? AND gateway = ? AND run IS NULL AND state = 'unknown' AND request_id IS NULL"


def record_of(draft: Draft, run: str, state: BoardState, before: Record | None = None) -> Record:
    """What other machines are to know of a job, under a claim of its own, in place of what was there `before`.

    That goes with it, if it may have cost something: it counts again where nothing comes of the job.
    """
    return Record(
        key=draft.key,
        state=state,
        run=run,
        claim=draft.claim or uuid.uuid4().hex,
        gateway=draft.gateway,
        price=draft.price or 0,
        request_id=draft.request_id if isinstance(draft, Job) else None,
        facts={"endpoint": draft.endpoint, "source": draft.source and as_stored(draft.source),
               "name": as_stored(draft.name), "profile": draft.profile,
               "params": dict(draft.params), "key_name": draft.key_name,
               **({"tags": list(draft.tags)} if draft.tags else {}),
               **({"before": asdict(before)} if before is not None and before.state in _COSTLY else {}),
               **(facts_of(draft) if isinstance(draft, Job) else {})},
        rev=before.rev if before is not None else 0,
    )  # fmt: skip


def in_state(record: Record, state: BoardState) -> Record:
    """The record in another state; where nothing came of its job, what was there before that counts again.

    FAILED hides no COMPLETED.
    """
    before = Record(**record.facts["before"]) if record.facts.get("before") is not None else None
    if before is not None and (state in {"free", "error"} or (state == "failed" and before.state == "completed")):
        return replace(before, rev=record.rev)
    kept = {name: fact for name, fact in record.facts.items() if name != "before" or state != "completed"}
    return replace(record, state=state, facts=kept)


def facts_of(job: Job) -> Mapping[str, Any]:
    """What becomes known of a job with its answers, beside its id."""
    stamps = {"created_at": job.created_at, "completed_at": job.completed_at}
    facts: dict[str, Any] = {name: iso(instant) for name, instant in stamps.items() if instant}
    return {**facts, "status": job.status, "error": job.error}


def bring_home(connection: sqlite3.Connection, known: Record, draft: Draft) -> Job:
    """The record of another machine as a job of our own ledger, which `draft` asked for.

    What was unknown when it was brought home is that job by now.
    """
    query = "SELECT * FROM jobs WHERE key = ? AND gateway = ? AND request_id IS ? ORDER BY id DESC LIMIT 1"
    row = connection.execute(query, (known.key, known.gateway, known.request_id)).fetchone()
    claim = draft.claim if draft.claim == known.claim else None
    if row is not None and row["state"] == known.state:
        is_to_be_called = claim is not None and row["claim"] is None
        return update_job(connection, row["id"], claim=claim) if is_to_be_called else job_of(row)
    job = job_of_record(known, draft)
    facts: dict[str, Any] = {
        "state": job.state, "status": job.status, "request_id": job.request_id, "error": job.error,
        "created_at": stamp(job.created_at), "completed_at": stamp(job.completed_at),
    }  # fmt: skip
    query = f"SELECT id, claim FROM jobs WHERE {_IS_COPY} AND (claim IS NULL OR claim = ?) ORDER BY id DESC LIMIT 1"  # noqa: S608 - our own text
    copy = connection.execute(query, (known.key, known.gateway, known.claim)).fetchone()
    if copy is not None:
        facts["claim"] = known.claim if known.claim in {draft.claim, copy["claim"]} else None
        return update_job(connection, copy["id"], price=known.price, **facts)
    tags = tuple(dict.fromkeys((*known.facts.get("tags", ()), *draft.tags)))
    own = replace(draft, price=known.price, claim=claim, seen=None, tags=tags)
    return insert_job(connection, own, run=None, **facts)


def forget_copies(connection: sqlite3.Connection, key: str, gateway: str) -> None:
    """What was unknown on another machine is settled there."""
    connection.execute(f"UPDATE jobs SET state = 'forgotten' WHERE {_IS_COPY}", (key, gateway))  # noqa: S608 - our own text


def job_of_record(known: Record, draft: Draft) -> Job:
    """A job of another machine, in the words of our own ledger, before it has a number there."""
    facts = known.facts
    return Job(
        id=0,
        key=known.key,
        key_name=draft.key_name,
        gateway=known.gateway,
        endpoint=draft.endpoint,
        source=draft.source,
        name=draft.name,
        params=draft.params,
        output=draft.output,
        price=known.price,
        profile=draft.profile,
        state="forgotten" if known.state == "free" else known.state,
        status=facts.get("status"),
        request_id=known.request_id,
        error=facts.get("error"),
        created_at=parse_timestamp(facts.get("created_at")),
        completed_at=parse_timestamp(facts.get("completed_at")),
    )
