"""What comes from the network: an answer about a job, and a body that is still to come."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from seedvr_cli.values.version import Version


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway says of a job: to a submission, a poll or a webhook. `extra` has the fields we do not know."""

    request_id: str | None
    status: str
    media_url: tuple[str, ...] = ()
    media_type: str | None = None
    error: str | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    model_id: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long the job took, by the gateway's clock."""
        begin, end = self.created_at, self.completed_at
        return max(0.0, (end - begin).total_seconds()) if begin and end else None


@dataclass(frozen=True, slots=True)
class Peek:
    """How a server answers for a URL; the first bytes of what it gives and which version of it that is, if it gives."""

    status: int
    head: bytes
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A body that comes in. `offset`: where it begins in the file; `total` bytes of the file, if the server tells.

    `has_ranges`: the server says that it can send any part of it.
    """

    offset: int
    total: int | None
    etag: str | None
    chunks: AsyncIterator[bytes]
    has_ranges: bool = False
