"""A clock that is handed in: whoever sleeps is woken at once, and the time has passed."""

import asyncio
from datetime import UTC, datetime, timedelta

from seedvr_cli.run.policy import Clock


class VirtualClock:
    """Seconds since the test began; `clock` is what a run is given. Good for one waiting job at a time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self.clock = Clock(
            now=lambda: datetime.now(UTC) + timedelta(seconds=self.seconds),
            monotonic=lambda: self.seconds,
            sleep=self.sleep,
            jitter=lambda: 0.5,
        )

    async def sleep(self, seconds: float) -> None:
        """Pass that time."""
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)
