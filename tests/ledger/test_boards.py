"""What every board keeps, whatever it is made of: the tests' own in memory, PostgreSQL, object stores."""

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.board import MemoryBoard
from helpers.boards import over, record
from helpers.bucket import BUCKET, STORES

from seedvr_cli.ledger import bucket, postgres

pytestmark = pytest.mark.slow

# Keys that are claimed at the same time: as many as the store of the tests has the time for.
KEYS = 40


@pytest.fixture(params=["memory", "postgres", *STORES])
def meet(request, monkeypatch):
    """Gives `work(*boards)` as many boards as it asks for, which are one."""
    if request.param == "memory":
        board = MemoryBoard()
        return lambda work, count=1: asyncio.run(work(*[board] * count))
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_server").database()
    else:
        for name, value in request.getfixturevalue(STORES[request.param]).items():
            monkeypatch.setenv(name, value)
        url = f"{request.param}://{BUCKET}/{uuid.uuid4().hex}"
    return lambda work, count=1: over(url, work, count)


def test_a_record_is_written_over_the_revision_that_was_seen(meet):
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

    meet(work, 2)


def test_all_machines_know_it_for_the_same(meet):
    """Its id and its secret are the same for all, and the secret is none that could be guessed."""

    async def work(a, b):
        assert (a.id, a.secret) == (b.id, b.secret)
        assert len(a.secret) >= 16
        assert a.secret != a.id

    meet(work, 2)


def test_many_claims_at_once_are_won_once(meet):
    """Whatever the order in which machines ask for the same keys, each has one winner, and nobody waits for ever."""
    keys = [f"key-{number:03}" for number in range(KEYS)]

    async def work(*boards):
        async def claim(board, name, turned):
            order = list(reversed(keys)) if turned else keys
            won = await asyncio.gather(*(board.post(record(key, claim=name + key)) for key in order))
            return sum(one is not None for one in won)

        return await asyncio.gather(*(claim(board, str(n), n % 2) for n, board in enumerate(boards)))

    assert sum(meet(work, 4)) == len(keys)


def test_a_lease_goes_by_the_boards_clock(meet, monkeypatch):
    """A run is alive from its beat until its lease is over, or until it rests."""

    async def work(a, b):
        assert not await b.is_alive("run")
        await a.beat("run")
        assert await b.is_alive("run")
        await a.rest("run")
        assert not await b.is_alive("run")
        for module in (bucket, postgres):
            monkeypatch.setattr(module, "LEASE_SECONDS", -1.0)
        await a.beat("run")
        if isinstance(b, MemoryBoard):
            b.time += 1e6
        assert not await b.is_alive("run")

    meet(work, 2)


def test_a_day_is_drawn_on_exactly(meet):
    """Several at once draw no more than there is, and what is given back can be drawn again."""

    async def work(*boards):
        drawn = await asyncio.gather(*(board.draw("https://g/", 700, 5_000) for board in boards for _ in range(3)))
        days = [instant.date() for instant in drawn if instant]
        assert len(days) == 7
        await boards[0].give_back("https://g/", 700, days[0])
        assert await boards[1].draw("https://g/", 800, 5_000)
        assert not await boards[1].draw("https://g/", 800, 5_000)
        assert not await boards[1].draw("https://h/", 800, 700)

    meet(work, 4)


def test_a_month_is_drawn_on_exactly(meet):
    """Days before today count for the month, and several at once draw no more than it has left."""

    async def work(*boards):
        now = (await boards[0].draw("https://other/", 1, 1)).date()
        earliest = 0 if now.day == 1 else 1_000
        if earliest:
            await have_drawn(boards[0], "https://g/", now - timedelta(days=1), earliest)
        drawn = await asyncio.gather(
            *(board.draw("https://g/", 700, 1 << 40, 5_000) for board in boards for _ in range(3))
        )
        days = [instant.date() for instant in drawn if instant]
        assert len(days) == (5_000 - earliest) // 700
        assert not await boards[0].draw("https://g/", 5_000, 1_000, 1 << 40)
        await boards[0].give_back("https://g/", 700, days[0])
        today = await boards[1].spent("https://g/", "day", None)
        assert await boards[1].spent("https://g/", "month", None) == today + earliest
        assert today == (len(days) - 1) * 700
        assert await boards[2].spent("https://h/", "month", None) == 0
        assert not await boards[2].draw("https://h/", 800, 1 << 40, 700)

    meet(work, 4)


def test_a_tag_is_drawn_on_exactly(meet):
    """Each tag of each gateway has money of its own, which several at once do not overdraw."""

    async def work(*boards):
        drawn = await asyncio.gather(
            *(board.draw_tag("https://g/", "a/b ä", 700, 5_000) for board in boards for _ in range(3))
        )
        assert sum(drawn) == 7
        await boards[0].give_back("https://g/", 700, "a/b ä")
        assert await boards[1].spent("https://g/", None, "a/b ä") == 4_200
        assert not await boards[1].draw_tag("https://g/", "a/b ä", 900, 5_000)
        assert await boards[1].draw_tag("https://h/", "a/b ä", 900, 900)
        assert await boards[1].draw_tag("https://g/", ".", 900, 900)
        assert not await boards[1].draw_tag("https://g/", "b", 900, 700)
        assert await boards[2].spent("https://g/", None, "c") == 0

    meet(work, 4)


def test_what_was_drawn_yesterday_goes_back_to_yesterday(meet):
    """Money of another day is none of today's: what is given back makes that day cheaper, and not below nothing."""

    async def work(a, b):
        today = (await a.draw("https://g/", 700, 5_000)).date()
        yesterday = today - timedelta(days=1)
        await a.give_back("https://g/", 700, yesterday)  # where nothing was drawn
        await have_drawn(a, "https://g/", yesterday, 1_000)
        await b.give_back("https://g/", 400, yesterday)
        is_same_month = yesterday.month == today.month
        assert await b.spent("https://g/", "day", None) == 700
        assert await b.spent("https://g/", "month", None) == (1_300 if is_same_month else 700)
        await b.give_back("https://g/", 9_000, yesterday)
        assert await a.spent("https://g/", "day", None) == 700
        await b.give_back("https://g/", 9_000, today)
        assert await b.draw("https://g/", 5_000, 5_000)

    meet(work, 2)


async def have_drawn(board, gateway, day, amount):
    """So much was drawn on a day before today."""
    if isinstance(board, MemoryBoard):
        board.pots[gateway, day] = amount
    elif isinstance(board, postgres.PostgresBoard):
        await board._execute("INSERT INTO seedvr_days VALUES (%s, %s, %s)", [gateway, day, amount])
    else:
        assert await board._draw(bucket._day(gateway, day), amount, amount)


def test_slots_are_taken_one_after_the_other(meet):
    """However many take slots at once, each gets its own stretch of time: the last begins behind all of the others."""

    async def work(*boards):
        # One slot in a thousand seconds, so that the time which this takes is none.
        first = await asyncio.gather(*(board.slots("https://g/", 2, 0.001) for board in boards))
        assert sorted(round(one / 2_000) for one in first) == [0, 1, 2, 3]
        assert await boards[0].slots("https://h/", 1, 10.0) == pytest.approx(0.0)

    meet(work, 4)


def test_all_records_are_read_page_by_page(meet):
    """Every record comes once, in the order of the keys."""

    async def work(board):
        names = [f"key-{number:02}" for number in range(30)]
        await asyncio.gather(*(board.post(record(name)) for name in names))
        keys, last = [], ""
        while page := await board.page(last):
            keys += [one.key for one in page]
            last = page[-1].key
        assert keys == names

    meet(work)
