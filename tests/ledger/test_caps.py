"""Caps of a day, a month and a tag: exact, whatever becomes of the jobs."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from helpers.jobs import draft, run

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.verdicts import Claimed, OverCap, Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.caps import Caps

MARCH = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC).timestamp()
DAY = 86400.0


class Calendar:
    """A clock that a test turns. Seconds since 1970."""

    def __init__(self, instant):
        self.instant = instant

    def __call__(self):
        return self.instant


@pytest.fixture
def go(tmp_path):
    """Runs `work` on a ledger by that clock."""

    def go(work, clock=None):
        async def inside():
            async with Ledger(str(tmp_path), **({"now": clock} if clock else {})) as ledger:
                return await work(ledger)

        return asyncio.run(inside())

    return go


def test_a_month_is_the_sum_of_its_days(go):
    """What was submitted on any day of the month (UTC) counts for it, and with the next month there is money again."""
    clock, terms = Calendar(MARCH - 30 * DAY), Terms(caps=Caps(month=3000))

    async def work(ledger):
        for key, days in (("february", -1), ("first", 0), ("middle", 14), ("last", 30)):
            clock.instant = MARCH - 30 * DAY + days * DAY
            assert isinstance(await ledger.claim(draft(key), terms), Claimed)
        refused = await ledger.claim(draft("more"), terms)
        clock.instant = MARCH + 1
        return refused, await ledger.claim(draft("more"), terms)

    refused, then = go(work, clock)
    assert refused == OverCap("month", None, 3000, 3000)
    assert isinstance(then, Claimed)


def test_the_first_cap_that_is_reached_is_told(go):
    """A day's cap is told before a month's, and a tag's last; what is below all of them is claimed."""

    async def work(ledger):
        await ledger.claim(draft("a", tags=("x",)), Terms())
        return [
            await ledger.claim(draft("b", tags=("x",)), Terms(caps=caps))
            for caps in (Caps(day=1999, month=1, tags={"x": 1}), Caps(day=2000, month=1999), Caps(tags={"x": 1999}),
                         Caps(day=2000, month=2000, tags={"x": 2000, "y": 0}))
        ]  # fmt: skip

    day, month, tag, claimed = go(work)
    assert day == OverCap("day", None, 1999, 1000)
    assert month == OverCap("month", None, 1999, 1000)
    assert tag == OverCap(None, "x", 1999, 1000)
    assert isinstance(claimed, Claimed)


def test_a_tag_counts_what_its_jobs_cost(go):
    """ERROR, and what was not sent, gives its money back to every tag of the job; what is lost may have cost it."""
    terms = Terms(caps=Caps(tags={"x": 2000, "y": 2000}))

    async def work(ledger):
        released = await ledger.claim(draft("released", tags=("x", "y")), terms)
        failed = await ledger.claim(draft("failed", tags=("x",)), terms)
        assert isinstance(await ledger.claim(draft("more", tags=("x",)), terms), OverCap)
        await ledger.release(released.job)
        await ledger.record(failed.job, Answer("job-1", "ERROR"))
        lost = await ledger.claim(draft("lost", tags=("y",)), terms)
        await ledger.lose(lost.job, "no answer")
        verdicts = [await ledger.claim(draft(key, tags=("x", "y")), terms) for key in ("first", "second")]
        assert isinstance(await ledger.claim(draft("untagged"), terms), Claimed)
        return verdicts

    first, second = go(work)
    assert first.job.tags == ("x", "y")
    assert second == OverCap(None, "y", 2000, 2000)


def test_a_tag_that_comes_later_counts_what_was_paid(go):
    """A label that a job gets later has what the job cost, once."""

    async def work(ledger):
        claimed = await ledger.claim(draft("a", tags=("x",)), Terms())
        for _ in range(2):
            job = await ledger.label(claimed.job, ("y", "x"))
        return job, await ledger.claim(draft("b", tags=("y",)), Terms(caps=Caps(tags={"y": 1500})))

    job, verdict = go(work)
    assert job.tags == ("x", "y")
    assert verdict == OverCap(None, "y", 1500, 1000)


def test_gateways_have_caps_of_their_own(go):
    """What one gateway was paid is no matter of another's."""

    async def work(ledger):
        await ledger.claim(draft("a", tags=("x",)), Terms())
        other = draft("b", tags=("x",))
        caps = Caps(day=1000, month=1000, tags={"x": 1000})
        return await ledger.claim(replace(other, gateway="h"), Terms(caps=caps))

    assert isinstance(go(work), Claimed)


def test_what_has_no_price_is_never_too_much(tmp_path):
    """A job whose price is not known counts for nothing."""

    async def work(ledger):
        adopted = await ledger.adopt("job-1", "g", "default")
        await ledger.label(adopted, ("x",))
        return await ledger.claim(draft(tags=("x",)), Terms(caps=Caps(tags={"x": 1000})))

    assert isinstance(run(tmp_path, work), Claimed)
