"""The board in an object store: a real server that keeps conditions, and one that does not."""

import asyncio
import sys
import uuid
from dataclasses import replace

import obstore
import pytest
from helpers.boards import over, record
from helpers.bucket import BUCKET, rclone
from obstore.exceptions import AlreadyExistsError

from seedvr_cli.ledger.boards import find_board
from seedvr_cli.ledger.bucket import BucketBoard
from seedvr_cli.objects import opening
from seedvr_cli.values.errors import LedgerError, UsageError

pytestmark = pytest.mark.slow


@pytest.fixture
def url(store, monkeypatch):
    """An empty prefix in it."""
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


def test_an_answer_that_was_lost_is_known_by_its_claim(url, monkeypatch):
    """A write that was carried out, and whose answer was lost, is ours when it is found there; another's is not."""

    async def work(a, b):
        real, lost = obstore.put, []

        def losing(*args, **how):
            made = real(*args, **how)
            if args[1].startswith("board/") and len(lost) < 2:
                lost.append(args)
                raise AlreadyExistsError("as the library's own second attempt finds it")
            return made

        monkeypatch.setattr(obstore, "put", losing)
        first = await a.post(record())
        second = await a.post(replace(first, state="running"))
        assert (first.rev, second.rev, len(lost)) == (1, 2, 2)
        assert await b.post(record(claim="another")) is None

    over(url, work, 2)


def test_money_whose_answer_was_lost_moves_once(url, monkeypatch):
    """What was drawn or given back, and looks to the library as if another had been faster, is not done again."""

    async def work(board):
        real, lost = obstore.put, []

        def losing(*args, **how):
            made = real(*args, **how)
            if args[1].startswith("days/"):
                lost.append(args)
                if len(lost) % 2:
                    raise AlreadyExistsError("as the library's own second attempt finds it")
            return made

        monkeypatch.setattr(obstore, "put", losing)
        today = (await board.draw("g", 1_000, 5_000)).date()
        monkeypatch.setattr(obstore, "put", real)
        assert await board.draw("g", 1_000, 5_000)
        monkeypatch.setattr(obstore, "put", losing)
        lost.clear()
        await board.give_back("g", 400, today)
        assert (await board.spent("g", "day", None), len(lost)) == (1_600, 1)

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
        await board._objects.put("meta", '{"version": 99, "id": "x"}', await board._objects.get("meta"))

    over(url, age)
    with pytest.raises(LedgerError, match="newer seedvr"):
        over(url, age)


@pytest.mark.parametrize(
    ("path", "content"),
    [("board/photo.jpg", b"\xff\xd8"), ("board/list", b"[1]"), ("board/facts", b'{"a": 1}'), ("meta", b"ours")],
)
def test_what_others_have_put_below_its_prefix_is_named(url, path, content):
    """It is told in one line, with its path and what to do; nothing is taken for a record."""

    async def count(board):
        return await board.count()

    obstore.put(BucketBoard(url)._objects._store, path, content)
    with pytest.raises(LedgerError, match=f"its object {path} was not written by seedvr") as caught:
        over(url, count)
    assert "for one ledger alone" in caught.value.hint


@pytest.mark.parametrize("url", ["s3://bucket/x?region=eu-west-1", "s3://bucket/x#y"])
def test_a_prefix_is_taken_as_it_is_written_or_not_at_all(url):
    """What the library would take for a query or a fragment, and drop, is refused: two ledgers would be one."""
    with pytest.raises(UsageError, match=r"has no \? and no #"):
        find_board(url)


def test_a_store_that_is_away_is_told_in_one_line(monkeypatch):
    """A store that nobody answers for cannot be used; the line has no secret in it."""
    for name, value in {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "me",
                        "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_REGION": "us-east-1"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(opening, "_RETRIES", {"max_retries": 0})

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
    assert [one["path"] for page in obstore.list(board._objects._store) for one in page] == []

    async def nothing(made):
        return made.id

    made = over(url, nothing)
    board, checks = look()
    assert ([check.state for check in checks.values()], board.id) == (["ok", "ok"], made)
    obstore.put(board._objects._store, "meta", b'{"version": 99, "id": "new"}')
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
    for name in ("bucket", "bucket_objects"):
        monkeypatch.delitem(sys.modules, f"seedvr_cli.ledger.{name}", raising=False)
    with pytest.raises(UsageError) as caught:
        find_board("s3://bucket/x")
    assert "pip install 'seedvr-cli[bucket]'" in caught.value.hint
