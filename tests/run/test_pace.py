"""The pace of requests is arithmetic."""

import asyncio

from fakes.board import MemoryBoard
from hypothesis import given
from hypothesis import strategies as st

from seedvr_cli.run.pace import LARGEST_PORTION, PORTION_SECONDS, Pace, SharedPace

rates = st.floats(min_value=0.01, max_value=500)
gaps = st.lists(st.floats(min_value=0, max_value=0.5), min_size=1, max_size=200)


@given(rates, gaps, st.floats(min_value=0.01, max_value=5))
def test_no_window_holds_more_than_its_share(rate, gaps, window):
    """Over any window of time no more requests go than the rate allows, and one for the window's edge."""
    pace, now, starts = Pace(rate), 0.0, []
    for gap in gaps:
        now += gap
        starts.append(now + pace.take(now))
    assert starts == sorted(starts)
    for index, begin in enumerate(starts):
        inside = sum(1 for start in starts[index:] if start < begin + window - 1e-9)
        assert inside <= rate * window + 1.000001


def test_nothing_is_limited_before_a_refusal():
    """Without a rate and without a 429, every request goes at once."""
    pace = Pace()
    assert [pace.take(now / 100) for now in range(500)] == [0.0] * 500


def test_everybody_waits_as_long_as_a_refusal_says():
    """After a Retry-After no request goes before it is over."""
    pace = Pace()
    pace.take(0.0)
    pace.refused(1.0, 7.0)
    assert pace.take(2.0) == 6.0


def test_a_refusal_halves_the_rate_once():
    """Refusals of one burst halve the measured rate once; another a second later halves it again."""
    pace = Pace()
    for request in range(100):
        pace.take(request / 100)
    for _ in range(30):
        pace.refused(1.0, 0.0)
    assert pace.rate == 50.0
    pace.refused(2.5, 0.0)
    assert pace.rate is not None
    assert pace.rate < 50.0


def test_quiet_seconds_speed_it_up_again():
    """Without further refusals the rate grows by the same step each second, and never past the user's own."""
    pace = Pace(100.0)
    now = 0.0
    for _ in range(100):
        now += 0.01
        pace.take(now)
    pace.refused(now, 0.0)
    slow = pace.rate
    seen = []
    for _ in range(60):
        now += 1.0
        pace.take(now)
        seen.append(pace.rate)
    assert slow is not None
    assert seen == sorted(seen)
    assert seen[2] - seen[1] == seen[1] - seen[0] > 0
    assert seen[-1] == 100.0


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans(), st.floats(0, 5)), max_size=60), rates)
def test_refusals_never_raise_the_rate_past_its_limit(steps, rate):
    """Whatever happens, the rate stays between the slowest and the user's own."""
    pace, now = Pace(rate), 0.0
    for gap, is_refused, wait in steps:
        now += gap
        assert pace.take(now) >= 0
        if is_refused:
            pace.refused(now, wait)
        assert min(0.5, rate) <= pace.rate <= rate


@given(st.floats(min_value=0.1, max_value=500), gaps, st.integers(1, 4))
def test_machines_that_share_a_rate_keep_it_together(rate, gaps, machines):
    """Whoever asks when, all submissions together keep the rate, but for a portion that waits for its next use."""
    board, now, starts = MemoryBoard(), 0.0, []

    def machine():
        async def draw(count, rate):
            board.time = now
            return await board.slots("g", count, rate)

        return SharedPace(rate, draw)

    async def work():
        nonlocal now
        paces = [machine() for _ in range(machines)]
        for number, gap in enumerate(gaps):
            now += gap
            starts.append(max(now, await paces[number % machines].take(lambda: now)))  # noqa: B023 - asked at once

    asyncio.run(work())
    starts.sort()
    portion = max(1, min(LARGEST_PORTION, int(rate * PORTION_SECONDS)))
    for index, begin in enumerate(starts):
        inside = sum(1 for start in starts[index:] if start < begin + 1.0 - 1e-9)
        assert inside <= rate + 1 + portion * machines


def test_those_who_wait_for_slots_take_of_one_portion():
    """A run whose many jobs wait for a slot takes no more from the other machines than it needs."""
    drawn = []

    async def draw(count, rate):
        drawn.append(count)
        await asyncio.sleep(0)
        return 0.0

    async def work():
        pace = SharedPace(20.0, draw)
        return await asyncio.gather(*(pace.take(lambda: 0.0) for _ in range(30)))

    starts = asyncio.run(work())
    assert (len(starts), sum(drawn)) == (30, 30)


def test_slots_that_come_late_let_somebody_go():
    """However slow the board's answers are, each of them lets a submission go."""
    now = 0.0

    async def draw(count, rate):
        nonlocal now
        now += 10.0
        return 0.0

    async def work():
        pace = SharedPace(1000.0, draw)
        return [await pace.take(lambda: now) for _ in range(5)]

    assert len(asyncio.run(work())) == 5
