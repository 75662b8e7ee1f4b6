"""The board in an object store: a real server that keeps conditions, and one that does not."""

import asyncio
import sys
import uuid
from contextlib import AsyncExitStack
from dataclasses import replace

import obstore
import pytest
from helpers.bucket import BUCKET, moto, rclone

from seedvr_cli.ledger import bucket as module
from seedvr_cli.ledger.board import Record
from seedvr_cli.ledger.bucket import BucketBoard
from seedvr_cli.ledger.shared import find_board
from seedvr_cli.values.errors import LedgerError, UsageError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store():
    """The environment that leads to a store."""
    with moto() as environment:
        yield environment


@pytest.fixture
def url(store, monkeypatch):
    """An empty prefix in it."""
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


def record(key="key", **more):
    facts = {"state": "submitting", "run": "run", "claim": f"claim of {key}", "gateway": "g", "price": 1000, **more}
    return Record(key=key, **facts)


def over(url, work, count=1):
    """What `work(*boards)` comes to."""

    async def inside():
        async with AsyncExitStack() as stack:
            boards = [await stack.enter_async_context(BucketBoard(url)) for _ in range(count)]
            return await work(*boards)

    return asyncio.run(inside())


def test_a_record_is_written_over_the_revision_that_was_seen(url):
    """Who comes second is told so; what stands there is what was written, with one revision more."""

    async def work(a, b):
        first = await a.post(record("a/key ä", facts={"name": "ä", "params": {"scale": 2}}))
        assert first.rev == 1
        assert await b.post(record("a/key ä", claim="another")) is None
        second = await b.post(replace(first, state="running", request_id="job_1"))
        assert second.rev == 2
        assert await a.post(replace(first, state="free")) is None
        assert await a.post(replace(second, rev=7, claim="another")) is None
        assert await a.look(["a/key ä", "none"]) == {"a/key ä": second}
        third = await a.post(replace(second, state="completed"))
        assert (third.rev, await b.count()) == (3, {"completed": 1})
        return a.id, b.id

    first, second = over(url, work, 2)
    assert first == second


def test_many_claims_at_once_are_won_once(url):
    """Whatever the order in which machines ask for the same keys, each has one winner."""
    keys = [f"key-{number:03}" for number in range(40)]

    async def work(*boards):
        async def claim(board, name, turned):
            order = list(reversed(keys)) if turned else keys
            won = await asyncio.gather(*(board.post(record(key, claim=name + key)) for key in order))
            return sum(one is not None for one in won)

        return await asyncio.gather(*(claim(board, str(n), n % 2) for n, board in enumerate(boards)))

    assert sum(over(url, work, 4)) == len(keys)


def test_an_answer_that_was_lost_is_known_by_its_claim(url, monkeypatch):
    """A write that was carried out, and whose answer was lost, is ours when it is found there; another's is not."""

    async def work(a, b):
        real, lost = obstore.put, []

        def losing(*args, **how):
            made = real(*args, **how)
            if args[1].startswith("board/") and len(lost) < 2:
                lost.append(args)
                raise module.AlreadyExistsError("as the library's own second attempt finds it")
            return made

        monkeypatch.setattr(obstore, "put", losing)
        first = await a.post(record())
        second = await a.post(replace(first, state="running"))
        assert (first.rev, second.rev, len(lost)) == (1, 2, 2)
        assert await b.post(record(claim="another")) is None

    over(url, work, 2)


def test_a_lease_is_the_stores(url, monkeypatch):
    """A run is alive from its beat until its lease is over by the store's clock, or until it rests."""

    async def work(a, b):
        assert not await b.is_alive("run")
        await a.beat("run")
        assert await b.is_alive("run")
        await a.rest("run")
        assert not await b.is_alive("run")
        monkeypatch.setattr(module, "LEASE_SECONDS", -1.0)
        await a.beat("run")
        assert not await b.is_alive("run")

    over(url, work, 2)


def test_a_day_is_drawn_on_exactly(url):
    """Several at once draw no more than there is, and what is given back can be drawn again."""

    async def work(*boards):
        drawn = await asyncio.gather(*(board.draw("https://g/", 700, 5_000) for board in boards for _ in range(3)))
        assert sum(drawn) == 7
        assert await boards[0].draw("https://g/", -700, 0)
        assert await boards[1].draw("https://g/", 800, 5_000)
        assert not await boards[1].draw("https://g/", 800, 5_000)

    over(url, work, 4)


def test_all_records_are_read_page_by_page(url):
    """Every record comes once, in the order of the keys."""

    async def work(board):
        names = [f"key-{number:02}" for number in range(30)]
        await asyncio.gather(*(board.post(record(name)) for name in names))
        keys, last = [], ""
        while page := await board.page(last):
            keys += [one.key for one in page]
            last = page[-1].key
        assert keys == names

    over(url, work)


def test_a_store_that_ignores_conditions_is_refused(tmp_path, monkeypatch):
    """Where everybody would win, nobody begins: the store is tried before anything is claimed."""

    async def nothing(_):
        pytest.fail("this store cannot keep a promise")

    with rclone(tmp_path / "rclone") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(LedgerError, match="two machines would both pay") as caught:
            over(f"s3://{BUCKET}/board", nothing)
    assert "PostgreSQL" in caught.value.hint


def test_a_board_of_a_newer_seedvr_is_refused(url):
    """What a newer version has made is left alone."""

    async def age(board):
        await board._call(lambda: obstore.put(board._store, "meta", b'{"version": 99, "id": "x"}'))

    over(url, age)
    with pytest.raises(LedgerError, match="newer seedvr"):
        over(url, age)


def test_a_store_that_is_away_is_told_in_one_line(monkeypatch):
    """A store that nobody answers for cannot be used; the line has no secret in it."""
    for name, value in {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "me",
                        "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_REGION": "us-east-1"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "_RETRIES", {"max_retries": 0})

    async def nothing(_):
        pytest.fail("nobody is there")

    with pytest.raises(LedgerError) as caught:
        over("s3://bucket/x", nothing)
    assert "cannot be used" in caught.value.message
    assert "\n" not in caught.value.message
    assert "hunter2" not in caught.value.message


def test_a_look_makes_nothing(url):
    """A look at an empty prefix finds conditions and a clock, and leaves nothing there; of a board it tells the id."""

    def look():
        board = BucketBoard(url)
        checks = asyncio.run(board.examine())
        return board, {check.name: check for check in checks}

    board, checks = look()
    assert ([check.state for check in checks.values()], board.id) == (["ok", "ok"], "")
    assert "nothing is in it yet" in checks["shared"].message
    assert [one["path"] for page in obstore.list(board._store) for one in page] == []

    async def nothing(made):
        return made.id

    made = over(url, nothing)
    board, checks = look()
    assert ([check.state for check in checks.values()], board.id) == (["ok", "ok"], made)
    obstore.put(board._store, "meta", b'{"version": 99, "id": "new"}')
    _, checks = look()
    assert (checks["shared"].state, "newer seedvr" in checks["shared"].message) == ("problem", True)


def test_another_machine_is_not_asked_in_the_clear(monkeypatch):
    """A store elsewhere that would be asked over plain http is a usage error that names the variable."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3.example:9000")
    with pytest.raises(UsageError, match=r"AWS_ENDPOINT_URL: http://s3\.example:9000 would send it all in the clear"):
        find_board("s3://bucket/x")


def test_without_its_library_there_is_no_board(monkeypatch):
    """Where obstore is missing, the line has the command that installs it."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "seedvr_cli.ledger.bucket")
    with pytest.raises(UsageError) as caught:
        find_board("s3://bucket/x")
    assert "pip install 'seedvr-cli[bucket]'" in caught.value.hint
