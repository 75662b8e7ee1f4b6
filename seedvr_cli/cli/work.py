"""A run on the command line: its events become results, talk, files and counts, and in the end an exit code."""

import asyncio
import gc
import os
import shlex
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from seedvr_cli.cli.context import Common
from seedvr_cli.cli.crash_log import keep_traceback, known_secrets
from seedvr_cli.cli.failed_file import Failures
from seedvr_cli.cli.interrupts import Interrupts, continuation
from seedvr_cli.cli.session import open_session
from seedvr_cli.cli.streams import PIPE_CLOSED, forget_stdout
from seedvr_cli.cli.totals import Totals
from seedvr_cli.render.ci import is_ci
from seedvr_cli.render.reporter import Careful, PlainReporter, Reporter
from seedvr_cli.render.results import Form, Results
from seedvr_cli.render.talk import error_line
from seedvr_cli.render.tally import Tally
from seedvr_cli.run.engine import Engine, in_one_chunk
from seedvr_cli.run.policy import Policy
from seedvr_cli.run.session import Session
from seedvr_cli.run.skim import Work
from seedvr_cli.values.errors import DeliveryError, Interrupted, LedgerError, SeedvrError, worst_exit_code
from seedvr_cli.values.events import Changed, Crashed, Event, Finished, Notice, Skipped
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.money import show_usd
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.system import allow_files

if TYPE_CHECKING:
    from seedvr_cli.cli.looking import Looks

# Open files that no batch comes near; macOS gives a process 256 unless it asks for more.
FILES = 4096
# Objects made and kept before the garbage is looked through; Python's own 700 costs a batch a twentieth of its time.
GARBAGE = 20_000
# Seconds between two looks at the clock by the reporter.
TICK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Workload:
    """What a run is to do: `total` items where that is known; `checked` are all of them, where they are few.

    `is_end` says whether an outcome is the last of its item; what is not is tried again, and told nowhere. `on_end` is
    told of each that was printed, and nothing more is done where none can be. `beside` gives the exit code of what went
    on beside the run, and `leave` ends that at once.
    """

    chunks: AsyncGenerator[Sequence[Work], None]
    total: int | None
    checked: Sequence[Work] = ()
    is_end: Callable[[Outcome], bool] = lambda _: True
    on_end: Callable[[Outcome], None] | None = None
    beside: Callable[[], int] = lambda: 0
    leave: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, work: Sequence[Work]) -> "Workload":
        """Work that is known from the start."""
        return cls(in_one_chunk(work), len(work), work)


FindWork = Callable[[Session], Awaitable[Workload]]


def run_work(
    common: Common, policy: Policy, form: Form, find_work: FindWork, failures: Failures | None = None
) -> int:  # fmt: skip
    """Do all the work and report; returns the exit code. `find_work` gives it once the session is open."""
    run = _Run(common, policy, form, failures or Failures(None))
    try:
        code = asyncio.run(run.go(find_work))
    except BaseException as error:
        run.totals.end(_exit_code(error), error)
        raise
    return run.totals.end(code)


class _Run:
    """One run: where its results, its talk and its counts go. `codes` are the exit codes of what has ended."""

    def __init__(self, common: Common, policy: Policy, form: Form, failures: Failures) -> None:
        self._common = common
        self._policy = policy
        self._failures = failures
        self._results = Results(form, common.pick)
        self._tally = Tally(free=common.sandbox)
        self._codes: set[int] = set()
        self.totals = Totals(policy.summary, self._tally, common.talk)

    async def go(self, find_work: FindWork) -> int:
        """All of it; the exit code."""
        _make_ready()
        is_done = False
        try:
            async with open_session(self._common) as session:
                await self._do(session, await find_work(session))
                is_done = True
        except LedgerError as error:
            if not is_done:
                raise
            self._common.talk.error(error_line(error))  # of the end, when others were to be told
            self._codes.add(error.exit_code)
        return PIPE_CLOSED if PIPE_CLOSED in self._codes else worst_exit_code(self._codes)

    async def _do(self, session: Session, work: Workload) -> None:
        """The work of a session that is open."""
        self.totals.total = work.total
        engine = session.engine(self._policy)
        await engine.check_outputs(work.checked)
        reporter = _reporter(self._common, self._policy, self._tally, work.total)
        if self._common.sandbox:
            reporter.handle(Notice("sandbox: enlarged on this machine, not by SeedVR2; nothing is charged"))
        looks = _looks(self._common, self._policy, session, reporter)

        def stop(reason: Interrupted) -> None:
            engine.stop(reason)
            if looks is not None:
                looks.stop()

        with Interrupts(reporter, stop, work.leave):
            try:
                await self._follow(engine, work, reporter, looks)
            except BrokenPipeError:
                forget_stdout()
                if self._tally.underway()[0]:
                    words = f"nobody reads on; {_underway(self._tally)}go on with: {continuation()}"
                    self._common.talk.say(f"seedvr: {words}")
                self._codes.add(PIPE_CLOSED)
                return
        self._sum_up(engine, "'seedvr download'" if work.on_end is not None else continuation())
        self._codes.add(work.beside())

    async def _follow(self, engine: Engine, work: Workload, reporter: Reporter, looks: "Looks | None") -> None:
        """Each event as it comes, to the end of the run; BrokenPipeError where nobody reads results any more."""
        ticker = asyncio.create_task(_tick(reporter))
        try:
            async with aclosing(engine.run(work.chunks)) as events:
                async for event in events:
                    self._take(event, work, reporter)
                    if work.on_end is not None and self._results.trouble is not None:
                        break
                    if looks is not None and isinstance(event, Finished):
                        await looks.add(event.outcome)
            if looks is not None:
                await looks.end()
                self._codes |= looks.codes
        finally:
            if looks is not None:
                looks.stop()
                await looks.end()
            ticker.cancel()
            with suppress(asyncio.CancelledError):
                await ticker
            try:
                reporter.close()
            except BrokenPipeError:
                forget_stdout()
                self._codes.add(PIPE_CLOSED)

    def _take(self, event: Event, work: Workload, reporter: Reporter) -> None:
        match event:
            case Crashed():
                _keep(event)
            case Changed():
                self._tally.change(event)
            case Finished(outcome):
                self._finish(outcome, work, reporter)
            case Skipped(paths):
                self._tally.skip(len(paths))
                reporter.result(lambda: self._results.write_paths(paths))
        reporter.handle(event)

    def _finish(self, outcome: Outcome, work: Workload, reporter: Reporter) -> None:
        if not work.is_end(outcome):
            return
        self._tally.add(outcome)
        self.totals.add(outcome)
        self._codes.add(outcome.error.exit_code if outcome.error else 0)
        self._failures.add(outcome)
        reporter.result(lambda: self._results.write(outcome), self._results.only_path(outcome))
        if self._policy.sidecar or any(os.path.exists(f"{file.path}.json") for file in outcome.files):
            self._codes.add(_write_sidecars(self._common, outcome, self._policy))
        if work.on_end is not None and self._results.trouble is None:  # or it is kept for the next one
            work.on_end(outcome)

    def _sum_up(self, engine: Engine, rest: str) -> None:
        """The last lines: what became of standard output, and how to go on; `rest` is the command for what is left."""
        talk, tally, trouble = self._common.talk, self._tally, self._results.trouble
        if trouble is not None:
            self._codes.add(trouble.exit_code)
            talk.error(f"seedvr: {trouble.message}; what is paid for is delivered")
        if engine.interrupted is not None:
            self._codes.add(engine.interrupted.exit_code)
            talk.error(f"seedvr: interrupted; {_underway(tally)}go on with: {continuation()}")
            return
        self._failures.end()
        for line in _what_is_left(tally, rest) if tally.total > 1 else ():
            talk.say(f"seedvr: {line}")


def _make_ready() -> None:
    """What a long run needs of the process."""
    _spare_searches()
    gc.freeze()  # what was loaded until here is no garbage
    gc.set_threshold(GARBAGE)
    gc.enable()
    allow_files(FILES)


def _exit_code(error: BaseException) -> int:
    """What the command ends with where a run is ended by this."""
    if isinstance(error, SeedvrError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return Interrupted.exit_code
    return PIPE_CLOSED if isinstance(error, BrokenPipeError) else 1


def _spare_searches() -> None:
    """httpcore looks for sniffio several times a request, and each look for what is missing searches the disk.

    That takes a quarter of a millisecond; None is Python's way to say that it is not there.
    """
    if "sniffio" not in sys.modules and find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]


def _reporter(common: Common, policy: Policy, tally: Tally, total: int | None) -> Reporter:
    if common.progress == "none":
        common.talk.quiet = True
    if common.is_live:
        from seedvr_cli.render.live import LiveReporter

        return Careful(
            LiveReporter(common.talk, tally, total=total, max_cost=policy.max_cost, display=common.display)
        )  # fmt: skip
    if is_ci() and common.progress != "plain":
        from seedvr_cli.render.ci_reporter import CiReporter

        name = shlex.join(["seedvr", *sys.argv[1:2]])
        return CiReporter(common.talk, tally, total=total, name=name, max_cost=policy.max_cost)
    return PlainReporter(common.talk, tally, total=total, max_cost=policy.max_cost)


def _looks(common: Common, policy: Policy, session: Session, reporter: Reporter) -> "Looks | None":
    if not policy.compare and not policy.preview:
        return None
    from seedvr_cli.cli.looking import Looks

    return Looks.wanted(common, policy, session.gateway, reporter)


async def _tick(reporter: Reporter) -> None:
    while True:
        reporter.tick()
        await asyncio.sleep(TICK_SECONDS)


def _keep(crash: Crashed) -> None:
    """Its details go to the log, and the item's outcome, which follows, says where they are."""
    path = keep_traceback(crash.error, sys.argv[1:])
    crash.told.message = redact(crash.told.message, known_secrets())
    if path:
        crash.told.hint = f"the details are in {path}; {crash.told.hint}"


def _write_sidecars(common: Common, outcome: Outcome, policy: Policy) -> int:
    """The exit code of it; where none are asked for, those that stand there are brought up to date."""
    from seedvr_cli.cli.sidecar import renew_sidecars, write_sidecars

    try:
        if policy.sidecar:
            write_sidecars(outcome, overwrite=policy.overwrite)
        else:
            renew_sidecars(outcome)
    except DeliveryError as error:
        common.talk.error(error_line(error))
        return error.exit_code
    return 0


def _underway(tally: Tally) -> str:
    """What the gateway still works on, or has for us, when a run is interrupted."""
    count, price = tally.underway()
    cost = "" if tally.free or not price else f" and may cost {show_usd(price)} by the list"
    still = f"{count} of its jobs still {'runs' if count == 1 else 'run'}{cost}; " if count else ""
    return f"{still}what is paid for is in the ledger; "


def _what_is_left(tally: Tally, rest: str) -> Iterator[str]:
    """How to go on after a run in which not everything was done."""
    if tally.left:
        yield f"the rest, and only the rest: {rest}"
    if tally.final:
        yield f"{tally.final} ended FAILED, and may be charged; --retry-failed submits what failed again"
    if tally.unknown:
        yield f"{tally.unknown} unknown: 'seedvr status --unknown' lists them, and 'seedvr forget' settles them"
