"""The result of a source: each field of the JSON object of cli.md, for each kind of ending."""

from dataclasses import fields, replace

import pytest
from helpers.outcomes import BEGIN, END, FILE, MEDIA, answer, attachment, job, purchase

from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import BadLine, BalanceError, Interrupted, JobFailed, NotSubmitted, SeedvrError
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.result import Problem, Result, result_of

DONE = job(media_url=(MEDIA,), media_type="image/png", created_at=BEGIN, completed_at=END, extra={"eta": 5})


def test_a_delivered_purchase_has_all_its_fields():
    """A picture that was bought and delivered says what it was, what it cost, how long it took and where it is."""
    found = result_of(Outcome(item=purchase(), job=DONE, files=(FILE,)))
    assert found == Result(
        source="https://example.com/photo.jpg",
        endpoint="7b-image",
        request_id="job_1",
        status="COMPLETED",
        charge="listed",
        price_usd=0.001,
        media_url=(MEDIA,),
        media_type="image/png",
        files=(FILE,),
        error=None,
        params={"upscale_factor": 2},
        resumed=False,
        submitted_at=BEGIN,
        completed_at=END,
        elapsed_s=111.457,
        extra={"eta": 5},
    )


def test_what_was_not_submitted_has_no_price():
    """Where nothing was submitted there are no id, no word, no price and no times, and the error says why."""
    error = BadLine("urls.txt:3: no source")
    found = result_of(Outcome(item=purchase(), error=error))
    assert (found.request_id, found.status, found.charge, found.price_usd) == (None, None, "none", None)
    assert (found.submitted_at, found.completed_at, found.elapsed_s) == (None, None, None)
    assert (found.media_url, found.media_type, found.files, found.extra) == ((), None, (), {})
    assert (found.source, found.endpoint, found.params) == (
        "https://example.com/photo.jpg",
        "7b-image",
        {"upscale_factor": 2},
    )
    assert found.error == Problem("bad_line", "urls.txt:3: no source", "nothing was submitted for it", 1)


def test_a_claim_that_was_never_sent_has_no_price():
    """A job that stands in the ledger but did not leave is not counted as money."""
    reserved = job("reserved", None, request_id=None)
    found = result_of(Outcome(item=purchase(), job=reserved, error=Interrupted("stopped")))
    assert (found.charge, found.price_usd, found.error.exit_code) == ("none", None, 130)


@pytest.mark.parametrize(
    ("known", "charge"),
    [
        (job("error", "ERROR"), "not_charged"),
        (job("failed", "FAILED"), "maybe"),
        (job("running", "PROCESSING"), "maybe"),
        (job("unknown", None, request_id=None), "unknown"),
    ],
    ids=["ERROR", "FAILED", "running", "unknown"],
)
def test_whatever_was_submitted_has_its_list_price(known, charge):
    """The list price stands beside what is known of the charge, so that a script can add up the worst."""
    found = result_of(Outcome(item=purchase(), job=known))
    assert (found.charge, found.price_usd, found.status) == (charge, 0.001, known.status)


def test_a_price_that_is_not_known_is_none():
    """A job that the ledger adopted without its endpoint has a charge and no price."""
    adopted = job(endpoint=None, source=None, price=None)
    found = result_of(Outcome(item=attachment(adopted), job=adopted))
    assert (found.charge, found.price_usd, found.endpoint, found.source) == ("listed", None, None, None)


def test_a_free_job_costs_zero():
    """A price of nothing is a number, and not taken for one that is not known."""
    assert result_of(Outcome(item=purchase(), job=job(price=0))).price_usd == 0.0


def test_a_strangers_job_has_what_the_gateway_says():
    """Of a job that the ledger does not have, the answer gives word, media, times and all that nobody documented."""
    said = answer(media_url=(MEDIA,), media_type="image/png", created_at=BEGIN, completed_at=END, extra={"a": [1]})
    found = result_of(Outcome(item=attachment(None), answer=said))
    assert (found.source, found.endpoint, found.params) == (None, None, {})
    assert (found.request_id, found.status, found.charge, found.price_usd) == ("job_1", "COMPLETED", "listed", None)
    assert (found.media_url, found.media_type, found.extra) == ((MEDIA,), "image/png", {"a": [1]})
    assert (found.submitted_at, found.completed_at) == (BEGIN, END)


def test_a_stranger_that_nobody_answers_for_may_be_charged():
    """Without a record and without an answer there is the id alone."""
    found = result_of(Outcome(item=attachment(None), error=SeedvrError("no answer")))
    assert (found.request_id, found.status, found.charge) == ("job_1", None, "maybe")
    assert (found.submitted_at, found.completed_at, found.media_url, found.extra) == (None, None, (), {})


def test_a_job_that_only_the_gateway_knows_has_a_length():
    """How long a stranger's job took is known where the gateway tells both ends."""
    answer = Answer("job_1", "COMPLETED", created_at=BEGIN, completed_at=END)
    found = result_of(Outcome(item=attachment(None), answer=answer))
    assert found.elapsed_s == 111.457


def test_a_job_that_runs_has_begun_and_not_ended():
    """While a job runs there is a beginning by our own clock, and no end and no length."""
    running = job("running", "PROCESSING", submitted_at=BEGIN)
    found = result_of(Outcome(item=purchase(), job=running))
    assert (found.submitted_at, found.completed_at, found.elapsed_s) == (BEGIN, None, None)


@pytest.mark.parametrize("resumed", [True, False])
def test_a_job_that_was_there_before_says_so(resumed):
    """`resumed` tells a script whether this command has paid."""
    assert result_of(Outcome(item=purchase(), job=DONE, resumed=resumed)).resumed is resumed


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (JobFailed("FAILED"), Problem("job_failed", "FAILED", None, 1)),
        (
            JobFailed("ERROR", code="job_error", hint="run it again"),
            Problem("job_error", "ERROR", "run it again", 1),
        ),
        (
            NotSubmitted(BalanceError("the wallet is empty")),
            Problem("balance", "not submitted: the wallet is empty", BalanceError.hint, 4),
        ),
    ],
)
def test_a_problem_is_the_error_as_it_was_raised(error, problem):
    """Code, words, hint and exit code are those of the very error, not of its class."""
    assert result_of(Outcome(item=purchase(), job=job("failed", "FAILED"), error=error)).error == problem


def test_a_paid_job_whose_delivery_failed_keeps_its_media():
    """What went wrong with the file takes nothing from what is known of the job."""
    found = result_of(Outcome(item=purchase(), job=DONE, error=SeedvrError("disk full")))
    whole = result_of(Outcome(item=purchase(), job=DONE))
    assert replace(found, error=None) == whole


def test_a_result_has_the_keys_of_the_contract():
    """The fields are those of the JSON object, and two of ours (cli.md, The JSON object)."""
    contract = (
        "source endpoint request_id status charge price_usd media_url media_type files error params resumed"
        " submitted_at completed_at elapsed_s"
    )
    assert [field.name for field in fields(Result)] == [*contract.split(), "extra", "number"]
