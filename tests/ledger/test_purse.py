"""Caps that machines share are drawn on in portions, and given back."""

import asyncio
from datetime import timedelta

import pytest
from helpers.jobs import draft
from helpers.machines import ANYHOW, answer

from seedvr_cli.ledger.purse import PORTION, Payment, Purse
from seedvr_cli.ledger.shared import SharedLedger
from seedvr_cli.ledger.verdicts import Claimed, OverCap, Terms
from seedvr_cli.values.caps import Caps


def test_the_days_cap_is_one_for_all_machines(machine, board):
    """Machines draw on one cap; what a portion has left at the end is given back, and what was not charged too."""
    cap = PORTION * 2

    async def work():
        count = 0
        async with machine("a") as a, machine("b") as b:
            for number in range(200):
                ledger = (a, b)[number % 2]
                verdict = await ledger.claim(draft(f"key-{number}"), Terms(caps=Caps(day=cap)))
                if isinstance(verdict, OverCap):
                    continue
                count += 1
                await ledger.record(verdict.job, answer("COMPLETED", f"job_{number}"))
            assert count == cap // 1000
        assert board.drawn("g") == cap

    asyncio.run(work())


@pytest.mark.parametrize("caps", [Caps(day=200_000), Caps(month=200_000), Caps(tags={"x": 200_000})])
def test_a_killed_run_takes_little_of_a_cap_with_it(machine, board, caps):
    """What it has drawn and not spent is a hundredth of the cap at the most, as is what others have to wait for."""

    async def work():
        async with machine("a") as killed, machine("b") as b:
            await killed.claim(draft("one", tags=("x",)), Terms(caps=caps))
            verdict = await b.claim(draft("two", tags=("x",)), Terms(caps=caps))
            assert isinstance(verdict, Claimed)
            assert board.drawn("g", "x" if caps.tags else None) <= 2 * 2_000

    asyncio.run(work())


def test_months_and_tags_have_one_cap_for_all_machines(machine, board):
    """Machines draw on one cap of the month and of each tag; who is refused is told what is spent."""
    caps = Caps(month=10_000, tags={"x": 3_000})

    async def work():
        async with machine("a") as a, machine("b") as b:
            board.pots["g", board.today - timedelta(days=1)] = 2_000
            free = await a.claim(draft("free", tags=("x", "y")), ANYHOW)
            await a.record(free.job, answer("COMPLETED"))
        async with machine("b") as b:
            verdicts = [
                await b.claim(draft(f"key-{number}", tags=("x",) if number < 3 else ()), Terms(caps=caps))
                for number in range(10)
            ]
        assert verdicts[2] == OverCap(None, "x", 3_000, 3_000)
        assert [isinstance(one, Claimed) for one in verdicts] == [True, True, False, *[True] * 5, False, False]
        assert verdicts[-1] == OverCap("month", None, 10_000, 10_000)
        assert [board.drawn("g", of) for of in (None, "x", "y")] == [8_000, 3_000, 1_000]

    asyncio.run(work())


def test_a_day_is_refused_before_its_month(machine, board):
    """Where both are spent the day is told; with no cap at all nothing is refused."""

    async def work():
        async with machine("a") as a:
            caps = Caps(day=500, month=400)
            assert await a.claim(draft(), Terms(caps=caps)) == OverCap("day", None, 500, 0)
            assert await a.claim(draft(), Terms(caps=Caps(month=500))) == OverCap("month", None, 500, 0)
            assert await a.claim(draft(), Terms(caps=Caps(day=5000, month=500))) == OverCap("month", None, 500, 0)
            assert isinstance(await a.claim(draft(), Terms()), Claimed)

    asyncio.run(work())


def test_what_waits_at_the_end_is_given_back(machine, board):
    """A job that was held until its run ended was not sent, and costs nobody's day anything."""

    async def work():
        async with machine("a") as a:
            held = await a.claim(draft("held"), ANYHOW)
            await a.hold(held.job)
        assert board.drawn("g") == 0

    asyncio.run(work())


def test_tags_travel_with_the_record(machine):
    """A job of another machine keeps its tags, beside those that are given here."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(tags=("x", "y")), ANYHOW)
            await a.record(claimed.job, answer())
            verdict = await b.claim(draft(tags=("z", "y")), Terms())
            assert verdict.job.tags == ("x", "y", "z")

    asyncio.run(work())


def test_tags_get_back_what_was_not_charged(machine, board):
    """Refused submissions and ERROR are given back to the tags of the submission; one that comes later gets nothing."""

    async def work():
        async with machine("a") as a:
            refused = await a.claim(draft("refused", tags=("x",)), ANYHOW)
            await a.release(refused.job)
            failed = await a.claim(draft("error", tags=("x",)), ANYHOW)
            await a.record(await a.label(failed.job, ("y",)), answer("ERROR", "job_2"))
            done = await a.claim(draft("done", tags=("x",)), ANYHOW)
            await a.record(done.job, answer("COMPLETED"))
        assert board.pots == {("g", board.today): 1_000, ("g", "x"): 1_000}

    asyncio.run(work())


def test_what_was_not_charged_does_not_count(machine, board):
    """Refused submissions, jobs that ended ERROR and what is left of a portion are given back to the day."""

    async def work():
        async with machine("a") as a:
            refused = await a.claim(draft("refused"), ANYHOW)
            await a.release(refused.job)
            failed = await a.claim(draft("error"), ANYHOW)
            await a.record(failed.job, answer("ERROR", "job_2"))
            done = await a.claim(draft("done"), ANYHOW)
            await a.record(done.job, answer("COMPLETED"))
        assert board.drawn("g") == 1000

    asyncio.run(work())


@pytest.fixture
def timely(tmp_path, board):
    """Opens the ledger of a machine whose clock goes as fast as the board's, and is hours behind."""
    return lambda name: SharedLedger(str(tmp_path / name), board, now=lambda: board.time - 5 * 3600.0)


def test_money_of_yesterday_is_none_of_today(timely, board):
    """What a run drew before midnight and has left goes back to that day: the day after has its own cap, no more."""
    caps = Terms(caps=Caps(day=5_000))

    async def claims(ledger, name):
        verdicts = [await ledger.claim(draft(f"{name}-{number}"), caps) for number in range(5)]
        return sum(isinstance(verdict, Claimed) for verdict in verdicts)

    async def work():
        yesterday = board.today
        async with timely("b") as b:
            async with timely("a") as a:
                done = await a.claim(draft("done"), ANYHOW)
                await a.record(done.job, answer("COMPLETED"))
                failed = await a.claim(draft("error"), ANYHOW)
                refused = await a.claim(draft("refused"), ANYHOW)
                assert board.drawn("g") == PORTION
                board.time += 86_400
                assert await claims(b, "first") == 5
                await a.record(failed.job, answer("ERROR", "job_2"))
                await a.release(refused.job)
            assert board.pots == {("g", yesterday): 1_000, ("g", board.today): 5_000}
            assert await claims(b, "more") == 0

    asyncio.run(work())


def test_what_is_submitted_after_midnight_counts_for_that_day(timely, board):
    """What is left of a portion of the day before is not spent: a run that goes on draws anew."""

    async def work():
        yesterday = board.today
        async with timely("a") as a:
            first = await a.claim(draft("before"), ANYHOW)
            await a.record(first.job, answer("COMPLETED"))
            board.time += 86_400
            for number in range(3):
                after = await a.claim(draft(f"after-{number}"), ANYHOW)
                await a.record(after.job, answer("COMPLETED", f"job_after_{number}"))
            assert board.drawn("g") == PORTION
        assert board.pots == {("g", yesterday): 1_000, ("g", board.today): 3_000}

    asyncio.run(work())


def test_a_day_may_turn_while_money_is_drawn(timely, board, monkeypatch):
    """Where it is another day by the board's answer than when it was asked, a claim is paid for from that day alone."""
    draw = board.draw

    async def turning(*what):
        if len(board.pots) == 1:  # the second draw
            board.time += 86_400
        return await draw(*what)

    monkeypatch.setattr(board, "draw", turning)

    async def work():
        yesterday = board.today
        caps = Terms(caps=Caps(day=1_500))
        async with timely("a") as a:
            assert isinstance(await a.claim(draft("before"), caps), Claimed)
            assert isinstance(await a.claim(draft("after"), caps), Claimed)
            assert board.pots == {("g", yesterday): 1_000, ("g", board.today): 1_000}

    asyncio.run(work())


def test_claims_at_the_same_time_take_of_one_portion(board):
    """Many claims at once draw as often as one after the other would: a cap is spent to its last cent."""
    caps, draw = Caps(day=200_000), board.draw

    async def takes_its_time(*how):
        await asyncio.sleep(0)
        return await draw(*how)

    board.draw = takes_its_time

    async def work():
        purse = Purse(board, lambda: board.time)
        taken = await asyncio.gather(*(purse.take(draft(str(number)), caps) for number in range(220)))
        assert sum(isinstance(one, Payment) for one in taken) == 200

    asyncio.run(work())
