"""Waiting for a job, by a clock that is handed in."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from fakes.scripted import ScriptedGateway, completed, processing, queued
from helpers.house import GATEWAY, House

from seedvr_cli.run.watch import LAST_LOOK_SECONDS, LAST_TURN_SECONDS, MISSING_ANSWERS, POLL_PATIENCE
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import (
    Busy,
    GatewayError,
    JobFailed,
    KeyRefused,
    NetworkError,
    OutcomeUnknown,
    RequestRefused,
    StillRunning,
)

GRACE = LAST_TURN_SECONDS + LAST_LOOK_SECONDS
DOWN = GatewayError("the gateway answered HTTP 500")
GONE = RequestRefused("the gateway answered HTTP 404")


def test_half_an_hour_of_polling(house, go):
    """A job that never ends is asked for, soon every interval, for as long as --timeout says, and left to itself."""
    gateway = ScriptedGateway(polls=[processing()])
    (outcome,) = go(gateway, timeout=1800.0, poll_interval=5.0)
    assert isinstance(outcome.error, StillRunning)
    assert outcome.error.exit_code == 6
    assert "still PROCESSING" in outcome.error.message
    assert 1800 <= house.clock.seconds <= 1800 + GRACE
    assert 365 <= len(gateway.polled) <= 385
    assert outcome.job.state == "running"


def test_a_job_that_ends_in_the_last_moment_is_delivered(house, go):
    """The deadline is followed by one more look, not by none."""
    gateway = ScriptedGateway(polls=[processing(), completed()])
    (outcome,) = go(gateway, timeout=7.0, poll_interval=5.0)
    assert outcome.error is None
    assert house.clock.seconds <= 7 + GRACE


def test_a_minute_of_nothing_but_500s(house, go):
    """After a minute of failures a job that is paid for is left to itself, long before the timeout."""
    gateway = ScriptedGateway(polls=[DOWN])
    (outcome,) = go(gateway, timeout=1800.0, poll_interval=5.0)
    assert outcome.error is DOWN
    assert outcome.error.exit_code == 5
    assert POLL_PATIENCE < house.clock.seconds < POLL_PATIENCE + 20
    assert outcome.job.state == "running"
    assert outcome.charge == "maybe"


def test_failures_that_end_are_forgotten(house, go):
    """A minute counts from the last good answer, not over the whole life of a job."""
    steps = [*[DOWN] * 40, processing()] * 4
    (outcome,) = go(ScriptedGateway(polls=[*steps, completed()]), timeout=1800.0, poll_interval=1.0)
    assert outcome.error is None
    assert house.clock.seconds > POLL_PATIENCE


def test_a_network_that_is_gone_at_the_deadline_is_the_reason(go):
    """Where the timeout ends a wait in which nothing was heard any more, the network is named, and the job's state."""
    lost = NetworkError("cannot reach the gateway")
    (outcome,) = go(ScriptedGateway(polls=[processing(), lost]), timeout=20.0, poll_interval=5.0)
    assert outcome.error.exit_code == 5
    assert "cannot reach the gateway" in outcome.error.message
    assert "still PROCESSING" in outcome.error.message


def test_one_slow_answer_at_the_deadline_is_no_failure_of_the_network(house, go):
    """A single failed look at the deadline leaves the job running, which is code 6."""
    lost = NetworkError("no whole answer in time")
    last = ScriptedGateway(polls=[lambda: lost if house.clock.seconds >= 12 else processing()])
    (outcome,) = go(last, timeout=12.0, poll_interval=5.0)
    assert outcome.error.exit_code == 6


def test_a_new_job_that_is_404_is_asked_for_again(go):
    """A job may not be visible at once: two answers of 404 change nothing."""
    gateway = ScriptedGateway(polls=[GONE, GONE, completed()])
    (outcome,) = go(gateway)
    assert outcome.error is None
    assert len(gateway.polled) == 3


def test_a_new_job_that_stays_404_is_given_up(go):
    """The third answer of 404 in a row is believed."""
    gateway = ScriptedGateway(polls=[GONE])
    (outcome,) = go(gateway)
    assert outcome.error is GONE
    assert len(gateway.polled) == MISSING_ANSWERS


def test_404s_between_good_answers_do_not_add_up(go):
    """Only answers of 404 in a row count."""
    gateway = ScriptedGateway(polls=[GONE, GONE, processing(), GONE, GONE, completed()])
    (outcome,) = go(gateway)
    assert outcome.error is None


def test_an_old_job_that_is_404_is_believed_at_once(house, go):
    """After its first minute a job is visible, or it is not there."""
    go(ScriptedGateway(), wait=False)
    house.clock.seconds += 61
    gateway = ScriptedGateway(polls=[GONE])
    (outcome,) = go(gateway)
    assert outcome.error is GONE
    assert len(gateway.polled) == 1
    assert gateway.submitted == []


def test_a_retry_after_of_ten_minutes_under_a_timeout_of_one(house, go):
    """What the gateway asks for does not lengthen what the user allows; and it is not asked against its wish."""
    gateway = ScriptedGateway(polls=[Busy("slow down", 600.0)])
    (outcome,) = go(gateway, timeout=60.0, poll_interval=5.0)
    assert isinstance(outcome.error, StillRunning)
    assert house.clock.seconds <= 60 + GRACE
    assert len(gateway.polled) == 1


def test_a_retry_after_within_the_timeout_is_kept(house, go):
    """A poll that was refused waits as long as the gateway asks."""
    gateway = ScriptedGateway(polls=[Busy("slow down", 30.0), completed()])
    (outcome,) = go(gateway, timeout=60.0, poll_interval=5.0)
    assert outcome.error is None
    assert 31 <= house.clock.seconds < 36
    assert len(gateway.polled) == 2


def test_a_429_without_retry_after_backs_off(house, go):
    """Without Retry-After the next poll is one interval and a little later."""
    gateway = ScriptedGateway(polls=[Busy("slow down", None), completed()])
    (outcome,) = go(gateway, timeout=60.0, poll_interval=5.0)
    assert outcome.error is None
    assert 1 + 5 < house.clock.seconds < 16


def test_the_last_look_has_a_limit_of_its_own(go):
    """No poll may take longer than the time that is left, and the last one only a moment."""
    gateway = ScriptedGateway(polls=[processing()])
    go(gateway, timeout=20.0, poll_interval=5.0)
    assert gateway.limits[0] == pytest.approx(19)
    assert gateway.limits == sorted(gateway.limits, reverse=True)
    assert gateway.limits[-1] == LAST_LOOK_SECONDS


@pytest.mark.parametrize(("word", "kind"), [("FAILED", "job_failed"), ("ERROR", "job_error")])
def test_a_job_that_fails(go, word, kind):
    """FAILED and ERROR end the job with the gateway's own words."""
    (outcome,) = go(ScriptedGateway(polls=[Answer("job-1", word, error="out of memory")]))
    assert isinstance(outcome.error, JobFailed)
    assert outcome.error.code == kind
    assert "out of memory" in outcome.error.message


def test_a_key_that_is_refused_ends_the_wait(go):
    """A 401 to a poll is not waited out."""
    refused = KeyRefused("HTTP 401")
    (outcome,) = go(ScriptedGateway(polls=[refused]))
    assert outcome.error is refused


def test_a_job_without_an_id_cannot_be_followed(go):
    """An accepted job whose answer names no id is unknown, and not polled."""
    gateway = ScriptedGateway(submits=[Answer(None, "QUEUED")])
    (outcome,) = go(gateway)
    assert isinstance(outcome.error, OutcomeUnknown)
    assert gateway.polled == []


def test_an_unknown_word_is_still_running(go):
    """A status that we do not know is kept as it is, and the job waited for."""
    (outcome,) = go(ScriptedGateway(polls=[Answer("job-1", "WARMING_UP"), completed()]))
    assert outcome.error is None
    assert outcome.job.status == "COMPLETED"


def test_a_stranger_is_known_from_its_first_answer_on(house, go):
    """A job of another machine is in the ledger once the gateway has said something of it."""
    (outcome,) = go(ScriptedGateway(polls=[processing("theirs"), completed("theirs")]), house.attached("theirs"))
    assert outcome.error is None
    assert not outcome.resumed
    assert [job.request_id for job in house.jobs()] == ["theirs"]


def test_a_stranger_that_nobody_knows_leaves_no_record(house, go):
    """An id that the gateway does not know is that item's failure, and not in the ledger."""
    (outcome,) = go(ScriptedGateway(polls=[GONE]), house.attached("nobody"))
    assert outcome.error is GONE
    assert outcome.job is None
    assert outcome.request_id == "nobody"
    assert house.jobs() == []


def test_a_completed_job_is_delivered_though_the_gateway_is_away(house, go):
    """What is known to be COMPLETED has its media URLs tried, whatever a later poll meets."""
    go(ScriptedGateway(), download=False)
    for failure in (DOWN, GONE, NetworkError("away")):
        gateway = ScriptedGateway(polls=[failure])
        (outcome,) = go(gateway, house.attached("job-1"), overwrite=True)
        assert outcome.error is None
        assert len(gateway.polled) <= 1
        for path in (house.folder / "out").iterdir():
            path.unlink()


def test_a_completed_job_without_its_urls_is_asked_about_until_they_come(house, go):
    """What another machine said of its end has no URLs: one failed look at the gateway is no reason to do without."""
    go(ScriptedGateway(), wait=False)

    async def ended():
        async with house.ledger() as ledger:
            job = await ledger.find("job-1", GATEWAY)
            await ledger.record(job, Answer("job-1", "COMPLETED"))

    asyncio.run(ended())
    (outcome,) = go(ScriptedGateway(polls=[GatewayError("HTTP 502"), completed()]))
    assert outcome.error is None


def test_the_time_that_jobs_took_sets_the_first_look(house, go):
    """The second job of its kind is seldom looked at before such a job may be done, and seen at once then."""
    begun = datetime(2026, 11, 25, tzinfo=UTC)
    took = {"created_at": begun, "completed_at": begun + timedelta(seconds=40)}
    done = Answer("job-1", "COMPLETED", media_url=("https://cdn.example.com/a.png",), **took)
    begin = house.clock.seconds
    go(ScriptedGateway(polls=[lambda: done if house.clock.seconds >= 40 else processing()]), timeout=600.0)
    begin = house.clock.seconds
    other = Answer("job-2", "COMPLETED", media_url=("https://cdn.example.com/b.png",))
    polls = [lambda: other if house.clock.seconds - begin >= 41 else processing("job-2")]
    gateway = ScriptedGateway(submits=[queued("job-2")], polls=polls)
    (outcome,) = go(gateway, house.purchases("https://example.com/other.png"), timeout=600.0)
    assert outcome.error is None
    assert 41 <= house.clock.seconds - begin <= 42.5
    assert len(gateway.polled) <= 5


@pytest.mark.parametrize(
    ("took", "late", "looks"), [(3.0, 0.3, 6), (10.0, 0.9, 17), (30.0, 2.3, 25), (600.0, 2.7, 143)]
)
def test_a_first_job_is_seen_soon(house, go, took, late, looks):
    """Of a kind that nobody has waited for yet, the end is seen late by a seventh of the time at the most."""
    seen = []
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):  # lengths of about that, so that luck does not count
        ends = took * (1 + 0.1 * part)
        other = House(house.folder / f"{part}")
        gateway = ScriptedGateway(polls=[lambda: completed() if other.clock.seconds >= ends else processing()])  # noqa: B023
        (outcome,) = asyncio.run(other.run(gateway, other.purchases(), timeout=3600.0, poll_interval=5.0))
        assert outcome.error is None
        seen.append((other.clock.seconds - ends, len(gateway.polled)))
    assert sum(after for after, _ in seen) / len(seen) <= late
    assert max(after for after, _ in seen) <= max(0.5, min(0.15 * took * 1.1, 5.0)) + 0.01
    assert sum(count for _, count in seen) / len(seen) <= looks + 0.5


def test_a_job_that_is_shorter_than_those_before_is_seen(house, go):
    """However long jobs took lately, a short one is seen after a few intervals."""
    (long,) = go(ScriptedGateway(polls=[lambda: completed() if house.clock.seconds >= 100 else processing()]))
    assert long.error is None
    begin = house.clock.seconds
    gateway = ScriptedGateway(submits=[queued("job-2")], polls=[completed("job-2")])
    (outcome,) = go(gateway, house.purchases("https://example.com/other.png"), poll_interval=5.0)
    assert outcome.error is None
    assert house.clock.seconds - begin <= 15.5


def test_stamps_that_our_own_clock_contradicts_set_nothing(house, go):
    """A job that took months by the gateway's account, and seconds by ours, does not hold up the next one."""
    begun = datetime(2026, 5, 25, tzinfo=UTC)
    took = {"created_at": begun, "completed_at": begun + timedelta(days=99)}
    done = Answer("job-1", "COMPLETED", media_url=("https://cdn.example.com/a.png",), **took)
    go(ScriptedGateway(polls=[done]), timeout=600.0)
    begin = house.clock.seconds
    other = Answer("job-2", "COMPLETED", media_url=("https://cdn.example.com/b.png",))
    gateway = ScriptedGateway(submits=[queued("job-2")], polls=[other])
    go(gateway, house.purchases("https://example.com/other.png"), timeout=600.0)
    assert house.clock.seconds - begin < 10
