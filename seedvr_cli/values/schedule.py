"""When to poll, when to try again, how long to wait: arithmetic only. All lengths are seconds."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

# The share of a job's age, or of the time since it was expected, that passes until it is asked after again.
IMPATIENCE = 0.15
# Seconds: no picture is done before the first look, and between two looks there are so many at the least.
FIRST_LOOK = 1.0
SHORTEST_PAUSE = 0.5
# The share of a usual duration by which the end may be seen late.
EXACTNESS = 0.02
# Intervals after which a job is looked at, however long those before it took.
LONGEST_TRUST = 3
# After a failure: the first wait, doubled each time, up to the longest.
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 30.0
# A Retry-After beyond this is a mistake of the server, or as good as a refusal.
LONGEST_RETRY_AFTER = 900.0

_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)(?:s|\Z))?(?:(\d+(?:\.\d+)?)ms)?"
)


def parse_duration(text: str) -> float:
    """Seconds from `90s`, `30m`, `2h`, `1h30m`, `500ms` or a bare number of seconds; ValueError otherwise."""
    compact = text.strip().lower().replace(" ", "")
    match = _DURATION.fullmatch(compact)
    if not compact or match is None:
        raise ValueError(f"{text!r} is not a duration such as 90s, 30m or 2h")
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def parse_since(text: str, now: datetime) -> datetime:
    """An instant from a date such as 2026-11-01, a month or a year, today, yesterday, or so long ago: 12h, 7d.

    Days, months and years begin as in UTC. ValueError otherwise, as for a number that is no year and has no unit.
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    word = text.strip().lower()
    if word in {"today", "yesterday"}:
        return midnight - timedelta(days=word == "yesterday")
    if re.fullmatch(r"\d{4}-\d\d", word) and (month := parse_timestamp(f"{word}-01")):
        return month
    if re.fullmatch(r"20\d\d", word) and (year := parse_timestamp(f"{word}-01-01")):
        return year
    if days := re.fullmatch(r"(\d{1,5})d", word):
        return now - timedelta(days=int(days[1]))
    if instant := parse_timestamp(text):
        return instant
    if word[-1:].isdigit() and _DURATION.fullmatch(word.replace(" ", "")):
        raise ValueError(f"{text!r} has no unit: it is a time such as 7d, 12h or 30m, or a date such as 2026-11-01")
    try:
        return now - timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is neither a date such as 2026-11-01 nor a time such as 7d or today") from error


def parse_rate(text: str) -> float:
    """How many a second, from `5`, `5/s`, `30/m` or `100/h`; ValueError otherwise, or for none at all."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/([smh]))?", text.strip())
    rate = float(match[1]) / {"s": 1, "m": 60, "h": 3600}[match[2] or "s"] if match else 0.0
    if rate <= 0:
        raise ValueError(f"{text!r} is not a rate such as 5/s or 30/m")
    return rate


def show_duration(seconds: float) -> str:
    """`0.4s`, `12s`, `3m 05s`, `2h 10m`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def show_seconds(seconds: float) -> str:
    """Whole seconds, for a display where tenths would flicker."""
    return f"{int(seconds)}s" if seconds < 10 else show_duration(int(seconds))


def backoff(failures: int, jitter: float) -> float:
    """The wait after that many failures in a row (1 or more); `jitter` in 0-1 spreads it over the upper half."""
    ceiling = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 16))
    return ceiling * (0.5 + 0.5 * jitter)


def retry_after(header: str | None, now: datetime, date: str | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (seconds or an HTTP date); None where it is absent or unreadable.

    A date is compared with the answer's own `date`, if it has one: the server's clock may not be ours.
    """
    if header is None:
        return None
    text = header.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
        wait = float(text)
    else:
        instant = http_date(text)
        if instant is None:
            return None
        wait = (instant - (http_date(date or "") or now)).total_seconds()
    return min(max(wait, 0.0), LONGEST_RETRY_AFTER)


def usual(durations: Sequence[float]) -> float | None:
    """How long a job usually takes: the median of the latest ones, shortest first; None before the first."""
    return durations[len(durations) // 2] if durations else None


def early(durations: Sequence[float]) -> float | None:
    """When a job may well be done: three of four took longer. To ask later would keep too many waiting."""
    return durations[len(durations) // 4] if durations else None


def next_poll(age: float, interval: float, durations: Sequence[float] = (), *, crowd: int = 1) -> float:
    """How long until a job of that age is asked after again; never longer than the interval but before jobs are done.

    `durations` are how long jobs of its kind took lately, shortest first: until an early one of them would be done,
    looks are rare, and from there on frequent again. `crowd` is how many jobs are waited for: only where there are few
    is each of them asked after more often than once an interval.
    """
    shortest = min(SHORTEST_PAUSE * crowd, interval)
    expected = early(durations)
    if expected is None:
        pause = max(IMPATIENCE * age, FIRST_LOOK - age)
    elif age < expected:
        return min(max(expected - age, shortest), LONGEST_TRUST * interval)
    else:
        pause = max(IMPATIENCE * (age - expected), EXACTNESS * expected)
    return min(max(pause, shortest), interval)


def spread(pause: float, interval: float, jitter: float) -> float:
    """The pause of one of many, so that those that were submitted together do not ask together; `jitter` in 0-1."""
    return pause + min(pause, interval) / 4 * jitter


def parse_timestamp(text: object) -> datetime | None:
    """An instant in UTC from either of the gateway's two forms; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text.strip())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def http_date(text: str) -> datetime | None:
    """An instant in UTC from an HTTP header; None where it cannot be read."""
    from email.utils import parsedate_to_datetime  # late: few servers ask for it

    try:
        instant = parsedate_to_datetime(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def iso(instant: datetime) -> str:
    """`2026-05-22T13:19:23.000Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
