"""Events: what a display and a log are told of a run."""

from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest
from helpers.outcomes import purchase

from seedvr_cli.values.errors import Unforeseen
from seedvr_cli.values.events import Changed, Crashed, Event, Finished, Notice, Received, Skipped, Started
from seedvr_cli.values.items import Outcome

ITEM = purchase()


def test_what_is_not_known_yet_may_be_left_out():
    """A job has no request id before its answer, and of the first of its kind nobody knows how long it takes."""
    assert Started(ITEM).expected is None
    assert Changed(ITEM, "submitting").request_id is None
    assert not Notice("the ledger is on a network drive").verbose


def test_a_crash_says_what_the_user_is_told_and_what_the_log_gets():
    """The error itself goes to the log with its cause, and the outcome's one line to the user."""
    error = KeyError("size")
    crash = Crashed(ITEM, error, Unforeseen(error))
    assert crash.error is error
    assert crash.told.message == "unforeseen error: KeyError: 'size'"
    assert crash.told.exit_code == 1


def test_an_error_of_many_lines_is_told_in_one():
    """What nobody foresaw is one line for the user, however much its own words are."""
    assert Unforeseen(ValueError("first\nsecond\r\nthird")).message == "unforeseen error: ValueError: first"
    assert "same command again" in Unforeseen(ValueError()).hint


@pytest.mark.parametrize(
    "event",
    [
        Started(ITEM, 12.5),
        Changed(ITEM, "PROCESSING", "job_1"),
        Received(ITEM, 512, None),
        Notice("text", verbose=True),
        Finished(Outcome(item=ITEM)),
        Skipped(("a.png",)),
        Crashed(ITEM, ValueError(), Unforeseen(ValueError())),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_has_happened_does_not_change(event):
    """Every kind of event can be told to a reporter, and none of them can be changed by it."""
    assert isinstance(event, get_args(Event))
    with pytest.raises(FrozenInstanceError):
        setattr(event, fields(event)[0].name, None)
