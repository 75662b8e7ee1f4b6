"""A job: when it began, how long it took, what it cost, and what its failure means for the user."""

from datetime import timedelta

import pytest
from helpers.outcomes import BEGIN, END, answer, job

from seedvr_cli.values.catalog import TERMINAL
from seedvr_cli.values.job import charge_of, failure

LATER = timedelta(hours=3)


def test_the_gateways_clock_is_shown():
    """A job's beginning is the gateway's where it tells, and ours where it does not."""
    assert job(submitted_at=BEGIN + LATER, created_at=BEGIN).shown_start == BEGIN
    assert job(submitted_at=BEGIN + LATER).shown_start == BEGIN + LATER
    assert job().shown_start is None


@pytest.mark.parametrize(
    ("instants", "seconds"),
    [
        ({"created_at": BEGIN, "completed_at": END}, 111.4567),
        ({"submitted_at": BEGIN, "ended_at": END}, 111.4567),
        ({"created_at": BEGIN, "completed_at": END, "submitted_at": BEGIN, "ended_at": END + LATER}, 111.4567),
        ({"created_at": BEGIN + LATER, "submitted_at": BEGIN, "ended_at": END}, 111.4567),
        ({"completed_at": END - LATER, "submitted_at": BEGIN, "ended_at": END}, 111.4567),
        ({"created_at": END, "completed_at": BEGIN}, 0.0),
        ({"submitted_at": BEGIN, "completed_at": END}, None),
        ({"created_at": BEGIN, "ended_at": END}, None),
        ({"created_at": BEGIN}, None),
        ({}, None),
    ],
)
def test_a_length_is_by_one_clock(instants, seconds):
    """How long a job took is measured with the gateway's clock or ours, never with both, and is never below zero."""
    assert job(**instants).seconds == seconds


def test_only_the_documented_words_say_what_was_charged():
    """COMPLETED is charged and ERROR is not, as the reference says; of all else nothing is sure."""
    assert {word: charge_of(word) for word in TERMINAL} == {
        "COMPLETED": "listed",
        "ERROR": "not_charged",
        "FAILED": "maybe",
    }
    assert charge_of(None) == charge_of("PROCESSING") == charge_of("completed") == "maybe"


@pytest.mark.parametrize("said", [lambda *args, **more: job("error", *args, **more), answer], ids=["ledger", "gateway"])
def test_an_error_is_sent_again_by_the_same_command(said):
    """ERROR is told apart by its code, and the hint promises that nothing was charged."""
    error = failure(said("ERROR", error="CUDA out of memory"))
    assert error.message == "the gateway says ERROR: CUDA out of memory"
    assert (error.code, error.exit_code) == ("job_error", 1)
    assert error.hint == "it is not charged; the same command again submits it again"


@pytest.mark.parametrize(
    "said", [lambda *args, **more: job("failed", *args, **more), answer], ids=["ledger", "gateway"]
)
def test_a_failure_may_be_charged(said):
    """FAILED is sent again only where it is asked for, as it may be charged."""
    error = failure(said("FAILED"))
    assert (error.message, error.code) == ("the gateway says FAILED", "job_failed")
    assert error.hint == "it may be charged; --retry-failed submits it again"
