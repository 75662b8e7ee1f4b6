"""A job, from the draft of it to its end, and the files that it became."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from seedvr_cli.values.answer import Answer
from seedvr_cli.values.catalog import COMPLETED, ERROR
from seedvr_cli.values.errors import JobFailed
from seedvr_cli.values.version import Version

State = Literal["reserved", "submitting", "running", "completed", "failed", "error", "unknown", "forgotten"]
Charge = Literal["none", "listed", "not_charged", "maybe", "unknown"]


@dataclass(frozen=True, slots=True)
class File:
    """A delivered file: bytes, SHA-256 in hex, pixels."""

    path: str
    bytes: int
    sha256: str
    media_type: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A job before it is one. `price` in millionths of a dollar; `output` the absolute -o of the command that made it.

    `key` is its identity (`request.job_key`), `key_name` the user's own name for it (--key); `claim` names the attempt
    in the address that the gateway calls, where it is to call us; `tags` are the user's labels (--tag).
    `seen` is the version of the source that was looked at before it was paid for; None where nobody looked. `folder` is
    the one that the path of a local source is from; None where that says it all, or is not known.
    """

    key: str
    gateway: str
    endpoint: str | None
    source: str | None
    name: str
    params: Mapping[str, Any]
    output: str | None
    price: int | None
    profile: str
    key_name: str | None = None
    claim: str | None = None
    seen: Version | None = None
    tags: tuple[str, ...] = ()
    folder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Draft):
    """A row of the ledger.

    `submitted_at` and `ended_at` are by our own clock: money, caps and `spend` go by these. `created_at` and
    `completed_at` are the gateway's, where it tells them: they are what is shown. `told` is the request id that a
    callback named, where nobody else did: to be looked into, and not believed. `is_heard`: `seedvr listen` has passed
    on how it ended. `asked_at` is when the gateway was last heard of it, by our own clock.
    """

    id: int
    state: State
    status: str | None = None
    request_id: str | None = None
    media_url: tuple[str, ...] = ()
    media_type: str | None = None
    error: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    submitted_at: datetime | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    ended_at: datetime | None = None
    asked_at: datetime | None = None
    told: str | None = None
    is_heard: bool = False

    @property
    def shown_start(self) -> datetime | None:
        """When it began: by the gateway's clock where it tells, else by ours."""
        return self.created_at or self.submitted_at

    @property
    def seconds(self) -> float | None:
        """How long it took: both instants by one clock, the gateway's where it tells them, else ours."""
        begin, end = self.created_at, self.completed_at
        if begin is None or end is None:
            begin, end = self.submitted_at, self.ended_at
        return max(0.0, (end - begin).total_seconds()) if begin and end else None

    @property
    def charge(self) -> Charge:
        """What is known of the charge (cli.md, The JSON object)."""
        if self.state in {"reserved", "submitting", "unknown", "forgotten"}:
            return "unknown" if self.state != "reserved" else "none"
        return charge_of(self.status)


def charge_of(status: str | None) -> Charge:
    """What the gateway's word says of the charge of a job that it has accepted."""
    return "listed" if status == COMPLETED else "not_charged" if status == ERROR else "maybe"


def failure(job: Job | Answer) -> JobFailed:
    """What FAILED and ERROR mean for the user."""
    words = f"the gateway says {job.status}" + (f": {job.error}" if job.error else "")
    if job.status == ERROR:
        return JobFailed(words, code="job_error", hint="it is not charged; the same command again submits it again")
    return JobFailed(words, hint="it may be charged; --retry-failed submits it again")
