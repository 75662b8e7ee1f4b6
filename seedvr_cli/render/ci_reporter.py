"""The talk of a run in a CI job: few lines, a sign of life, and of many failures the first ones."""

import time
from collections import deque
from collections.abc import Callable

from seedvr_cli.render.ci import is_github
from seedvr_cli.render.reporter import PlainReporter, is_many
from seedvr_cli.render.talk import Talk
from seedvr_cli.render.tally import Tally
from seedvr_cli.values.events import Event
from seedvr_cli.values.schedule import show_duration

# Seconds between two lines, where there are many jobs.
PACE = 10.0
# Seconds of silence after which a few jobs give a sign of life: some services end a job that is silent for ten minutes.
SILENCE = 60.0
# Failures of many jobs that are told; GitHub shows ten annotations of a step.
MOST_ERRORS = 10
# Other lines that wait for their turn; a newer one says what the oldest said, and more.
MOST_WAITING = 3


class CiReporter:
    """PlainReporter's lines, in a group called `name` where the log has groups. `now` is a clock of seconds."""

    def __init__(
        self,
        talk: Talk,
        tally: Tally,
        *,
        total: int | None,
        name: str,
        max_cost: int | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._talk = talk
        self._tally = tally
        self._total = total
        self._now = now
        self._began = now()
        self._is_many = is_many(total)
        self._is_grouped = is_github()
        if self._is_grouped:
            talk.say(f"::group::{name}")
        self._paced = _PacedTalk(talk, PACE if self._is_many and not talk.verbose else 0.0, now)
        self._plain = PlainReporter(self._paced, tally, total=total, max_cost=max_cost, now=now)

    def handle(self, event: Event) -> None:
        """One event."""
        self._plain.handle(event)

    def result(self, write: Callable[[], None], path: str | None = None) -> None:
        """At once."""
        self._plain.result(write, path)

    def above(self, write: Callable[[], None]) -> None:
        """At once."""
        self._plain.above(write)

    def tick(self) -> None:
        """A line that waits, or a sign of life."""
        self._plain.tick()
        self._paced.tick()
        if not self._is_many and self._now() - self._paced.last >= SILENCE:
            ended = f"{self._tally.total} of {self._total} ended ({self._tally.trouble})"
            self._paced.say(f"seedvr: {ended} after {show_duration(self._now() - self._began)}")

    def close(self) -> None:
        """What still waits, outside of the group, and the last line."""
        if self._is_grouped:
            self._talk.say("::endgroup::")
        self._paced.close()
        self._plain.close()


class _PacedTalk(Talk):
    """Hands lines on, one in so many seconds; `last` is when it did."""

    def __init__(self, talk: Talk, pace: float, now: Callable[[], float]) -> None:
        super().__init__(quiet=talk.quiet, verbose=talk.verbose)
        self._talk = talk
        self._pace = pace
        self._now = now
        self._lines: deque[str] = deque(maxlen=MOST_WAITING)
        self._errors: deque[tuple[str, str]] = deque()
        self._told = self._untold = 0
        self._next = self.last = now()

    def say(self, text: str) -> None:
        """A line, soon; unless -q."""
        if not self.quiet:
            self._lines.append(text)
            self.tick()

    def error(self, text: str, level: str = "error") -> None:
        """A failure, soon, or one more of those that are counted."""
        if self._pace and self._told >= MOST_ERRORS:
            self._untold += 1
            return
        self._told += 1
        self._errors.append((text, level))
        self.tick()

    def tick(self) -> None:
        """Time has passed."""
        while (self._lines or self._errors) and self._now() >= self._next:
            self._hand_on()
            self.last = self._now()
            self._next = self.last + self._pace

    def close(self) -> None:
        """All of it, now."""
        self._next, self._pace = self._now(), 0.0
        self.tick()
        if self._untold:
            self._talk.error(f"seedvr: {self._untold} more failed; --failed-file and --json name each", level="")

    def _hand_on(self) -> None:
        if self._lines:
            self._talk.say(self._lines.popleft())
        else:
            self._talk.error(*self._errors.popleft())
