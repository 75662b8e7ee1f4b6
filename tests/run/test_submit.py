"""Submitting at most once, and the money that is set aside for it."""

import asyncio

import pytest
from fakes.scripted import ScriptedGateway, completed, processing, queued

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.runs import RunLock
from seedvr_cli.ledger.verdicts import Claimed, Held, Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.caps import Caps
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import (
    Busy,
    CostCapReached,
    GatewayError,
    OutcomeUnknown,
    RequestRefused,
    StillRunning,
)
from seedvr_cli.values.job import Draft

PRICE = ENDPOINTS["7b-image"].price()
ONE, TWO, THREE = (f"https://example.com/{number}.png" for number in (1, 2, 3))


def failed(request_id: str = "job-1") -> Answer:
    return Answer(request_id, "FAILED", error="out of memory")


def ended_error(request_id: str = "job-1") -> Answer:
    return Answer(request_id, "ERROR", error="no picture")


def test_the_same_request_is_submitted_once(house, go):
    """A second run finds the first one's job, and delivers it."""
    first = ScriptedGateway(polls=[processing()])
    go(first, timeout=10.0)
    second = ScriptedGateway()
    (outcome,) = go(second)
    assert (len(first.submitted), len(second.submitted)) == (1, 0)
    assert outcome.error is None
    assert outcome.resumed


def test_new_submits_again(house, go):
    """--new pays whatever the ledger says."""
    go(ScriptedGateway())
    gateway = ScriptedGateway(submits=[queued("job-2")], polls=[completed("job-2")])
    (outcome,) = go(gateway, new=True, overwrite=True)
    assert len(gateway.submitted) == 1
    assert not outcome.resumed


def test_who_waits_for_another_run_looks_less_often_the_longer_it_takes(house, monkeypatch):
    """A minute of waiting is some fifty looks at the ledger, and the end of it is seen within two seconds."""
    (item,) = house.purchases()
    gateway, looks, seen = ScriptedGateway(), [], []
    claim = Ledger.claim

    async def held(ledger, draft, terms):
        looks.append(house.clock.clock.monotonic())
        if looks[-1] - looks[0] < 60.0:
            return Held(None)
        seen.append(looks[-1] - looks[0] - 60.0)
        return await claim(ledger, draft, terms)

    monkeypatch.setattr(Ledger, "claim", held)
    (outcome,) = house.go(gateway, [item])
    assert (outcome.error, len(gateway.submitted)) == (None, 1)
    assert 40 < len(looks) < 60
    assert seen[0] <= 2.0


def test_two_items_of_a_run_that_ask_for_the_same_are_one_job(house, go):
    """The second one waits for the first one's outcome, and gets a file of its own, or the same error."""
    gateway = ScriptedGateway()
    outcomes = go(gateway, house.purchases(ONE, ONE))
    assert len(gateway.submitted) == 1
    assert [outcome.error for outcome in outcomes] == [None, None]
    gateway = ScriptedGateway(submits=[RequestRefused("HTTP 400")])
    outcomes = go(gateway, house.purchases(TWO, TWO))
    assert len(gateway.submitted) == 1
    assert [outcome.error.exit_code for outcome in outcomes] == [1, 1]


def test_failed_is_submitted_again_only_if_asked(house, go):
    """FAILED may be charged: only --retry-failed pays for it once more."""
    go(ScriptedGateway(polls=[failed()]))
    gateway = ScriptedGateway()
    (outcome,) = go(gateway)
    assert (outcome.error.code, gateway.submitted) == ("job_failed", [])
    gateway = ScriptedGateway(submits=[queued("job-2")], polls=[completed("job-2")])
    (outcome,) = go(gateway, retry_failed=True)
    assert (outcome.error, len(gateway.submitted)) == (None, 1)


def test_error_is_submitted_again(house, go):
    """ERROR is not charged: the same command submits it again."""
    go(ScriptedGateway(polls=[ended_error()]))
    gateway = ScriptedGateway(submits=[queued("job-2")], polls=[completed("job-2")])
    (outcome,) = go(gateway)
    assert (outcome.error, len(gateway.submitted)) == (None, 1)


def test_an_error_does_not_hide_what_was_paid_before_it(house, go):
    """Where --new ended ERROR, what was paid for before still counts."""
    go(ScriptedGateway())
    go(ScriptedGateway(submits=[queued("job-2")], polls=[ended_error("job-2")]), new=True, overwrite=True)
    gateway = ScriptedGateway()
    (outcome,) = go(gateway)
    assert (outcome.error, gateway.submitted) == (None, [])


# Money.


def test_max_cost_submits_no_more_than_it_pays_for(house, go):
    """What could take the run past --max-cost is not submitted; what is paid for already costs nothing."""
    go(ScriptedGateway(submits=[queued("job-3")]), house.purchases(THREE))
    gateway = ScriptedGateway()
    outcomes = go(gateway, house.purchases(ONE, TWO, THREE), max_cost=PRICE, jobs=1)
    assert len(gateway.submitted) == 1
    assert [type(outcome.error) for outcome in outcomes] == [type(None), CostCapReached, type(None)]


@pytest.mark.parametrize("end", [ended_error(), RequestRefused("HTTP 400"), Busy("busy", 10_000.0)])
def test_what_is_not_charged_is_refunded(house, go, end):
    """The money of an ERROR, of a refusal and of a job that was never accepted pays for the next one."""
    steps = {"polls": [end, completed("job-2")], "submits": [queued(), queued("job-2")]}
    if isinstance(end, Exception):
        steps = {"submits": [end, queued("job-2")], "polls": [completed("job-2")]}
    gateway = ScriptedGateway(**steps)
    house.clock.seconds = 0.0
    first, second = go(gateway, house.purchases(ONE, TWO), max_cost=PRICE, jobs=1, timeout=60.0)
    assert first.error is not None
    assert second.error is None, second.error
    assert len(gateway.submitted) == 2


@pytest.mark.parametrize("end", [failed(), OutcomeUnknown("lost"), GatewayError("HTTP 500")])
def test_what_may_be_charged_is_not_refunded(house, go, end):
    """FAILED and unknown outcomes count against --max-cost."""
    steps = {"submits": [end]} if isinstance(end, Exception) else {"polls": [end]}
    gateway = ScriptedGateway(**steps)
    _, second = go(gateway, house.purchases(ONE, TWO), max_cost=PRICE, jobs=1)
    assert len(gateway.submitted) == 1
    assert isinstance(second.error, CostCapReached)


def test_money_is_given_back_once(house, go):
    """An ERROR that is seen again by a later run refunds nothing there: it has set nothing aside."""
    go(ScriptedGateway(polls=[processing()]), house.purchases(ONE), timeout=5.0)
    gateway = ScriptedGateway(submits=[queued("job-2")], polls=[ended_error(), completed("job-2")])
    outcomes = go(gateway, house.purchases(ONE, TWO, THREE), max_cost=PRICE, jobs=1)
    assert len(gateway.submitted) == 1
    assert [outcome.error.code if outcome.error else None for outcome in outcomes] == ["job_error", None, "max_cost"]


def test_the_day_has_a_limit_that_all_runs_share(house, go):
    """max-cost-per-day counts what other runs have submitted."""
    go(ScriptedGateway(), house.purchases(ONE))
    gateway = ScriptedGateway()
    (outcome,) = go(gateway, house.purchases(TWO), caps=Caps(day=PRICE))
    assert (outcome.error.code, outcome.error.exit_code, gateway.submitted) == ("max_cost", 4, [])


def test_a_month_and_a_tag_have_limits_too(house, go):
    """What is spent and what is left of them is said, with what to do."""
    go(ScriptedGateway(), house.purchases(ONE, tags=("a", "b")))
    for caps, tags, words in (
        (Caps(month=1500), (), ("this month past $0.0015 ($0.001 spent, $0.0005 left)", "-per-month", "next month")),
        (Caps(day=1500), (), ("this day past $0.0015", "max-cost-per-day", "tomorrow")),
        (Caps(tags={"b": 500}), ("c", "b"), ("the tag b past $0.0005 ($0.001 spent, $0.00 left)", "max-cost-per-tag")),
    ):
        gateway = ScriptedGateway()
        (outcome,) = go(gateway, house.purchases(TWO, tags=tags), caps=caps)
        assert (outcome.error.code, outcome.error.exit_code, gateway.submitted) == ("max_cost", 4, [])
        assert all(word in f"{outcome.error.message}; {outcome.error.hint}" for word in words)


def test_what_is_paid_for_gets_the_tags_of_who_asks_again(house, go):
    """A repeat pays nothing and adds its tags; one that has them all, or gives none, changes nothing."""
    go(ScriptedGateway(), house.purchases(ONE, tags=("a",)))
    for tags, known in ((("b", "a"), ("a", "b")), (("a",), ("a", "b")), ((), ("a", "b"))):
        gateway = ScriptedGateway()
        (outcome,) = go(gateway, house.purchases(ONE, tags=tags))
        assert (outcome.error, gateway.submitted, outcome.job.tags) == (None, [], known)


# Waiting to submit.


def test_another_run_that_stands_in_its_post_is_waited_for(house, go):
    """Two runs that ask for the same submit it once: the second waits, no longer than its timeout, or leaves it."""
    (item,) = house.purchases()

    async def both() -> None:
        async with house.ledger() as other:
            draft = Draft(
                key=item.key, gateway="https://gateway.example", endpoint=item.endpoint, source=item.source,
                name=item.name, params={}, output=None, price=PRICE, profile="default",
            )  # fmt: skip
            assert isinstance(await other.claim(draft, Terms()), Claimed)
            gateway = ScriptedGateway()
            (left,) = await house.run(gateway, [item], skip_claimed=True)
            assert (type(left.error), house.clock.seconds) == (StillRunning, 0)
            (outcome,) = await house.run(gateway, [item], timeout=30.0)
            assert isinstance(outcome.error, StillRunning)
            assert "another seedvr" in outcome.error.message
            assert gateway.submitted == []
            assert 30 <= house.clock.seconds <= 32

    asyncio.run(both())


def test_a_rate_spaces_submissions(house, go):
    """With --rate submissions are evenly spaced."""
    gateway = ScriptedGateway()
    outcomes = go(gateway, house.purchases(ONE, TWO, THREE), rate=0.1, jobs=1)
    assert [outcome.error for outcome in outcomes] == [None, None, None]
    assert house.clock.seconds >= 20


def test_a_dead_run_leaves_an_unknown_outcome(house, go, monkeypatch):
    """What another run was sending when it died is unknown; what it only held is free."""
    (item,) = house.purchases()
    draft = Draft(
        key=item.key, gateway="https://gateway.example", endpoint=item.endpoint, source=item.source, name=item.name,
        params={}, output=None, price=PRICE, profile="default",
    )  # fmt: skip

    async def die(*, held: bool) -> None:
        ledger = Ledger(str(house.folder / "state"))
        await ledger._database.open()
        claimed = await ledger.claim(draft, Terms())
        if held:
            await ledger.hold(claimed.job)
        await ledger._database.close()
        RunLock.release(ledger._lock)

    asyncio.run(die(held=True))
    gateway = ScriptedGateway(submits=[RequestRefused("HTTP 400")])
    go(gateway, [item])
    assert len(gateway.submitted) == 1
    asyncio.run(die(held=False))
    gateway = ScriptedGateway()
    (outcome,) = go(gateway, [item])
    assert (outcome.error.exit_code, gateway.submitted) == (7, [])
