"""The POST of a claimed job: what became of it is recorded, and it is sent again only where it was not accepted."""

import pytest
from fakes.scripted import ScriptedGateway, completed, queued

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.run.post import LEDGER_PATIENCE, SUBMIT_PATIENCE
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import (
    BalanceError,
    Busy,
    GatewayError,
    KeyRefused,
    LedgerError,
    NotSent,
    NotSubmitted,
    OutcomeUnknown,
    RequestRefused,
    Unforeseen,
)
from seedvr_cli.values.events import Crashed

PRICE = ENDPOINTS["7b-image"].price()
ONE, TWO, THREE = (f"https://example.com/{number}.png" for number in (1, 2, 3))


def test_what_nobody_foresaw_of_a_submission_is_unknown(house, go):
    """A bug that strikes while a submission is in the air leaves it unknown, told as such, and never sent again."""
    first, second = go(ScriptedGateway(submits=[RecursionError("deep"), queued("job-2")]), house.purchases(ONE, TWO))
    assert isinstance(first.error, OutcomeUnknown)
    assert first.error.exit_code == 7
    assert first.charge == "unknown"
    assert "RecursionError: deep" in first.error.message
    assert "--new" in first.error.hint
    (crash,) = [event for event in house.events if isinstance(event, Crashed)]
    assert isinstance(crash.told, Unforeseen)
    assert second.request_id == "job-2"
    again = ScriptedGateway()
    (outcome,) = go(again, house.purchases(ONE))
    assert outcome.charge == "unknown"
    assert again.submitted == []


def test_an_answer_that_cannot_be_recorded_is_known_all_the_same(house, go, monkeypatch):
    """A bug in the writing down of an accepted job does not make it one that was never submitted."""

    async def fail(*_):
        raise ValueError("boom")

    monkeypatch.setattr(Ledger, "record", fail)
    (outcome,) = go(ScriptedGateway())
    assert (outcome.request_id, outcome.charge) == ("job-1", "maybe")


def test_the_id_of_another_job_is_no_answer(house, go):
    """A submission that is answered with another request's id has an unknown outcome, and gets no other's picture."""
    go(ScriptedGateway(), house.purchases(ONE))
    gateway = ScriptedGateway(submits=[queued("job-1")])
    (outcome,) = go(gateway, house.purchases(TWO))
    assert (outcome.error.exit_code, outcome.charge, outcome.request_id) == (7, "unknown", None)
    assert "job-1" in outcome.error.message
    assert ONE in outcome.error.message
    assert (gateway.polled, gateway.fetched) == ([], [])
    again = ScriptedGateway()
    (outcome,) = go(again, house.purchases(TWO))
    assert (outcome.charge, again.submitted) == ("unknown", [])


def test_one_id_for_two_submissions_is_the_first_ones(house, go):
    """Where two submissions at the same time are answered with one id, one of them has it."""
    outcomes = go(ScriptedGateway(submits=[queued("job-1")]), house.purchases(ONE, TWO))
    assert sorted(outcome.charge for outcome in outcomes) == ["listed", "unknown"]


def test_the_same_request_may_get_the_same_id(house, go):
    """A gateway that knows a request again, and one whose id alone was known, is believed."""
    go(ScriptedGateway(), house.purchases(ONE))
    (outcome,) = go(ScriptedGateway(submits=[queued("job-1")]), house.purchases(ONE), new=True, overwrite=True)
    assert (outcome.request_id, outcome.error) == ("job-1", None)
    go(ScriptedGateway(polls=[completed("job-2")]), house.attached("job-2"))
    (outcome,) = go(ScriptedGateway(submits=[queued("job-2")]), house.purchases(TWO))
    assert (outcome.request_id, outcome.error) == ("job-2", None)


@pytest.mark.parametrize("refusal", [RequestRefused("HTTP 400"), KeyRefused("HTTP 401"), BalanceError("HTTP 402")])
def test_what_is_refused_leaves_no_record(house, go, refusal):
    """A submission that was provably not accepted may be made again."""
    (outcome,) = go(ScriptedGateway(submits=[refusal]))
    assert outcome.error is refusal
    assert (outcome.job, outcome.charge) == (None, "none")
    assert house.jobs() == []


@pytest.mark.parametrize("reason", [KeyRefused("HTTP 401"), BalanceError("HTTP 402")])
def test_a_refusal_of_the_user_ends_submissions(house, go, reason):
    """After a refused key or an empty wallet nothing more is sent, and the others have that one's code."""
    gateway = ScriptedGateway(submits=[reason])
    first, second = go(gateway, house.purchases(ONE, TWO), jobs=1)
    assert len(gateway.submitted) == 1
    assert first.error is reason
    assert isinstance(second.error, NotSubmitted)
    assert second.error.exit_code == reason.exit_code


@pytest.mark.parametrize(("loss", "code"), [(OutcomeUnknown("lost"), 7), (GatewayError("HTTP 500"), 5)])
def test_a_lost_answer_is_recorded_and_not_sent_again(house, go, loss, code):
    """What may have been accepted is unknown, now and the next time, and costs what it may cost."""
    (outcome,) = go(ScriptedGateway(submits=[loss]))
    assert outcome.error.exit_code == code
    assert outcome.charge == "unknown"
    gateway = ScriptedGateway()
    (outcome,) = go(gateway)
    assert (outcome.error.exit_code, gateway.submitted) == (7, [])
    assert outcome.resumed


def test_a_429_is_waited_out(house, go):
    """A refusal for now is sent again after what it asks for."""
    gateway = ScriptedGateway(submits=[Busy("slow down", 20.0), queued()])
    (outcome,) = go(gateway)
    assert outcome.error is None
    assert len(gateway.submitted) == 2
    assert house.clock.seconds >= 20


def test_a_429_that_asks_for_more_than_the_timeout_is_the_end(house, go):
    """Nothing is lost by giving up: it was not accepted."""
    gateway = ScriptedGateway(submits=[Busy("slow down", 600.0)])
    (outcome,) = go(gateway, timeout=60.0)
    assert (outcome.error.code, outcome.charge) == ("busy", "none")
    assert house.clock.seconds <= 62
    assert house.jobs() == []


def test_a_gateway_that_is_not_there_is_given_up_soon(house, go):
    """Without a connection a submission is tried for some seconds, and then nothing more is."""
    gateway = ScriptedGateway(submits=[NotSent("cannot reach it")])
    first, second = go(gateway, house.purchases(ONE, TWO), jobs=1)
    assert first.error.exit_code == second.error.exit_code == 5
    assert isinstance(second.error, NotSubmitted)
    assert SUBMIT_PATIENCE / 2 < house.clock.seconds <= SUBMIT_PATIENCE
    assert house.jobs() == []


def test_a_ledger_that_fails_for_a_moment_loses_nothing(house, go, monkeypatch):
    """What became of a submission is recorded as soon as the ledger works again; nothing new is submitted."""
    record, left = Ledger.record, [3]

    async def flaky(self, job, answer):
        if left[0]:
            left[0] -= 1
            raise LedgerError("no file handle")
        return await record(self, job, answer)

    monkeypatch.setattr(Ledger, "record", flaky)
    gateway = ScriptedGateway()
    first, second = go(gateway, house.purchases(ONE, TWO), jobs=1)
    assert first.error is None
    assert (second.error.code, len(gateway.submitted)) == ("ledger", 1)


def test_a_ledger_that_stays_away_tells_the_request_id(house, go, monkeypatch):
    """Where an accepted job cannot be recorded, the user is told its id, and how to fetch its result."""

    async def broken(*_):
        raise LedgerError("the disk is full")

    monkeypatch.setattr(Ledger, "record", broken)
    (outcome,) = go(ScriptedGateway())
    assert "job-1" in outcome.error.message
    assert "seedvr download job-1" in outcome.error.hint
    assert outcome.request_id == "job-1"
    assert house.clock.seconds > LEDGER_PATIENCE
