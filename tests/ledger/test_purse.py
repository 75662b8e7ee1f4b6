"""Caps that machines share are drawn on in portions, and given back."""

import asyncio

import pytest
from helpers.jobs import draft
from helpers.machines import ANYHOW, answer

from seedvr_cli.ledger.purse import PORTION
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
                await ledger.record(verdict.job, answer("COMPLETED"))
            assert count == cap // 1000
        assert board.drawn["g"] == cap

    asyncio.run(work())


@pytest.mark.parametrize("caps", [Caps(day=200_000), Caps(month=200_000), Caps(tags={"x": 200_000})])
def test_a_killed_run_takes_little_of_a_cap_with_it(machine, board, caps):
    """What it has drawn and not spent is a hundredth of the cap at the most, as is what others have to wait for."""

    async def work():
        async with machine("a") as killed, machine("b") as b:
            await killed.claim(draft("one", tags=("x",)), Terms(caps=caps))
            verdict = await b.claim(draft("two", tags=("x",)), Terms(caps=caps))
            assert isinstance(verdict, Claimed)
            pot = ("g", "x") if caps.tags else "g"
            assert board.drawn[pot] <= 2 * 2_000

    asyncio.run(work())


def test_months_and_tags_have_one_cap_for_all_machines(machine, board):
    """Machines draw on one cap of the month and of each tag; who is refused is told what is spent."""
    caps = Caps(month=10_000, tags={"x": 3_000})

    async def work():
        async with machine("a") as a, machine("b") as b:
            board.earlier["g"] = 2_000
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
        assert board.drawn == {"g": 8_000, ("g", "x"): 3_000, ("g", "y"): 1_000}

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
            await a.record(await a.label(failed.job, ("y",)), answer("ERROR"))
            done = await a.claim(draft("done", tags=("x",)), ANYHOW)
            await a.record(done.job, answer("COMPLETED"))
        assert board.drawn == {"g": 1_000, ("g", "x"): 1_000}

    asyncio.run(work())


def test_what_was_not_charged_does_not_count(machine, board):
    """Refused submissions, jobs that ended ERROR and what is left of a portion are given back to the day."""

    async def work():
        async with machine("a") as a:
            refused = await a.claim(draft("refused"), ANYHOW)
            await a.release(refused.job)
            failed = await a.claim(draft("error"), ANYHOW)
            await a.record(failed.job, answer("ERROR"))
            done = await a.claim(draft("done"), ANYHOW)
            await a.record(done.job, answer("COMPLETED"))
        assert board.drawn["g"] == 1000

    asyncio.run(work())
