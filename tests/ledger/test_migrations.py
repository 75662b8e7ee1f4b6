"""Ledgers of earlier versions are brought up, and lose nothing on the way."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from seedvr_cli.ledger import migrations
from seedvr_cli.ledger.file import open_database
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.migrations import MIGRATIONS, Migration, migrate
from seedvr_cli.ledger.runs import RunLock
from seedvr_cli.ledger.verdicts import Failed, Free, Paid, Terms, Unanswered, Verdict
from seedvr_cli.plan.planner import Planner
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import LedgerError
from seedvr_cli.values.job import Draft

# Written by the last seedvr of version 1: every state, and sources in several spellings.
VERSION_1 = Path(__file__).parent / "data" / "version-1.sql"
GATEWAY = "https://gateway.pixazo.ai"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder with a ledger of version 1."""
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
    return tmp_path


def rows(path: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def verdict(folder: Path, source: str, endpoint: str = "7b-image", gateway: str = GATEWAY, **wishes) -> Verdict:
    """What the ledger says of this request today."""
    planner = Planner(Wishes(endpoint=ENDPOINTS[endpoint], **{"options": {}, **wishes}), gateway)
    (prospect,) = planner.word(source)
    item = prospect.item()
    draft = Draft(
        key=item.key, gateway=gateway, endpoint=endpoint, source=source, name=item.name, params=item.params,
        output=None, price=1, profile="default",
    )  # fmt: skip

    async def ask() -> Verdict:
        async with Ledger(str(folder)) as ledger:
            return await ledger.ask(draft, Terms())

    return asyncio.run(ask())


STATES = {
    "running.png": (Paid, {"scale": 2}),
    "completed.png": (Paid, {"scale": 2}),
    "undelivered.png": (Paid, {"scale": 2}),
    "failed.png": (Failed, {}),
    "error.png": (Free, {}),
    "unknown.png": (Unanswered, {}),
    "forgotten.png": (Free, {}),
    "reserved.png": (Free, {}),
    "submitting.png": (Unanswered, {}),
}


@pytest.mark.parametrize("name", STATES)
def test_every_state_means_what_it_meant(folder, name):
    """A job of version 1 is submitted again, attached to or left alone as before."""
    expected, options = STATES[name]
    assert isinstance(verdict(folder, f"https://example.com/{name}", options=options), expected)


SPELLINGS = {
    "https://example.com/Spelled%2Fname.png": "r-spelled",
    "HTTPS://Example.COM/Spelled%2fname.png#other": "r-spelled",
    "https://bucket.s3.amazonaws.com/signed.png": "r-signed",
    "https://bucket.s3.amazonaws.com/signed.png?X-Amz-Signature=new&X-Amz-Date=20270101T000000Z": "r-signed",
    "https://xn--strae-oqa.example/a.png": "r-idna",
    "https://STRASSE.example/a.png": None,
}


@pytest.mark.parametrize("url", SPELLINGS)
def test_other_spellings_find_what_is_paid_for(folder, url):
    """What version 1 paid for under one spelling is found under all of them."""
    found = verdict(folder, url)
    assert (found.job.request_id if isinstance(found, Paid) else None) == SPELLINGS[url]


def test_parameters_that_change_nothing_left_the_key(folder):
    """A job that was named or answered at once is found without its name; an ERROR beside it hides nothing."""
    found = verdict(folder, "https://example.com/named.png")
    assert isinstance(found, Paid)
    assert found.job.request_id == "r-named-1"
    found = verdict(folder, "https://example.com/synced.png", "3b-image", options={"target": "1080p"})
    assert isinstance(found, Paid)
    assert found.job.request_id == "r-synced"


@pytest.mark.parametrize("is_same", [True, False])
def test_a_file_is_known_by_its_content(folder, is_same, monkeypatch):
    """A local source gets its new key where the file is still what was paid for, and keeps its old one elsewhere."""
    photo = folder / "photo.png"
    tiny = Path(migrations.__file__).parents[1] / "sandbox" / "tiny" / "picture.png"
    photo.write_bytes(tiny.read_bytes() + (b"" if is_same else b"changed"))
    monkeypatch.chdir(folder)
    found = verdict(folder, "photo.png", gateway="sandbox", local_files=True)
    assert isinstance(found, Paid) is is_same


def test_nothing_is_lost(folder):
    """Every record is still there, with the same id, state and request id, and every delivery."""
    path = folder / "ledger.sqlite3"
    query = "SELECT id, state, request_id, source, params, media_url, submitted_at FROM jobs ORDER BY id"
    before, files = rows(path, query), rows(path, "SELECT *, NULL, NULL FROM deliveries")  # without later columns
    open_database(str(path), migrate).close()
    assert rows(path, query) == before
    assert rows(path, "SELECT * FROM deliveries") == files
    assert rows(path, "SELECT key FROM jobs WHERE request_id = 'r-stranger'") == [("request:r-stranger",)]


def test_a_copy_of_the_old_ledger_stays_beside_it(folder):
    """The ledger as it was is kept, for the user alone, and each step is recorded."""
    path, copy = folder / "ledger.sqlite3", folder / "ledger.sqlite3.version-1"
    before = rows(path, "SELECT * FROM jobs")
    open_database(str(path), migrate).close()
    assert rows(copy, "SELECT * FROM jobs") == before
    assert rows(copy, "PRAGMA user_version") == [(1,)]
    assert copy.stat().st_mode & 0o777 == 0o600
    steps = [(number, step.name) for number, step in enumerate(MIGRATIONS[1:], start=2)]
    assert rows(path, "SELECT number, name FROM migrations") == steps
    assert rows(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    copy.unlink()
    open_database(str(path), migrate).close()
    assert not copy.exists()


def test_a_new_ledger_records_its_steps_and_needs_no_copy(tmp_path):
    """A ledger that begins now has all steps on record."""
    path = tmp_path / "ledger.sqlite3"
    open_database(str(path), migrate).close()
    assert [name for (name,) in rows(path, "SELECT name FROM migrations ORDER BY number")] == [
        step.name for step in MIGRATIONS
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ledger.sqlite3", "ledger.sqlite3.exists"]


def test_a_newer_ledger_is_refused(folder):
    """A ledger of a later seedvr is left alone, with what to do."""
    path = folder / "ledger.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(LedgerError, match="newer seedvr") as caught:
        open_database(str(path), migrate)
    assert caught.value.hint == "update seedvr"


def test_a_step_that_fails_changes_nothing(folder, monkeypatch):
    """Where a step fails, the ledger is as it was: steps and their record are one transaction."""
    path = folder / "ledger.sqlite3"
    before = rows(path, "SELECT * FROM jobs")

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM jobs")
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(migrations, "MIGRATIONS", (MIGRATIONS[0], Migration("broken", fail)))
    with pytest.raises(LedgerError, match="disk I/O error"):
        open_database(str(path), migrate)
    assert rows(path, "SELECT * FROM jobs") == before
    assert rows(path, "PRAGMA user_version") == [(1,)]


def test_a_run_of_the_older_seedvr_is_not_disturbed(folder):
    """While another run is at work with the old ledger, it is not changed under it."""
    lock = RunLock(str(folder / "runs"))
    lock.take()
    with pytest.raises(LedgerError, match="another seedvr is at work"):
        open_database(str(folder / "ledger.sqlite3"), migrate)
    assert rows(folder / "ledger.sqlite3", "PRAGMA user_version") == [(1,)]
    lock.release()
    open_database(str(folder / "ledger.sqlite3"), migrate).close()


def test_many_that_open_it_at_once_bring_it_up_once(folder):
    """Of eight that open the old ledger together, one does the steps and all go on."""
    errors: list[BaseException] = []

    def opened() -> None:
        try:
            open_database(str(folder / "ledger.sqlite3"), migrate).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=opened) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(rows(folder / "ledger.sqlite3", "SELECT * FROM migrations")) == len(MIGRATIONS) - 1


def test_the_days_of_an_old_ledger_are_summed(folder):
    """What jobs of earlier versions cost is in the sum of their day, ERROR left out."""
    path = folder / "ledger.sqlite3"
    asyncio.run(_opened(folder))
    query = (
        "SELECT gateway, CAST(submitted_at / 86400 AS INTEGER), sum(price) FROM jobs"
        " WHERE submitted_at IS NOT NULL AND state != 'error' AND price != 0 GROUP BY 1, 2 ORDER BY 1, 2"
    )
    expected = rows(path, query)
    assert expected
    assert rows(path, "SELECT gateway, day, spent FROM days WHERE spent != 0 ORDER BY 1, 2") == expected


def test_what_other_machines_have_paid_for_leaves_the_sums(tmp_path, monkeypatch):
    """Jobs that were brought home, and counted here as well, are taken out of the sums of days and tags; ours stay."""
    path = tmp_path / "ledger.sqlite3"
    names = [step.name for step in MIGRATIONS]
    before = MIGRATIONS[: names.index("what other machines have paid for is in no sum")]
    monkeypatch.setattr(migrations, "MIGRATIONS", before)
    with closing(open_database(str(path), migrate)) as connection:
        for run, price, tags in (("run", 1_000, '["x"]'), (None, 3_000, '["x", "y"]'), (None, 3_000, None)):
            connection.execute(
                "INSERT INTO jobs (key, gateway, name, params, profile, state, run, price, tags, submitted_at)"
                " VALUES ('key', 'g', 'name', '{}', 'default', 'completed', ?, ?, ?, 86400)",
                (run, price, tags),
            )
        connection.commit()
    assert rows(path, "SELECT day, spent FROM days") == [(1, 7_000)]
    monkeypatch.setattr(migrations, "MIGRATIONS", MIGRATIONS)
    open_database(str(path), migrate).close()
    assert rows(path, "SELECT day, spent FROM days") == [(1, 1_000)]
    assert rows(path, "SELECT tag, spent FROM tags ORDER BY tag") == [("x", 1_000), ("y", 0)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE jobs SET state = 'error', price = 5000, tags = '[\"y\"]'")
        connection.execute("DELETE FROM jobs")
    assert rows(path, "SELECT sum(spent) FROM days UNION ALL SELECT sum(spent) FROM tags") == [(0,), (0,)]


async def _opened(folder: Path) -> None:
    async with Ledger(str(folder)):
        pass
