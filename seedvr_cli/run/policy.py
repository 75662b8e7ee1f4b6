"""What a run may do, and the time and chance it is handed."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The user's wishes for a run. Lengths in seconds, costs in millionths of a dollar, `rate` submissions a second.

    `skim` passes over delivered items of a list without a closer look than name, size and time.
    """

    jobs: int = 16
    poll_interval: float = 5.0
    timeout: float = 1800.0
    wait: bool = True
    download: bool = True
    new: bool = False
    retry_failed: bool = False
    overwrite: bool = False
    max_cost: int | None = None
    max_cost_per_day: int | None = None
    rate: float | None = None
    fail_fast: bool = False
    skim: bool = False
    profile: str = "default"


async def _sleep(seconds: float) -> None:
    import asyncio  # late: a command that waits for nothing need not load it

    await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Clock:
    """Handed in, so that tests need neither to sleep nor to be lucky. `jitter` gives 0-1."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = _sleep
    jitter: Callable[[], float] = random.random
