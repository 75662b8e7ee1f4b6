"""Standard error: what is going on, for the way in which somebody, or nobody, is watching."""

import time
from collections.abc import Callable
from typing import Protocol

from seedvr_cli.render.human import name_of, outcome_line, summary_line
from seedvr_cli.render.pace import Pace
from seedvr_cli.render.talk import Talk
from seedvr_cli.render.tally import Tally
from seedvr_cli.values.errors import StillRunning
from seedvr_cli.values.events import NO_ANSWER, Changed, Event, Finished, Notice, Started
from seedvr_cli.values.items import Outcome

# More jobs than this get a summary now and then in place of a line for each change.
MANY_JOBS = 20
# Seconds between two summaries.
SUMMARY_SECONDS = 30.0


def is_many(total: int | None) -> bool:
    """Whether so many jobs, or nobody knows how many, are too many for a line each."""
    return total is None or total > MANY_JOBS


class Reporter(Protocol):
    """Told of every event; `tick` comes ten times a second."""

    def handle(self, event: Event) -> None:
        """One event."""

    def result(self, write: Callable[[], None], path: str | None = None) -> None:
        """Do a write to standard output when it disturbs nothing; `path` if that is one line, the path of a file."""

    def above(self, write: Callable[[], None]) -> None:
        """Do a write to standard error that stays, when it disturbs nothing."""

    def tick(self) -> None:
        """Time has passed."""

    def close(self) -> None:
        """The run is over, whichever way."""


class Careful:
    """A reporter whose screen may go away: from then on it is silent, and the run goes on."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._is_gone = False

    def handle(self, event: Event) -> None:
        """One event."""
        self._try(lambda: self._reporter.handle(event))

    def result(self, write: Callable[[], None], path: str | None = None) -> None:
        """A write to standard output happens in any case."""
        if self._is_gone:
            write()
            return
        try:
            self._reporter.result(write, path)
        except BrokenPipeError:  # of standard output, which is no screen
            raise
        except OSError:
            self._is_gone = True
            write()

    def above(self, write: Callable[[], None]) -> None:
        """A write to standard error, where that is still there."""
        self._try(lambda: self._reporter.above(write))

    def tick(self) -> None:
        """Time has passed."""
        self._try(self._reporter.tick)

    def close(self) -> None:
        """The run is over."""
        self._try(self._reporter.close)

    def _try(self, call: Callable[[], None]) -> None:
        if not self._is_gone:
            try:
                call()
            except BrokenPipeError:
                raise
            except OSError:
                self._is_gone = True


class PlainReporter:
    """A line for each change of state, or a summary every 30 seconds where there are many jobs."""

    def __init__(
        self,
        talk: Talk,
        tally: Tally,
        *,
        total: int | None,
        max_cost: int | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._talk = talk
        self._tally = tally
        self._many = is_many(total)
        self._total = total
        self._now = now
        self._began = self._last = now()
        self._pace = Pace(tally, total=total, max_cost=max_cost, began=self._began)
        self._states: dict[int, str] = {}
        # How many had ended at the summary before.
        self._ended = -1

    def handle(self, event: Event) -> None:
        """One event."""
        match event:
            case Started(item):
                self._states[item.index] = "waiting"
            case Changed(item, state, request_id):
                if state in {"submitting", NO_ANSWER}:  # it lasts as long as one request, or is told for the run
                    return
                before, self._states[item.index] = self._states.get(item.index), state
                if not self._many and state != before:
                    suffix = f" ({request_id})" if request_id else ""
                    self._talk.say(f"seedvr: {name_of(item)}: {state}{suffix}")
            case Notice(text, verbose):
                if not verbose or self._talk.verbose:
                    self._talk.say(f"seedvr: {text}")
            case Finished(outcome):
                self._states.pop(outcome.item.index, None)
                self._finish(outcome)

    def result(self, write: Callable[[], None], path: str | None = None) -> None:  # noqa: ARG002 - it is a protocol's
        """At once."""
        write()

    def above(self, write: Callable[[], None]) -> None:
        """At once."""
        write()

    def tick(self) -> None:
        """A summary, if it is time."""
        now = self._now()
        if self._many and now - self._last >= SUMMARY_SECONDS:
            self._last = now
            before, self._ended = self._ended, self._tally.total
            if self._total is None and not self._states and self._ended == before:  # it waits for work
                return
            of = f" of {self._total}" if self._total else ""
            words = ", ".join(filter(None, (*self._pace.speed(now), self._pace.cost())))
            self._talk.say(
                f"seedvr: {self._tally.total}{of} ended ({self._tally.trouble}), {len(self._states)} under way"
                + (f"; {words}" if words else "")
            )

    def close(self) -> None:
        """The last line, where there was more than one job."""
        if self._tally.total > 1:
            self._talk.say(summary_line(self._tally, self._now() - self._began))

    def _finish(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            is_told = not self._tally.tells(outcome.error)
            level = "warning" if outcome.error.exit_code == StillRunning.exit_code else "error"
            if not is_told or not self._many:
                self._talk.error(outcome_line(outcome, is_told=is_told), "" if is_told else level)
        elif not self._many:
            text = outcome_line(outcome, free=self._tally.free)
            self._talk.say(f"seedvr: {text}")
