"""What is found about a PostgreSQL that machines share: a real server, which stays as it is."""

import asyncio
from types import SimpleNamespace

import psycopg
import pytest
from helpers.postgres import name_of

from seedvr_cli.ledger.board_checkup import check_board
from seedvr_cli.ledger.postgres import PostgresBoard
from seedvr_cli.ledger.postgres_checkup import RIGHTS, check_durability, check_server, check_way

pytestmark = pytest.mark.slow


@pytest.fixture
def database(postgres_server):
    """The URL of an empty database."""
    return postgres_server.database()


@pytest.fixture
def look(tmp_path):
    """Gives the findings about a board, by their names."""

    def found(url, seconds=20.0):
        return {check.name: check for check in asyncio.run(check_board(url, str(tmp_path), seconds=seconds))}

    return found


def make(url):
    """Makes the tables, as a run does."""

    async def inside():
        async with PostgresBoard(url):
            pass

    asyncio.run(inside())


def states(checks):
    return {name: check.state for name, check in checks.items() if check.state != "ok"}


def test_an_empty_database_is_well_and_stays_empty(look, database, postgres_server):
    """Where the first run may make the tables, all is well, and none is there afterwards."""
    checks = look(database)
    assert states(checks) == {}
    assert "the first run makes them" in checks["shared-tables"].message
    assert "PostgreSQL" in checks["shared"].message
    assert "a socket of this machine" in checks["shared-tls"].message
    assert postgres_server.do("SELECT to_regclass('seedvr_meta')", database) == [(None,)]


def test_tables_that_are_there_are_well(look, database):
    """What a run has made can be read and written."""
    make(database)
    checks = look(database)
    assert states(checks) == {}
    assert "read and written" in checks["shared-tables"].message
    assert set(checks) == {"shared", "shared-tls", "shared-durability", "shared-tables", "shared-clock", "backlog"}


def test_a_ledger_here_that_cannot_be_read_is_another_checks_finding(look, database, tmp_path):
    """Where this machine's ledger is damaged, nothing is said of its backlog, and the rest is told."""
    (tmp_path / "ledger.sqlite3").write_bytes(b"no database" * 100)
    checks = look(database)
    assert (states(checks), "backlog" in checks) == ({}, False)


def test_rights_that_are_missing_are_named(look, database, postgres_server):
    """A user without rights is told which, and the statement that grants them; with them all is well."""
    postgres_server.do("CREATE ROLE reader LOGIN")
    postgres_server.do("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database)
    as_reader = database.replace("postgres:", "reader:")
    check = look(as_reader)["shared-tables"]
    assert (check.state, "seedvr ledger init" in check.hint) == ("problem", True)
    make(database)
    assert "SELECT on seedvr_meta" in look(as_reader)["shared-tables"].message
    postgres_server.do(f"GRANT SELECT ON {', '.join(RIGHTS)} TO reader", database)
    check = look(as_reader)["shared-tables"]
    assert check.state == "problem"
    assert "INSERT on seedvr_board, UPDATE on seedvr_board" in check.message
    postgres_server.do(check.hint, database)
    assert states(look(as_reader)) == {}


def test_tables_of_a_newer_seedvr_or_half_gone_are_a_problem(look, database, postgres_server):
    """A newer version's tables ask for an update, and a table that is gone for a backup."""
    make(database)
    postgres_server.do("UPDATE seedvr_meta SET version = 99", database)
    assert "newer seedvr" in look(database)["shared-tables"].message
    postgres_server.do("UPDATE seedvr_meta SET version = 1", database)
    postgres_server.do("DROP TABLE seedvr_days", database)
    check = look(database)["shared-tables"]
    assert (check.state, "seedvr_days" in check.message) == ("problem", True)


def test_tables_of_an_earlier_seedvr_are_brought_up_or_asked_for(look, database, postgres_server):
    """Without the table of tags all is well for who may make it, and a warning for who may not."""
    make(database)
    postgres_server.do("DROP TABLE seedvr_tags", database)
    assert (look(database)["shared-tables"].state, "next run" in look(database)["shared-tables"].message) == (
        "ok",
        True,
    )
    postgres_server.do("CREATE ROLE untagged LOGIN")
    postgres_server.do("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database)
    postgres_server.do("GRANT SELECT ON seedvr_meta TO untagged", database)
    check = look(database.replace("postgres:", "untagged:"))["shared-tables"]
    assert (check.state, "ledger init" in check.hint) == ("warning", True)


def test_a_server_that_takes_no_writes_is_a_problem(look, database, postgres_server):
    """A database that is read-only says so."""
    postgres_server.do(f"ALTER DATABASE {name_of(database)} SET default_transaction_read_only = on")
    checks = look(database)
    assert (checks["shared"].state, "read-only" in checks["shared"].message) == ("problem", True)


def test_a_standby_is_a_problem():
    """A server that follows another one says that it is the other that is to be named, whatever else it is."""
    connection = SimpleNamespace(info=SimpleNamespace(user="me"), pgconn=SimpleNamespace(backend_pid=7))
    check = check_server(connection, "the ledger", "16.2", 7, is_standby=True, is_read_only=True)
    assert (check.state, "a standby" in check.message, check.hint) == ("problem", True, "name the primary")


def test_claims_that_would_not_be_durable(look, database, postgres_server):
    """fsync off is a problem, synchronous_commit off a warning, as claims turn that on for themselves."""
    postgres_server.do(f"ALTER DATABASE {name_of(database)} SET synchronous_commit = off")
    assert look(database)["shared-durability"].state == "warning"
    assert check_durability("off", "on").state == "problem"
    assert [check_durability("on", word).state for word in ("on", "remote_apply")] == ["ok", "ok"]


def test_whether_others_could_listen():
    """TLS, a socket and this machine are safe; anything else is a problem."""
    safe = [("db.example", "192.0.2.1", True), ("/run/postgresql", "", False), ("localhost", "127.0.0.1", False)]
    assert {check_way(host, address, is_secure=tls).state for host, address, tls in safe} == {"ok"}
    assert check_way("db.example", "192.0.2.1", is_secure=False).state == "problem"
    assert check_way("db.example", "", is_secure=False).state == "problem"


def test_a_pooler_is_told(look, database, postgres_server, requires, tmp_path):
    """PgBouncer is well, and seen; where there is none, none is told."""
    assert "pooler" not in look(database)["shared"].message
    with postgres_server.pooled(database, requires("pgbouncer"), tmp_path) as url:
        checks = look(url)
    assert states(checks) == {}
    assert "behind a pooler" in checks["shared"].message


def test_a_server_that_is_away_is_one_problem(look):
    """Where nobody answers, the reason is said at once, without a password."""
    checks = look("postgresql://me:secret@127.0.0.1:1/none")
    assert list(checks) == ["shared"]
    assert (checks["shared"].state, "cannot be used" in checks["shared"].message) == ("problem", True)
    assert "secret" not in str(checks)


def test_a_server_that_is_silent_is_given_up(look, database, monkeypatch):
    """Whoever does not answer in time is a problem."""

    async def silent(*_, **__):
        await asyncio.Event().wait()

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", silent)
    check = look(database, 0.01)["shared"]
    assert (check.state, "has not answered" in check.message) == ("problem", True)
