"""The values that a job gains on its way, and the events that tell of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from seedvr_cli.values.catalog import COMPLETED, ERROR
from seedvr_cli.values.errors import JobFailed, SeedvrError
from seedvr_cli.values.naming import Output
from seedvr_cli.values.request import Request

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


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the ledger. `price` in millionths of a dollar; `output` the absolute -o of the command that made it."""

    id: int
    key: str
    gateway: str
    endpoint: str | None
    source: str | None
    name: str
    params: Mapping[str, Any]
    output: str | None
    price: int | None
    profile: str
    state: State
    status: str | None = None
    request_id: str | None = None
    media_url: tuple[str, ...] = ()
    media_type: str | None = None
    error: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    submitted_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def charge(self) -> Charge:
        """What is known of the charge (cli.md, The JSON object)."""
        if self.state in {"reserved", "submitting", "unknown", "forgotten"}:
            return "unknown" if self.state != "reserved" else "none"
        return "listed" if self.status == COMPLETED else "not_charged" if self.status == ERROR else "maybe"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to do: a request to pay for at most once, or (`job`) a job to attach to."""

    index: int
    source: str | None
    label: str
    endpoint: str | None
    output: Output
    request: Request | None = None
    job: Job | None = None
    line: str | None = None  # where it stood in a list, e.g. `urls.txt:3`
    raw: str | None = None  # and the line itself, for --failed-file


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an item ended. `job` is what the ledger has, None where nothing was submitted."""

    item: Item
    job: Job | None = None
    files: tuple[File, ...] = ()
    error: SeedvrError | None = None
    resumed: bool = False
    skipped: bool = False
    price: int | None = None


def failure(job: Job) -> JobFailed:
    """What FAILED and ERROR mean for the user."""
    words = f"the gateway says {job.status}" + (f": {job.error}" if job.error else "")
    if job.status == ERROR:
        return JobFailed(words, code="job_error", hint="it is not charged; the same command again submits it again")
    return JobFailed(words, hint="it may be charged; --retry-failed submits it again")
