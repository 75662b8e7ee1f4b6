"""Answers as they come from the network."""

from datetime import UTC, datetime

from seedvr_cli.values.answer import Answer


def test_an_answer_that_says_little_is_whole():
    """What a submission is answered with has an id and a word; all else is empty, and nobody's but its own."""
    first, second = Answer("job_1", "QUEUED"), Answer("job_2", "QUEUED")
    assert (first.media_url, first.media_type, first.error, first.created_at, first.completed_at) == (
        (), None, None, None, None,
    )  # fmt: skip
    assert first.extra == {}
    assert first.extra is not second.extra


def test_two_answers_that_say_the_same_are_equal():
    """An answer is a value: a poll that brings nothing new can be told from one that does."""
    assert Answer("job_1", "PROCESSING") == Answer("job_1", "PROCESSING")
    assert Answer("job_1", "PROCESSING") != Answer("job_1", "PROCESSING", extra={"progress": 50})


def test_what_is_not_known_of_a_job_is_not_the_same_as_nothing():
    """A job without an end is another answer than the same job with one, so that a late time is recorded."""
    end = datetime(2026, 5, 22, tzinfo=UTC)
    assert Answer("job_1", "COMPLETED") != Answer("job_1", "COMPLETED", completed_at=end)
