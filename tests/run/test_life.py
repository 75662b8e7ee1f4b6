"""One item from its request to its outcome, beside others of its run that ask for the same."""

import asyncio

import pytest
from fakes.scripted import PICTURE, ScriptedGateway, queued
from helpers.house import PRICE

from seedvr_cli.run.engine import in_one_chunk
from seedvr_cli.values.answer import Answer, Peek
from seedvr_cli.values.errors import OutcomeUnknown
from seedvr_cli.values.version import Version

TWICE = "https://example.com/twice.png"
# So many between the two that the first has long ended where the second begins.
BETWEEN = [f"https://example.com/{number}.png" for number in range(30)]


def failed(request_id: str) -> Answer:
    return Answer(request_id, "FAILED", error="out of memory")


def posts(gateway: ScriptedGateway) -> int:
    """How often what stands twice was submitted."""
    return sum(1 for request in gateway.submitted if request.source.url == TWICE)


@pytest.mark.parametrize("more", [{}, {"max_cost": PRICE * 31}])
def test_what_stands_twice_is_paid_once_with_new(house, go, more):
    """With --new each source is paid once a run, and the second item has the first one's job."""
    gateway = ScriptedGateway()
    first, *_, second = go(gateway, house.purchases(TWICE, *BETWEEN, TWICE), jobs=1, new=True, **more)
    assert (posts(gateway), first.error, second.error) == (1, None, None)
    assert first.request_id == second.request_id
    assert second.resumed
    again = ScriptedGateway(submits=[queued("job-100")])
    go(again, house.purchases(TWICE), new=True)
    assert posts(again) == 1


def test_what_stands_twice_is_retried_once(house, go):
    """With --retry-failed a source that fails once more is not paid for again by its second item."""
    go(ScriptedGateway(submits=[queued("job-0")], polls=[failed("job-0")]), house.purchases(TWICE))
    gateway = ScriptedGateway(polls=[failed("job")])
    first, *_, second = go(gateway, house.purchases(TWICE, *BETWEEN, TWICE), jobs=1, retry_failed=True)
    assert posts(gateway) == 1
    assert (first.error.code, second.error.code) == ("job_failed", "job_failed")


def test_what_stands_twice_and_always_changes_is_paid_once(house, go):
    """With --if-changed a source that is another one at each look is paid once a run."""
    looks = iter(range(10))

    class Changing(ScriptedGateway):
        async def peek(self, url, count, *, seconds=0.0):
            return Peek(206, PICTURE, Version(f'"{next(looks)}"' if url == TWICE else '"same"', len(PICTURE)))

    go(Changing(submits=[queued("job-0")]), house.purchases(TWICE), if_changed=True)
    gateway = Changing()
    first, *_, second = go(gateway, house.purchases(TWICE, *BETWEEN, TWICE), jobs=1, if_changed=True)
    assert (posts(gateway), first.error, second.error) == (1, None, None)


def test_what_stands_twice_and_was_not_answered_is_not_sent_again(house, go):
    """With --new a submission of this run whose outcome is unknown is unknown to the second item too."""
    gateway = ScriptedGateway(submits=[OutcomeUnknown("no answer"), *(queued(f"job-{n}") for n in range(1, 40))])
    first, *_, second = go(gateway, house.purchases(TWICE, *BETWEEN, TWICE), jobs=1, new=True)
    assert posts(gateway) == 1
    assert (first.charge, second.charge) == ("unknown", "unknown")


def test_each_run_of_a_ledger_pays_for_itself(house):
    """Two runs with --new that share an open ledger, as those of a Python program do, pay twice."""

    async def work(gateway):
        async with house.engine(gateway, new=True) as engine:
            other = type(engine)(
                gateway, engine._ledger, engine._policy, name=engine._state.name, spool="", clock=house.clock.clock
            )
            for one in (engine, other):
                _ = [event async for event in one.run(in_one_chunk(house.purchases(TWICE)))]

    gateway = ScriptedGateway()
    asyncio.run(work(gateway))
    assert posts(gateway) == 2
