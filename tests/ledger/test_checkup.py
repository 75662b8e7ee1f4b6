"""What is found about this machine's ledger, which stays as it is."""

import os
import shutil
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest
from helpers.jobs import draft, nothing, run

from seedvr_cli.ledger import checkup as module
from seedvr_cli.ledger.checkup import check_backlog, check_ledger, check_place
from seedvr_cli.ledger.migrations import MIGRATIONS
from seedvr_cli.ledger.runs import RunLock
from seedvr_cli.ledger.verdicts import Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.urls import DEFAULT_BASE_URL


def found(folder, gateway="g"):
    """The findings by their names."""
    return {check.name: check for check in check_ledger(str(folder), gateway)}


def change(folder, query, *values):
    """A statement of somebody else's."""
    with closing(sqlite3.connect(folder / "ledger.sqlite3", isolation_level=None)) as connection:
        connection.execute(query, values)


async def paid(ledger):
    """Leaves one job that is paid for."""
    claimed = await ledger.claim(draft(), Terms())
    await ledger.record(claimed.job, Answer("job-1", "COMPLETED"))


async def lost(ledger):
    """Leaves one submission without an answer."""
    claimed = await ledger.claim(draft("lost"), Terms())
    await ledger.lose(claimed.job, "the answer was lost")


def test_where_there_is_no_ledger_none_is_made(tmp_path):
    """A ledger that is not there yet is well, and neither it nor its folder is there afterwards."""
    checks = found(tmp_path / "none" / "state")
    assert {check.state for check in checks.values()} == {"ok"}
    assert "none yet" in checks["ledger"].message
    assert os.listdir(tmp_path) == []


def test_a_whole_ledger_is_well_and_stays_as_it_is(tmp_path):
    """A ledger that is whole says how many jobs it has, and no file beside it is new."""
    run(tmp_path, paid)
    before = sorted(os.listdir(tmp_path))
    checks = found(tmp_path)
    assert [check.state for check in checks.values()] == ["ok"] * 3
    assert f"1 job, version {len(MIGRATIONS)}" in checks["ledger"].message
    assert sorted(os.listdir(tmp_path)) == before


def test_a_damaged_ledger_is_told_and_left_where_it_is(tmp_path):
    """Damage is a problem, at the beginning of the file, all over it or in one table; nothing is set aside."""
    run(tmp_path, paid)
    path = tmp_path / "ledger.sqlite3"
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (number,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'deliveries'").fetchone()
    unread = bytearray(whole)  # a table that no other look would come across
    unread[(number - 1) * size : (number - 1) * size + 8] = b"\xff" * 8
    for damaged in (b"x" * 100 + whole[100:], whole[:size] + b"\xff" * (len(whole) - size), bytes(unread)):
        path.write_bytes(damaged)
        check = found(tmp_path)["ledger"]
        assert check.state == "problem"
        assert "damaged" in check.message
        assert "backup" in check.hint
        assert path.read_bytes() == damaged


@pytest.mark.parametrize("word", ["gone", "aside"])
def test_a_ledger_that_is_missing_is_a_problem(tmp_path, word):
    """One that was deleted, and one that stands aside, are told with the way back."""
    run(tmp_path, nothing)
    path = tmp_path / "ledger.sqlite3"
    if word == "gone":
        path.unlink()
    else:
        path.rename(f"{path}.damaged")
    check = found(tmp_path)["ledger"]
    assert (check.state, word in check.message, "backup" in check.hint) == ("problem", True, True)


def test_versions_are_told_and_not_changed(tmp_path):
    """A newer seedvr's ledger is a problem, an older one's is well; both keep their version."""
    run(tmp_path, nothing)
    for version, state, says in ((99, "problem", "newer seedvr"), (1, "ok", "brings it up to date")):
        change(tmp_path, f"PRAGMA user_version = {version}")
        check = found(tmp_path)["ledger"]
        assert (check.state, says in check.message) == (state, True)
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (version,)


def test_a_database_that_is_no_ledger_is_a_problem(tmp_path):
    """A file of SQLite's without our tables cannot be read."""
    change(tmp_path, "CREATE TABLE other (a)")
    check = found(tmp_path)["ledger"]
    assert (check.state, "no such table" in check.message) == ("problem", True)


def test_a_ledger_that_is_locked_is_a_warning(tmp_path, monkeypatch):
    """Who holds the file is waited for, and told, and not for long."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.01)
    run(tmp_path, nothing)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        check = found(tmp_path)["ledger"]
    assert (check.state, "locked" in check.message) == ("warning", True)


def test_a_large_ledger_is_not_looked_through_for_ever(tmp_path, monkeypatch):
    """Where there is no time to look at all of it, that is said, and the rest is checked."""
    run(tmp_path, paid)
    monkeypatch.setattr(module, "LOOK_SECONDS", -1.0)
    monkeypatch.setattr(module, "STEPS", 1)
    checks = found(tmp_path)
    assert (checks["ledger"].state, "too large" in checks["ledger"].message) == ("ok", True)
    assert checks["unknown"].state == "ok"


def test_unanswered_submissions_are_counted_by_gateway(tmp_path):
    """Those of any gateway are told, with the command that lists them; the sandbox's only where it is asked for."""
    run(tmp_path, lost)
    check = found(tmp_path)["unknown"]
    assert (check.state, "1 submission was" in check.message) == ("warning", True)
    assert "'seedvr status --unknown --base-url g'" in check.hint
    change(tmp_path, "UPDATE jobs SET gateway = ?", DEFAULT_BASE_URL)
    assert "'seedvr status --unknown'" in found(tmp_path)["unknown"].hint
    change(tmp_path, "UPDATE jobs SET gateway = 'sandbox'")
    assert found(tmp_path)["unknown"].state == "ok"
    assert "--sandbox" in found(tmp_path, "sandbox")["unknown"].hint


def test_what_a_dead_run_was_sending_is_unanswered(tmp_path):
    """A submission under way is unknown where its run is dead, and not where that is alive; nothing is settled."""
    run(tmp_path, lost)
    lock = RunLock(str(tmp_path / "runs"))
    change(tmp_path, "UPDATE jobs SET state = 'submitting', run = ?", lock.take())
    assert found(tmp_path)["unknown"].state == "ok"
    lock.release()
    assert found(tmp_path)["unknown"].state == "warning"
    change(tmp_path, "UPDATE jobs SET run = NULL WHERE state = 'submitting'")
    assert found(tmp_path)["unknown"].state == "warning"


def test_the_folder_has_to_be_ours_local_and_roomy(tmp_path, monkeypatch):
    """A folder that cannot be written to is a problem; one on the network, or without room, a warning."""
    monkeypatch.setattr(module, "network_kind", lambda _: None)
    folder = str(tmp_path / "a" / "state")
    assert check_place(folder).state == "ok"
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=499 << 20))
        check = check_place(folder)
        assert (check.state, "499 MB" in check.message) == ("warning", True)
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
        check = check_place(folder)
        assert (check.state, "its disk is full" in check.message) == ("problem", True)
    with monkeypatch.context() as patch:
        patch.setattr(module, "network_kind", lambda _: "nfs4")
        check = check_place(folder)
        assert (check.state, "(nfs4)" in check.message) == ("warning", True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, _: path != str(tmp_path))
        assert check_place(folder).state == "problem"
    (tmp_path / "a").write_text("")
    assert check_place(folder).state == "problem"


def test_a_ledger_that_cannot_be_written_to_is_a_problem(tmp_path, monkeypatch):
    """The file itself has to be ours, too."""
    run(tmp_path, nothing)
    monkeypatch.setattr(os, "access", lambda path, _: not path.endswith("sqlite3"))
    check = check_place(str(tmp_path))
    assert (check.state, "ledger.sqlite3" in check.message) == ("problem", True)


def test_the_backlog_is_what_the_board_has_never_heard_of(tmp_path):
    """What is paid for has to be pushed to a board that does not know this ledger; what is not, need not be."""
    assert check_backlog(str(tmp_path), "board-1").state == "ok"
    run(tmp_path, nothing)
    assert check_backlog(str(tmp_path), "board-1").state == "ok"
    run(tmp_path, paid)
    check = check_backlog(str(tmp_path), "board-1")
    assert (check.state, "seedvr ledger push" in check.hint) == ("warning", True)
    assert check_backlog(str(tmp_path), "").state == "warning"
    (tmp_path / "ledger.sqlite3.boards").write_text("board-1\n")
    assert check_backlog(str(tmp_path), "board-1").state == "ok"
    assert check_backlog(str(tmp_path), "board-2").state == "warning"
    (tmp_path / "ledger.sqlite3.owed-board-1").touch()
    check = check_backlog(str(tmp_path), "board-1")
    assert (check.state, "was not told" in check.message) == ("warning", True)
