"""The board in PostgreSQL: a real server, real connections that are cut."""

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import pytest
from helpers.boards import over, record
from helpers.postgres import name_of
from helpers.waiting import PATIENCE

from seedvr_cli.ledger import postgres as module
from seedvr_cli.ledger import postgres_link as link
from seedvr_cli.ledger import postgres_sql
from seedvr_cli.ledger.board import NO_CAP
from seedvr_cli.ledger.boards import find_board
from seedvr_cli.ledger.postgres import PostgresBoard
from seedvr_cli.values.errors import LedgerAway, LedgerError, UsageError

pytestmark = pytest.mark.slow


@pytest.fixture
def database(postgres_server):
    """The URL of an empty database."""
    return postgres_server.database()


def test_a_record_is_written_over_the_revision_that_was_seen(database):
    """Who comes second is told so; what stands there is what was written, with one revision more."""

    async def work(a, b):
        first = await a.post(record(facts={"name": "ä\u0000", "params": {"scale": 2}}))
        assert first.rev == 1
        assert await b.post(record(claim="another")) is None
        assert await b.post(replace(first, rev=0)) is None
        second = await b.post(replace(first, state="running", request_id="job_1"))
        assert await a.post(replace(first, state="free")) is None
        assert await a.look(["key", "none"]) == {"key": replace(second, facts={"name": "ä", "params": {"scale": 2}})}
        assert await a.count() == {"running": 1}
        return a.id, b.id

    first, second = over(database, work, 2)
    assert first == second


def test_many_claims_at_once_are_won_once(database):
    """Whatever the order in which machines ask for the same keys, each has one winner, and nobody waits for ever."""
    keys = [f"key-{number:03}" for number in range(300)]

    async def work(*boards):
        async def claim(board, turned):
            order = list(reversed(keys)) if turned else keys
            won = await asyncio.gather(*(board.post(record(key)) for key in order))
            return sum(one is not None for one in won)

        return await asyncio.gather(*(claim(board, number % 2) for number, board in enumerate(boards)))

    assert sum(over(database, work, 6)) == len(keys)


def test_many_changes_at_once_wait_for_each_other_in_order(database):
    """Machines that change the same records in different orders end, and each revision is written once."""
    keys = [f"key-{number:03}" for number in range(100)]

    async def work(*boards):
        first = await asyncio.gather(*(boards[0].post(record(key)) for key in keys))

        async def change(board, turned):
            order = list(reversed(first)) if turned else first
            return await asyncio.gather(*(board.post(replace(one, state="running")) for one in order))

        done = await asyncio.gather(*(change(board, number % 2) for number, board in enumerate(boards)))
        return sum(one is not None for changes in done for one in changes)

    assert over(database, work, 6) == len(keys)


def test_all_records_are_read_page_by_page(database):
    """Every record comes once, in the order of the keys."""

    async def work(board):
        await asyncio.gather(*(board.post(record(f"key-{number:04}")) for number in range(1200)))
        keys, page = [], [record("")]
        while page := await board.page(page[-1].key):
            keys += [one.key for one in page]
        return keys

    assert over(database, work) == [f"key-{number:04}" for number in range(1200)]


def test_connections_that_are_cut_lose_and_double_no_claim(database, postgres_server):
    """While the server ends our connections again and again, every key is won once, and by who was told so."""
    keys = [f"key-{number:03}" for number in range(400)]
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'seedvr'"

    async def work(*boards):
        async def claim(board, name):
            won = []
            for key in keys:
                posted = await board.post(record(key, claim=f"{name} {key}"))
                if posted is not None:
                    won.append(key)
            return name, won

        async def cutting():
            for _ in range(10):
                await asyncio.to_thread(postgres_server.do, cut)

        *claims, _ = await asyncio.gather(*(claim(board, f"b{n}") for n, board in enumerate(boards)), cutting())
        there = await boards[0].look(keys)
        return claims, there

    claims, there = over(database, work, 3)
    assert sorted(key for _, won in claims for key in won) == keys
    assert all(there[key].claim == f"{name} {key}" for name, won in claims for key in won)


@pytest.mark.parametrize("query", [postgres_sql.GIVE_BACK, postgres_sql.GIVE_BACK_TAG])
def test_what_is_given_back_is_given_once(database, monkeypatch, query):
    """Where the answer was lost it is not given back again: that would be money which nobody had drawn."""

    async def work(board):
        today = (await board.draw("g", 1_000, 5_000)).date()
        assert await board.draw_tag("g", "x", 1_000, 5_000)
        real = psycopg.AsyncConnection.execute
        lost = []

        async def losing(self, asked, *args, **how):
            cursor = await real(self, asked, *args, **how)
            if asked == query and not lost:
                lost.append(asked)
                raise psycopg.OperationalError("the answer was lost")
            return cursor

        monkeypatch.setattr(psycopg.AsyncConnection, "execute", losing)
        for of in (today, "x"):
            await board.give_back("g", 400, of)
        assert lost
        return await board.spent("g", "day", None), await board.spent("g", None, "x")

    assert over(database, work) == (600, 600)


def test_an_answer_that_was_lost_is_known_by_its_claim(database, monkeypatch):
    """A claim that was carried out, and whose answer was lost, is ours when it is asked for again; another's is not."""

    async def work(a, b):
        await b.post(record("theirs", claim="another"))
        real = psycopg.AsyncConnection.execute
        lost = []

        async def losing(self, query, *args, **how):
            cursor = await real(self, query, *args, **how)
            if query == postgres_sql.INSERT and not lost:
                lost.append(query)
                raise psycopg.OperationalError("the answer was lost")
            return cursor

        monkeypatch.setattr(psycopg.AsyncConnection, "execute", losing)
        ours, theirs = await asyncio.gather(a.post(record("ours")), a.post(record("theirs")))
        assert lost
        assert ours.rev == 1
        assert theirs is None

    over(database, work, 2)


def test_a_pooler_may_stand_between(database, postgres_server, requires, tmp_path):
    """Behind PgBouncer, which shares few connections among all, every key is won once, and leases and caps hold."""
    keys = [f"key-{number:03}" for number in range(200)]

    async def work(*boards):
        async def claim(board):
            return sum(one is not None for one in await asyncio.gather(*(board.post(record(key)) for key in keys)))

        won = await asyncio.gather(*map(claim, boards))
        await boards[0].beat("run")
        assert await boards[1].is_alive("run")
        drawn = await asyncio.gather(*(board.draw("g", 700, 10_000) for board in boards for _ in range(10)))
        return sum(won), sum(one is not None for one in drawn)

    with postgres_server.pooled(database, requires("pgbouncer"), tmp_path) as url:
        assert over(url, work, 8) == (len(keys), 14)


def test_what_is_won_is_durable(database, postgres_server):
    """A record is on the server's disk when its writer hears of it, whatever the server does by default."""
    postgres_server.do(f"ALTER DATABASE {name_of(database)} SET synchronous_commit = off")

    async def work(board):
        seen = []

        async def watch(connection):
            cursor = await connection.execute(
                postgres_sql.INSERT.replace("RETURNING key", "RETURNING current_setting('synchronous_commit')"),
                module._columns([record()]),
            )
            seen.extend(row[0] for row in await cursor.fetchall())

        await board._link.ask(watch)
        return seen

    assert over(database, work) == ["on"]


def test_eight_first_starts_at_once(postgres_server):
    """Machines that begin together on an empty database all begin."""
    for _ in range(3):
        url = postgres_server.database()

        async def work(url=url):
            async def begin():
                async with PostgresBoard(url) as board:
                    return board.id

            return await asyncio.gather(*(begin() for _ in range(8)))

        assert len(set(asyncio.run(work()))) == 1


def test_who_may_make_no_tables_works_on_those_that_are_there(postgres_server, database):
    """A run without rights says who has to make the tables; after that it works with the rights it needs."""
    postgres_server.do("CREATE ROLE worker LOGIN")
    postgres_server.do("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database)
    as_worker = database.replace("postgres:", "worker:")

    async def nothing(board):
        return await board.post(record())

    with pytest.raises(LedgerError) as caught:
        over(as_worker, nothing)
    assert "seedvr ledger init" in caught.value.hint
    over(database, nothing)
    tables = "seedvr_meta, seedvr_board, seedvr_runs, seedvr_days, seedvr_rates"
    postgres_server.do(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO worker", database)

    async def work(board):
        assert await board.post(record("other"))
        await board.beat("run")
        await board.rest("run")
        assert await board.draw("g", 1, 2)

    over(as_worker, work)


def test_a_board_of_an_earlier_seedvr_gets_its_table_of_tags(postgres_server, database):
    """Whoever may make tables brings it up; who may not works on, and is refused where a tag has a cap."""
    postgres_server.do("CREATE ROLE older LOGIN")
    postgres_server.do("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database)

    async def nothing(_):
        pass

    over(database, nothing)
    postgres_server.do("DROP TABLE seedvr_tags", database)
    tables = "seedvr_meta, seedvr_board, seedvr_runs, seedvr_days, seedvr_rates"
    postgres_server.do(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO older", database)

    async def work(board):
        assert await board.draw("g", 1, 2)
        assert await board.draw_tag("g", "x", 1_000, NO_CAP)
        with pytest.raises(LedgerError, match="no table") as caught:
            await board.draw_tag("g", "x", 1_000, 2_000)
        assert "seedvr ledger init" in caught.value.hint

    async def tagged(board):
        assert await board.draw_tag("g", "x", 1_000, 2_000)

    over(database.replace("postgres:", "older:"), work)
    over(database, tagged)


def test_a_board_of_a_newer_seedvr_is_refused(postgres_server, database):
    """What a newer version has made is left alone."""

    async def nothing(_):
        pass

    over(database, nothing)
    postgres_server.do("UPDATE seedvr_meta SET version = 99", database)
    with pytest.raises(LedgerError, match="newer seedvr"):
        over(database, nothing)


def test_a_server_that_stays_away_is_told_in_time(database, monkeypatch):
    """Nobody waits for ever: after some attempts the board cannot be used, in one line without a password."""
    monkeypatch.setattr(link, "PATIENCE", 0.1)
    monkeypatch.setattr(link, "PAUSE", 0.02)

    async def nothing(_):
        pytest.fail("nobody is there")

    with pytest.raises(LedgerError) as caught:
        over("postgresql://me:secret@127.0.0.1:1/none", nothing)
    assert "cannot be used" in caught.value.message
    assert "secret" not in str(caught.value) + str(caught.value.hint)
    assert "\n" not in caught.value.message


def test_all_who_wait_hear_that_the_server_is_gone(database, postgres_server, monkeypatch):
    """Claims and looks that were under way fail, each with the reason; who asks right after that waits no longer."""
    monkeypatch.setattr(link, "PATIENCE", 0.1)
    monkeypatch.setattr(link, "PAUSE", 0.02)

    async def work(board):
        postgres_server.do(f"ALTER DATABASE {name_of(database)} ALLOW_CONNECTIONS false")
        postgres_server.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'seedvr'")
        asked = (board.post(record()), board.look(["key"]), board.post(record("other")), board.is_alive("run"))
        failures = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(failure) for failure in failures] == [LedgerAway] * 4
        postgres_server.do(f"ALTER DATABASE {name_of(database)} ALLOW_CONNECTIONS true")
        assert (await board.post(record())).rev == 1

    over(database, work)


def test_without_its_library_there_is_no_board(monkeypatch):
    """Where psycopg is missing, the line has the command that installs it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "seedvr_cli.ledger.postgres")
    with pytest.raises(UsageError) as caught:
        find_board("postgresql://db.example/x")
    assert "pip install 'seedvr-cli[postgres]'" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@db.example/x",
        "me:secret@db.example",
        "postgresql://me:secret@db.example/x?sslmode=disable",
        "postgresql://me:secret@db.example/x?sslmode=prefer",
        "postgresql://me:secret@[::1/x",
        "postgresql://me:secret@db.example/x?no_such=1",
    ],
)
def test_a_url_that_cannot_be_used_is_a_usage_error(url):
    """Another database, one that is asked in the clear, or no URL at all: one line, and no password in it."""
    with pytest.raises(UsageError) as caught:
        find_board(url)
    assert "secret" not in caught.value.message + str(caught.value.hint)
    assert caught.value.exit_code == 2


def test_another_machine_is_asked_over_tls():
    """Where others could listen, TLS is asked for; on this machine it need not be."""
    assert "sslmode=require" in link.checked("postgresql://me@db.example/x")[0]
    assert "sslmode=verify-full" in link.checked("postgresql://me@db.example/x?sslmode=verify-full")[0]
    for url in ("postgresql://me@127.0.0.1/x", "postgresql:///x?host=/run/postgresql", "postgres://localhost/x"):
        assert "sslmode" not in link.checked(url)[0]
    assert link.checked("postgresql://me:secret@db.example:5433/x")[1] == "the shared ledger db.example/x"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:pa@SECRET@db.example/x",
        "postgresql://me:pa/SECRET@db.example/x",
        "postgresql://me:12/SECRET@db.example/x",
        "postgresql://me:SECRET",
    ],
)
def test_a_password_is_never_taken_for_a_place(url):
    """What libpq would read as a host, a port or a database is refused, and not named."""
    with pytest.raises(UsageError, match="the ledger's URL cannot be read") as caught:
        link.checked(url)
    assert "SECRET" not in f"{caught.value.message}{caught.value.hint}"


def test_whatever_names_the_machine_it_is_asked_over_tls(monkeypatch):
    """A host that the environment or an address of the URL names is another machine as well."""
    assert "sslmode=require" in link.checked("postgresql:///x?hostaddr=192.0.2.1")[0]
    monkeypatch.setenv("PGHOST", "db.example")
    assert "sslmode=require" in link.checked("postgresql:///x")[0]
    assert link.checked("postgresql:///x")[1] == "the shared ledger db.example/x"
    assert "sslmode" not in link.checked("postgresql:///x?host=/run/postgresql")[0]
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert "sslmode" not in link.checked("postgresql:///x")[0]  # libpq has it of the environment
    monkeypatch.setenv("PGSSLMODE", "prefer")
    with pytest.raises(UsageError, match="sslmode=prefer would send it all in the clear"):
        link.checked("postgresql:///x")


def test_a_connection_that_turns_out_to_be_in_the_clear_is_not_used(database, monkeypatch):
    """Where nothing said that it is another machine, what was connected to decides, before anything is asked."""
    monkeypatch.setattr(link, "_is_near", lambda address: False)
    monkeypatch.setenv("PGSSLMODE", "disable")
    monkeypatch.setattr(link, "checked", lambda url: (url, "the shared ledger"))

    async def work():
        async with PostgresBoard(database):
            pytest.fail("it was used")

    with pytest.raises(UsageError, match="would be told all in the clear"):
        asyncio.run(work())


RACE = """
import asyncio, random, sys
from seedvr_cli.ledger.board import Record
from seedvr_cli.ledger.postgres import PostgresBoard

async def main(url, name, count):
    keys = [f"key-{number}" for number in range(count)]
    random.Random(name).shuffle(keys)
    async with PostgresBoard(url) as board:
        async def claim(key):
            record = Record(key=key, state="submitting", run=name, claim=name + key, gateway="g", price=1)
            return await board.post(record) is not None
        for begin in range(0, count, 64):
            won = await asyncio.gather(*map(claim, keys[begin:begin + 64]))
            print("\\n".join(key for key, one in zip(keys[begin:begin + 64], won) if one))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def test_eight_processes_race_for_two_thousand_keys(database):
    """Each key is won by one process, in whatever order they ask."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, database, f"p{number}", "2000"], stdout=subprocess.PIPE, text=True
        )
        for number in range(8)
    ]
    won = [key for process in processes for key in process.communicate()[0].split()]
    assert all(process.returncode == 0 for process in processes)
    assert len(won) == len(set(won)) == 2000


def test_whatever_stands_in_a_record_is_taken(database):
    """Texts that a PostgreSQL does not take (NUL, bytes that are none of UTF-8) spoil neither it nor its neighbours."""
    odd = record("odd", request_id="job\0_1", facts={"error": "say \\u0000 \0", "key_name": "k\udcff", "tags": ["\0"]})

    async def work(board):
        posted = await asyncio.gather(board.post(odd), board.post(record("plain")))
        assert [one.rev for one in posted] == [1, 1]
        facts = (await board.look(["odd"]))["odd"].facts
        assert facts["error"] == "say \\u0000 "
        assert "\udcff" not in facts["key_name"]

    over(database, work)


def test_a_server_that_says_nothing_is_away(database, monkeypatch):
    """An answer that does not come within seconds is none, and who has waited behind that hears of it at once."""
    monkeypatch.setattr(link, "PATIENCE", 0.0)
    asked = []

    async def silent(connection):
        asked.append(connection)
        await connection.execute("SELECT pg_sleep(60)")

    async def work(board):
        asks = (board._link.ask(silent, seconds=0.05) for _ in range(3))
        failures = await asyncio.gather(*asks, return_exceptions=True)
        assert [type(failure) for failure in failures] == [LedgerAway] * 3
        assert "no answer" in failures[0].message
        assert len(asked) == 1
        assert await board.post(record()) is not None

    over(database, work)


def test_the_end_does_not_wait_for_a_silent_server(database, monkeypatch):
    """What is being asked when the board is closed is given up after a moment."""
    monkeypatch.setattr(module, "LAST_SECONDS", 0.05)

    async def work(board):
        board._link._asking = asyncio.Lock()
        await board._link._asking.acquire()  # as if somebody asked
        waiting = asyncio.create_task(board.post(record()))
        await asyncio.sleep(0)
        await board.__aexit__()
        waiting.cancel()

    over(database, work)


@pytest.mark.parametrize("way", ["service=far", "hostaddr=127.0.0.1,&host=localhost,192.0.2.9"])
def test_no_password_goes_to_a_machine_that_a_file_or_a_gap_names(way, tmp_path, monkeypatch):
    """A service's host, and an address that is left out among others, are asked over TLS as well."""
    services = tmp_path / "services"
    services.write_text("[far]\nhost=192.0.2.1\ndbname=jobs\n[safe]\nhost=192.0.2.1\nsslmode=verify-full\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    assert "sslmode=require" in link.checked(f"postgresql:///?{way}")[0]
    assert link.checked("postgresql:///?service=far")[1] == "the shared ledger 192.0.2.1/jobs"
    assert "sslmode" not in link.checked("postgresql:///?service=safe")[0]
    monkeypatch.setenv("PGSERVICE", "far")
    assert "sslmode=require" in link.checked("postgresql://")[0]
    assert os.environ["PGSERVICE"] == "far"


def test_a_wrong_password_is_tried_once(database, monkeypatch):
    """What the server will say again is not asked again: accounts are locked for that."""
    tries = []

    async def refuse(*_, **__):
        tries.append(1)
        raise psycopg.OperationalError('FATAL:  password authentication failed for user "me"')

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", refuse)
    with pytest.raises(LedgerError, match="password authentication failed") as caught:
        over(database, None)
    assert (len(tries), type(caught.value)) == (1, LedgerError)
    assert "PGPASSWORD" in caught.value.hint


def test_a_database_of_another_encoding_is_told_in_utf_8(postgres_server, monkeypatch):
    """Texts come back as they were, whatever encoding the database and the environment have."""
    url = postgres_server.database("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")

    async def work(board):
        posted = await board.post(record("k\u00e9y"))
        assert (await board.look(["k\u00e9y"])) == {"k\u00e9y": posted}

    over(url, work)


def test_an_error_at_the_end_of_a_transaction_is_tried_again(database, monkeypatch):
    """Where the library loses itself over an error that comes with COMMIT, another connection is asked."""
    real, failed = psycopg.AsyncConnection.pipeline, []

    @asynccontextmanager
    async def pipeline(self):
        async with real(self) as made:
            yield made
        if not failed:
            failed.append(True)
            raise IndexError("pop from an empty deque")

    monkeypatch.setattr(link, "PAUSE", 0.0)
    monkeypatch.setattr(psycopg.AsyncConnection, "pipeline", pipeline)

    async def work(board):
        assert (await board.post(record())).rev == 1
        assert failed

    over(database, work)


def test_a_database_without_room_for_names_is_refused(postgres_server):
    """Where one name would spoil the writes of its neighbours, nothing is begun; the line says what to make."""
    url = postgres_server.database("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    async def nothing(_):
        pytest.fail("it has no room for names")

    with pytest.raises(UsageError, match="its encoding, LATIN1") as caught:
        over(url, nothing)
    assert "ENCODING 'UTF8'" in caught.value.hint


def test_two_who_write_one_record_together_hear_each_how_it_went(database):
    """A key stands once in what is written together: of two at the same time one wins, and the other hears that."""

    async def work(board):
        async with asyncio.timeout(PATIENCE):
            posted = await asyncio.gather(*(board.post(record(claim=f"claim {number}")) for number in range(3)))
        assert [one is not None for one in posted].count(True) == 1

    over(database, work)
