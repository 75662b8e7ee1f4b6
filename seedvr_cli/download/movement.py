"""Whether a download moves: behind the deadline of the waiting one that does not is ended, one that does goes on."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

# Seconds in which bytes must come, behind the deadline: with a look's time less than waiting may overrun it (2 s).
MOVING_SECONDS = 1.5
# Bytes a second, at the least: no network that people use is slower, and a picture of a megabyte would take 17 minutes.
MOVING_BYTES = 1 << 10
# Seconds between two looks.
LOOK_SECONDS = 0.25


async def watch(work: "asyncio.Task[Any]", deadline: float, now: Callable[[], float], count: Callable[[], int]) -> bool:
    """Wait until the work has ended; False where it is to be ended, as hardly a byte moves behind the deadline."""
    movement = Movement(deadline)
    while not work.done():
        if movement.is_over(now(), count()):
            return False
        await asyncio.wait({work}, timeout=movement.pause(now()))
    return True


class Movement:
    """Of one download. Instants are in seconds, by the clock of `deadline`."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._looks: deque[tuple[float, int]] = deque()

    def pause(self, now: float) -> float:
        """Seconds until the next look: long before the deadline there is nothing to see."""
        return max(LOOK_SECONDS, self._deadline - MOVING_SECONDS - now)

    def is_over(self, now: float, count: int) -> bool:
        """A look at how many bytes have come, in all; whether it is behind the deadline, and hardly any come now."""
        self._looks.append((now, count))
        while len(self._looks) > 1 and self._looks[1][0] <= now - MOVING_SECONDS:
            self._looks.popleft()
        then, before = self._looks[0]
        seconds = now - then
        is_late = now >= self._deadline and seconds >= MOVING_SECONDS
        return is_late and count - before < MOVING_BYTES * seconds
