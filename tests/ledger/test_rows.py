"""Rows of the ledger: paths of any bytes come back as they were."""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from helpers.jobs import draft, listed, run

from seedvr_cli.ledger.delivered import read_entries
from seedvr_cli.ledger.glance import latest_jobs, opened
from seedvr_cli.ledger.records import record_of
from seedvr_cli.ledger.reported import Wanted, reported_jobs
from seedvr_cli.ledger.rows import as_read, as_stored
from seedvr_cli.ledger.verdicts import Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.job import File

LATIN = os.fsdecode(b"/old/caf\xe9/\xff.png")


@pytest.mark.parametrize("path", ["/a.png", "/été/写真.png", LATIN, os.fsdecode(bytes(range(1, 256)))])
def test_any_path_can_be_stored(path):
    """What is stored is Unicode, begins with what a folder of it is stored as, and is read as the path it was."""
    stored = as_stored(path)
    stored.encode()
    assert as_read(stored) == path
    assert stored.startswith(as_stored(path[:-5]))


def test_a_job_of_any_path(tmp_path):
    """Source, name, -o and result of a job whose paths are no Unicode are found and read as they were."""
    asked = replace(draft(), source=LATIN, name=os.path.basename(LATIN), output=f"{LATIN}/{{stem}}{{ext}}")

    async def work(ledger):
        claimed = await ledger.claim(asked, Terms())
        job = await ledger.record(claimed.job, Answer("job", "COMPLETED"))
        await ledger.deliveries.place(job, 0, LATIN)
        await ledger.deliveries.note(job, 0, LATIN, "etag")
        await ledger.deliveries.delivered(job, 0, File(LATIN, 1, "0" * 64, "image/png"), mtime_ns=1)
        assert await ledger.deliveries.owner_key(LATIN) == "key"

    run(tmp_path, work)
    (job,) = listed(tmp_path)
    assert (job.source, job.name, job.output) == (asked.source, asked.name, asked.output)
    with opened(str(tmp_path)) as connection:
        assert [entry.path for entry in read_entries(connection, job.id)] == [LATIN]
    (found,), _ = reported_jobs(str(tmp_path), Wanted(gateway="g", limit=9, folders=[os.path.dirname(LATIN)]))
    assert found.job == job
    assert latest_jobs(str(tmp_path), is_sandbox=False, beginning="\udce9", limit=9) == []
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection:
        connection.execute("SELECT source, name, output FROM jobs").fetchone()[0].encode()


def test_a_board_is_told_unicode():
    """What other machines are told of a job has no half of a character in it, which PostgreSQL would not take."""
    record = record_of(replace(draft(), source=LATIN, name=LATIN), "run", "submitting")
    json.dumps(dict(record.facts), ensure_ascii=False).encode()
