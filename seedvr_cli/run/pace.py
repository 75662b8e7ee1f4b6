"""How fast requests may go: evenly spaced, slower after a 429, faster again while all is well."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

# Seconds over which the rate of a run is measured, and in which several refusals count as one.
WINDOW = 1.0
# A refusal leaves this share of the rate; each quiet second adds this share of the rate that was refused.
DECREASE = 0.5
INCREASE = 0.05
# Requests a second that are never undercut.
SLOWEST = 0.5
# Seconds' worth of slots that a run takes from what machines share, so that not every submission asks for one; and how
# many at the most.
PORTION_SECONDS = 0.5
LARGEST_PORTION = 64
# Seconds to wait after a refusal that names no Retry-After.
USUAL_WAIT = 1.0


class Pace:
    """Slots for requests. `rate` is the most a second, None for no limit of our own; instants are in seconds."""

    def __init__(self, rate: float | None = None) -> None:
        self._limit = rate
        self._rate = rate
        self._refused_rate = 0.0
        self._next = 0.0
        self._closed_until = 0.0
        self._last_decrease = float("-inf")
        self._last_increase = 0.0
        self._recent: deque[float] = deque()

    @property
    def rate(self) -> float | None:
        """Requests a second that go now; None while nothing limits them."""
        return self._rate

    def opening(self, now: float) -> float:
        """The instant of the next slot."""
        return max(now, self._next, self._closed_until)

    def take(self, now: float) -> float:
        """Reserve the next slot; returns the seconds until it."""
        self._speed_up(now)
        start = self.opening(now)
        if self._rate is not None:
            self._next = start + 1.0 / self._rate
        self._recent.append(start)
        while self._recent and self._recent[0] < now - WINDOW:
            self._recent.popleft()
        return start - now

    def refused(self, now: float, retry_after: float | None) -> None:
        """A 429 came: everybody waits as long as it says, and then goes slower."""
        self._closed_until = max(self._closed_until, now + (USUAL_WAIT if retry_after is None else retry_after))
        if now - self._last_decrease < WINDOW:
            return
        self._last_decrease = self._last_increase = now
        measured = max(1.0, sum(1 for start in self._recent if now - WINDOW <= start <= now) / WINDOW)
        before = measured if self._rate is None else min(self._rate, measured)
        self._refused_rate = before
        slowest = SLOWEST if self._limit is None else min(SLOWEST, self._limit)
        self._rate = max(slowest, before * DECREASE)

    def _speed_up(self, now: float) -> None:
        if self._rate is None or not self._refused_rate:
            return
        quiet = now - max(self._last_increase, self._closed_until)
        if quiet < WINDOW:
            return
        self._last_increase = now
        self._rate += max(1.0, self._refused_rate * INCREASE) * quiet
        if self._limit is not None and self._rate >= self._limit:
            self._rate, self._refused_rate = self._limit, 0.0


class SharedPace:
    """Slots for submissions that machines share, `rate` of them a second, taken a portion at a time.

    `draw(count, rate)` takes a portion, and gives the seconds until its first slot.
    """

    def __init__(self, rate: float, draw: Callable[[int, float], Awaitable[float]]) -> None:
        self._rate = rate
        self._draw = draw
        self._portion = max(1, min(LARGEST_PORTION, int(rate * PORTION_SECONDS)))
        self._slots: deque[float] = deque()
        self._drawing = asyncio.Lock()

    async def take(self, monotonic: Callable[[], float]) -> float:
        """Reserve the next slot; returns the instant of it. A slot that was not used in its time is gone."""
        async with self._drawing:  # who waits for slots takes of the same portion
            now = monotonic()
            while self._slots and self._slots[0] < now - self._portion / self._rate:
                self._slots.popleft()
            if not self._slots:
                first = now + await self._draw(self._portion, self._rate)
                self._slots.extend(first + number / self._rate for number in range(self._portion))
            return self._slots.popleft()  # however long the answer took: somebody has to go
