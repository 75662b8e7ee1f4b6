"""Intervals, backoff, Retry-After and timestamps are arithmetic."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seedvr_cli.values.schedule import (
    FIRST_BACKOFF,
    LONGEST_BACKOFF,
    LONGEST_RETRY_AFTER,
    LONGEST_TRUST,
    SHORTEST_PAUSE,
    backoff,
    early,
    iso,
    next_poll,
    parse_duration,
    parse_rate,
    parse_since,
    parse_timestamp,
    retry_after,
    show_duration,
    spread,
    usual,
)

NOW = datetime(2026, 5, 22, 13, 0, 0, tzinfo=UTC)
CHANCE = st.floats(0, 1, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h30m15s", 5415),
        ("1m30s", 90),
        ("1.5h", 5400),
        ("0.5s", 0.5),
        ("500ms", 0.5),
        ("1500ms", 1.5),
        ("5ms", 0.005),
        ("1s500ms", 1.5),
        ("2m500ms", 120.5),
        ("45", 45),
        ("0", 0),
        ("0.25", 0.25),
        (" 2 H ", 7200),
        ("1h 30m", 5400),
    ],
)
def test_a_duration_is_read(text, seconds):
    """Hours, minutes, seconds and milliseconds add up, and a bare number is seconds."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "s", "m", "-1", "-5s", "1d", "1e3", "nan", "inf", "1s1h", "1:30", "s5", "1..5s", "5 minutes"]
)
def test_what_is_no_duration_is_refused(text):
    """Anything else is a ValueError that shows how to write one."""
    with pytest.raises(ValueError, match="90s, 30m or 2h"):
        parse_duration(text)


@settings(deadline=None)
@given(st.integers(0, 99), st.integers(0, 999), st.integers(0, 9999), st.integers(0, 99999))
@example(0, 0, 0, 500)
def test_a_duration_is_the_sum_of_its_parts(hours, minutes, seconds, milliseconds):
    """Whatever units a duration is written in, it is as long as they are together."""
    parts = [(hours, "h"), (minutes, "m"), (seconds, "s"), (milliseconds, "ms")]
    text = "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
    expected = hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    assert parse_duration(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("5", 5), ("5/s", 5), ("0.5/s", 0.5), ("30/m", 0.5), ("3600/h", 1), (" 1/h ", 1 / 3600)],
)
def test_a_rate_is_read(text, rate):
    """A rate is so many a second, a minute or an hour."""
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "0", "0/m", "-1", "/s", "5/d", "5/", "fast", "1e3", "nan", "inf", "5 / s"])
def test_what_is_no_rate_is_refused(text):
    """Anything else, and no rate at all, is a ValueError that shows how to write one."""
    with pytest.raises(ValueError, match="5/s or 30/m"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T12:00:00Z", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("7d", NOW - timedelta(days=7)),
        (" 1d ", NOW - timedelta(days=1)),
        ("12h", NOW - timedelta(hours=12)),
        ("90s", NOW - timedelta(seconds=90)),
        ("2026-05", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("20260501", datetime(2026, 5, 1, tzinfo=UTC)),
        ("7D", NOW - timedelta(days=7)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("today", NOW.replace(hour=0, minute=0, second=0, microsecond=0)),
        (" Yesterday", NOW.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)),
    ],
)
def test_since_is_a_date_or_so_long_ago(text, instant):
    """An instant in the past is a date, a month or a day's name in UTC, or a length of time before now."""
    assert parse_since(text, NOW) == instant


@pytest.mark.parametrize(
    "text",
    [
        "", "d", "-1d", "1.5d", "999999d", "tomorrow", "2026-13-01", "2026-13", "0000-01", "9" * 30 + "h", "9" * 400,
        "5", "90", "0", "1999", "2.5", "20261", "1h30",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(text):
    """Anything else, and a time before all time, is a ValueError that shows how to write one."""
    with pytest.raises(ValueError, match="2026-11-01"):
        parse_since(text, NOW)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0s"),
        (0.44, "0.4s"),
        (9.9, "9.9s"),
        (12, "12s"),
        (59.4, "59s"),
        (59.7, "1m 00s"),
        (185, "3m 05s"),
        (3599.9, "1h 00m"),
        (7800, "2h 10m"),
    ],
)
def test_a_duration_is_shown_in_the_units_that_fit(seconds, text):
    """Tenths below ten seconds, then seconds, minutes and hours."""
    assert show_duration(seconds) == text


@settings(deadline=None)
@given(st.integers(1, 10_000), CHANCE)
def test_backoff_stays_within_its_bounds(failures, jitter):
    """A wait after a failure is never shorter than half the first step, nor longer than the longest."""
    assert FIRST_BACKOFF / 2 <= backoff(failures, jitter) <= LONGEST_BACKOFF


@settings(deadline=None)
@given(st.integers(1, 100), CHANCE)
def test_backoff_never_shrinks(failures, jitter):
    """One more failure never makes the wait shorter, at the same chance."""
    assert backoff(failures + 1, jitter) >= backoff(failures, jitter)


def test_backoff_doubles():
    """At the upper end of chance the waits are 0.5, 1, 2, 4 seconds and so on, up to 30."""
    assert [backoff(failures, 1) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_backoff_spreads_over_the_upper_half():
    """Chance spreads a wait between half its length and the whole."""
    assert (backoff(3, 0), backoff(3, 0.5), backoff(3, 1)) == (1.0, 1.5, 2.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("Fri, 22 May 2026 13:00:30 GMT", 30),
        ("Fri, 22 May 2026 15:00:30 +0200", 30),
        ("Fri, 22 May 2026 13:00:30 -0000", 30),
        ("Friday, 22-May-26 13:00:30 GMT", 30),
    ],
)
def test_retry_after_is_read(header, seconds):
    """Retry-After is a number of seconds, or a date that is compared with now."""
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize("header", ["Fri, 22 May 2026 12:59:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_retry_after_in_the_past_is_now(header):
    """A date that has passed asks for no wait at all."""
    assert retry_after(header, NOW) == 0


@pytest.mark.parametrize("header", ["86400", "9" * 400, "Sat, 22 May 2027 13:00:00 GMT"])
def test_a_retry_after_has_a_limit(header):
    """A wait of days is cut to the longest that is believed."""
    assert retry_after(header, NOW) == LONGEST_RETRY_AFTER


@pytest.mark.parametrize(
    "header", [None, "", "soon", "-5", "1e5", "tomorrow, 25 o'clock", "Fri, 99 May 2026 13:00:30 GMT"]
)
def test_an_unreadable_retry_after_is_none(header):
    """A missing or unreadable header asks for nothing."""
    assert retry_after(header, NOW) is None


@settings(deadline=None)
@given(st.text())
@example("Wed, 21 Oct 2015 07:28:00 +9999")
@example("Wed, 21 Oct 99999 07:28:00 GMT")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("\u0663")
def test_no_retry_after_can_do_harm(header):
    """Whatever a server writes there, the wait is None or within the limit."""
    wait = retry_after(header, NOW)
    assert wait is None or 0 <= wait <= LONGEST_RETRY_AFTER


def test_a_job_is_asked_after_more_seldom_as_it_ages():
    """Without experience the first look comes after a second, and the pauses grow with the job up to the interval."""
    assert next_poll(0, 5) == 1
    assert [next_poll(age, 5) for age in (1, 3, 10, 20, 100)] == [0.5, 0.5, 1.5, 3, 5]
    assert next_poll(0.001, 5) == pytest.approx(1, abs=0.01)  # a real clock has moved on a little
    assert next_poll(0, 0.25) == 0.25


def test_a_job_is_asked_after_when_those_before_were_done():
    """What jobs took lately says when looks are worth while, but for one every few intervals."""
    lately = [10.0, 12.0, 14.0, 16.0]
    assert next_poll(0, 5, lately) == 12
    assert next_poll(11.8, 5, lately) == 0.5
    assert next_poll(12, 5, lately) == 0.5
    assert next_poll(32, 5, lately) == pytest.approx(3)
    assert next_poll(0, 5, [600.0]) == 15
    assert next_poll(600, 5, [600.0]) == 5
    assert next_poll(0, 5, [0.001]) == 0.5


def test_one_of_many_is_asked_after_once_an_interval():
    """Where many are waited for, none of them is asked after more often than the interval says."""
    assert next_poll(1, 5, crowd=4) == 2
    assert next_poll(1, 5, crowd=16) == 5
    assert next_poll(12, 5, [12.0], crowd=16) == 5


@settings(deadline=None)
@given(st.floats(0, 1e5), st.floats(0.05, 3600), st.lists(st.floats(0, 7200), max_size=5), st.integers(1, 600))
def test_a_pause_has_its_bounds(age, interval, durations, crowd):
    """No pause is longer than a few intervals, and one beyond the interval only before jobs are done."""
    pause = next_poll(age, interval, sorted(durations), crowd=crowd)
    assert min(SHORTEST_PAUSE, interval) <= pause <= LONGEST_TRUST * interval
    assert pause <= interval or age < sorted(durations)[len(durations) // 4]


@settings(deadline=None)
@given(st.floats(0.05, 3600), st.floats(0, 7200), CHANCE)
def test_the_polls_of_many_are_spread(interval, pause, jitter):
    """Jobs that were submitted together are asked for within a quarter of an interval."""
    assert 0 <= spread(pause, interval, jitter) - pause <= interval / 4 + 1e-6


def test_what_jobs_took_lately_says_when_to_ask():
    """The median is what a job usually takes, and three of four take longer than what is called early."""
    assert usual([]) is None
    assert early([]) is None
    assert (early([1, 2, 3, 4]), usual([1, 2, 3, 4])) == (2, 3)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-05-22T13:17:32.110Z", datetime(2026, 5, 22, 13, 17, 32, 110_000, tzinfo=UTC)),
        ("2026-05-22 13:19:23", datetime(2026, 5, 22, 13, 19, 23, tzinfo=UTC)),
        ("2026-05-22T15:19:23+02:00", datetime(2026, 5, 22, 13, 19, 23, tzinfo=UTC)),
        (" 2026-05-22 13:19:23 ", datetime(2026, 5, 22, 13, 19, 23, tzinfo=UTC)),
    ],
)
def test_both_forms_of_a_timestamp_are_utc(text, instant):
    """The gateway writes an instant in two forms, and both mean UTC."""
    parsed = parse_timestamp(text)
    assert parsed == instant
    assert parsed.utcoffset() == timedelta(0)


@pytest.mark.parametrize("value", [None, "", "...", "yesterday", 1747919852, 1.5, True, ["2026"], {}, "2026-13-01"])
def test_what_is_no_timestamp_is_none(value):
    """Anything else in its place is no instant, and no crash."""
    assert parse_timestamp(value) is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_an_instant_outside_the_calendar_is_none(text):
    """A timestamp that UTC has no date for is no instant, and no crash."""
    assert parse_timestamp(text) is None


@settings(deadline=None)
@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-14, 14))
def test_what_is_written_reads_back(naive, hours):
    """An instant written by us reads back as the same to the millisecond, whatever its time zone."""
    instant = naive.replace(tzinfo=timezone(timedelta(hours=hours)))
    text = iso(instant)
    assert text.endswith("Z")
    assert len(text) == len("2026-05-22T13:19:23.000Z")
    assert timedelta(0) <= instant - parse_timestamp(text) < timedelta(milliseconds=1)
