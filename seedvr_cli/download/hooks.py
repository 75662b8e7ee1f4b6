"""What a delivery asks of its owner."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from seedvr_cli.download.destination import Destination
from seedvr_cli.download.disk import Disk
from seedvr_cli.values.structure import Size


class Place(Protocol):
    """Chooses a destination for a file of that media type, and records it before the `.part` is made."""

    def __call__(
        self, media_type: str, lost: str | None = None, proof: tuple[int, str] | None = None, /
    ) -> Awaitable[Destination]:
        """Another than the path that was `lost`: somebody is at it, of whom our ledger does not know.

        `proof` is size and SHA-256 of the whole file, where that has come already.
        """
        ...


class Note(Protocol):
    """Records what a later run needs to go on with the `.part` of a path."""

    def __call__(self, path: str, etag: str | None, pieces: str | None = None, /) -> Awaitable[None]:
        """No ETag: nobody can. No pieces: all that stands in the `.part` is there, from its begin on."""
        ...


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a delivery asks of its owner.

    `note` is told what a later run needs to resume; `progress(done, total)` in bytes; `pause(seconds)` waits;
    `jitter()` gives 0-1; `disk` flushes; `largest` is how many bytes a file may have; `beside` is how many streams
    there may be beside the first ones, of all deliveries together; `renew()` gives the media URL as it is now, or None.
    `deadline` is an instant of the clock `now`: from then on a download has to move. Before the whole file has its
    name, `finish(part, media_type, size)` may change it, and says whether it did, and `vouch(path, size, sha256)`
    records how it is known again.
    """

    place: Place
    note: Note
    progress: Callable[[int, int | None], None]
    pause: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    disk: Disk
    largest: int
    beside: asyncio.Semaphore
    renew: Callable[[], Awaitable[str | None]]
    deadline: float = math.inf
    now: Callable[[], float] = time.monotonic
    finish: Callable[[str, str, Size | None], Awaitable[bool]] | None = None
    vouch: Callable[[str, int, str], Awaitable[None]] | None = None
