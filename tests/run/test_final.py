"""COMPLETED is final, and whatever there is of a job is delivered."""

import errno
import os
from datetime import UTC, datetime

import pytest
from fakes.scripted import PICTURE, ScriptedGateway, completed, processing, queued

from seedvr_cli.values.answer import Answer
from seedvr_cli.values.caps import Caps
from seedvr_cli.values.errors import DeliveryError, JobFailed, NetworkError, NotSubmitted, RequestRefused
from seedvr_cli.values.events import Notice

EXPIRED = Answer("job-1", "ERROR", error="result expired")
LATER = {
    "ERROR": EXPIRED,
    "EXPIRED": Answer("job-1", "EXPIRED"),
    "404": RequestRefused("the gateway answered HTTP 404"),
    "PROCESSING": processing(),
    "FAILED": Answer("job-1", "FAILED"),
}


@pytest.mark.parametrize("later", LATER)
def test_what_is_completed_stays_paid_for(house, go, later):
    """Whatever a later poll says, the job is paid for, its known URLs are tried, and nothing is submitted."""
    go(ScriptedGateway(), download=False)
    gateway = ScriptedGateway(polls=[LATER[later]])
    (outcome,) = go(gateway)
    assert (outcome.error, gateway.submitted) == (None, [])
    assert (outcome.charge, outcome.job.state) == ("listed", "completed")
    assert gateway.fetched == ["https://cdn.example.com/job-1.png"]


@pytest.mark.parametrize("later", ["ERROR", "EXPIRED", "404"])
def test_a_result_that_is_gone_is_still_paid_for(house, go, later):
    """Where the URLs are gone too, the item fails, is called paid for, and only --new leads to another."""
    go(ScriptedGateway(), download=False)
    for _ in range(2):
        gateway = ScriptedGateway(polls=[LATER[later]], media=DeliveryError("the media server answered HTTP 404"))
        (outcome,) = go(gateway)
        assert (outcome.error.exit_code, outcome.charge, gateway.submitted) == (1, "listed", [])
        assert "paid for" in outcome.error.hint
        assert "--new" in outcome.error.hint
        assert "COMPLETED" in outcome.error.message
    gateway = ScriptedGateway(submits=[queued("job-2")], polls=[completed("job-2")])
    (outcome,) = go(gateway, new=True)
    assert (outcome.error, len(gateway.submitted)) == (None, 1)


def test_only_another_completed_brings_other_media(house, go):
    """A later COMPLETED may name other URLs, and these are fetched."""
    go(ScriptedGateway(), download=False)
    moved = Answer("job-1", "COMPLETED", media_url=("https://cdn.example.com/moved.png",))
    gateway = ScriptedGateway(polls=[moved])
    (outcome,) = go(gateway)
    assert (outcome.error, gateway.fetched) == (None, ["https://cdn.example.com/moved.png"])


@pytest.mark.parametrize("word", ["FAILED", "ERROR"])
def test_what_there_is_of_a_failed_job_is_delivered(house, go, word):
    """A job that failed and names media all the same has them delivered, and is a failure."""
    answer = Answer("job-1", word, error="half way", media_url=("https://cdn.example.com/half.png",))
    (outcome,) = go(ScriptedGateway(polls=[answer]))
    assert isinstance(outcome.error, JobFailed)
    (file,) = outcome.files
    assert (house.folder / "out" / "photo-upscaled.png").read_bytes() == PICTURE
    assert file.bytes == len(PICTURE)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOENT])
def test_a_disk_that_takes_nothing_ends_submissions(house, go, monkeypatch, code):
    """After a result that cannot be written nothing more is bought, and what is bought stays to be delivered."""

    def full(*_):
        raise OSError(code, os.strerror(code), "out")

    monkeypatch.setattr(os, "pwrite", full)
    gateway = ScriptedGateway()
    urls = [f"https://example.com/{number}.png" for number in range(6)]
    first, *others = go(gateway, house.purchases(*urls), jobs=1)
    assert isinstance(first.error, DeliveryError)
    assert first.charge == "listed"
    assert len(gateway.submitted) <= 2
    assert [type(outcome.error) for outcome in others[1:]] == [NotSubmitted] * 4
    assert {outcome.error.exit_code for outcome in others} == {1}


def test_a_network_that_goes_and_comes_is_told_once_each(house, go):
    """After the second poll without an answer one line says so, and one line when the gateway answers again."""
    lost = NetworkError("no answer")
    gateway = ScriptedGateway(polls=[processing(), lost, lost, lost, lost, processing(), lost, completed()])
    (outcome,) = go(gateway)
    assert outcome.error is None
    assert [event.text for event in house.events if isinstance(event, Notice)] == [
        "cannot reach gateway.example, trying again",
        "gateway.example answers again",
    ]


def test_money_of_the_day_goes_by_our_own_clock(house, go):
    """A gateway whose clock is half a day behind does not widen max-cost-per-day."""
    stamp = datetime(2020, 1, 1, tzinfo=UTC)
    done = Answer(
        "job-1", "COMPLETED", media_url=("https://cdn.example.com/a.png",), created_at=stamp, completed_at=stamp
    )
    gateway = ScriptedGateway(polls=[done])
    urls = [f"https://example.com/{number}.png" for number in range(5)]
    outcomes = go(gateway, house.purchases(*urls), jobs=1, caps=Caps(day=3000))
    assert len(gateway.submitted) == 3
    assert [outcome.error.code if outcome.error else None for outcome in outcomes[3:]] == ["max_cost", "max_cost"]
    assert outcomes[0].job.created_at == stamp
    assert outcomes[0].job.submitted_at > stamp
