"""The composition root: a run's gateway, ledger, engine and reporter, and how it ends."""

import asyncio
import gc
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from seedvr_cli.cli.context import Common
from seedvr_cli.cli.crash_log import keep_traceback, known_secrets
from seedvr_cli.cli.failed_file import Failures
from seedvr_cli.cli.streams import PIPE_CLOSED, forget_stdout
from seedvr_cli.cli.totals import Totals
from seedvr_cli.render.ci import is_ci
from seedvr_cli.render.reporter import Careful, PlainReporter, Reporter
from seedvr_cli.render.results import Form, Results
from seedvr_cli.render.talk import error_line
from seedvr_cli.render.tally import Tally
from seedvr_cli.run import session as run
from seedvr_cli.run.engine import Engine, in_one_chunk
from seedvr_cli.run.policy import Policy
from seedvr_cli.run.session import Session, find_access
from seedvr_cli.run.skim import Work
from seedvr_cli.values.errors import DeliveryError, Interrupted, SeedvrError, UsageError, worst_exit_code
from seedvr_cli.values.events import Changed, Crashed, Finished, Notice, Skipped
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

    `on_end` is told of each outcome, when it is printed; `beside` gives the exit code of what went on beside the run.
    """

    chunks: AsyncIterable[Sequence[Work]]
    total: int | None
    checked: Sequence[Work] = ()
    on_end: Callable[[Outcome], None] | None = None
    beside: Callable[[], int] = lambda: 0

    @classmethod
    def of(cls, work: Sequence[Work]) -> "Workload":
        """Work that is known from the start."""
        return cls(in_one_chunk(work), len(work), work)


FindWork = Callable[[Session], Awaitable[Workload]]


@asynccontextmanager
async def open_session(common: Common) -> AsyncIterator[Session]:
    """The ledger and the gateway that the options name; KeyMissing where there is no key for it."""
    talk = common.talk
    access, origin = find_access(
        common.settings, base_url=common.base_url, sandbox=common.sandbox, key_file=common.key_file,
        certificates=common.certificates,
    )  # fmt: skip
    observe = (lambda text: talk.say(f"seedvr: {text}")) if talk.verbose else None
    async with run.open_session(access, observe=observe) as session:
        if talk.verbose:
            talk.say(f"seedvr: gateway {access.name}; key from {origin}; ledger {session.ledger.path}")
        yield session


async def prepare_claims(common: Common, session: Session, policy: Policy) -> None:
    """For who submits: the ledger that machines share, if there is one, is told of and has to be there.

    UsageError where the rate is to be shared, and no ledger is.
    """
    if policy.shared_rate and session.ledger.shared_name is None:
        raise UsageError("--shared-rate: no ledger is shared", hint="set SEEDVR_LEDGER_URL, or leave it out")
    if policy.shared_rate and policy.rate is None:
        raise UsageError("--shared-rate: which rate?", hint="--rate 50/s")
    if session.ledger.shared_name is not None:
        common.talk.say(f"seedvr: claims stand in {session.ledger.shared_name}")
    await session.ledger.prepare()


def run_work(
    common: Common, policy: Policy, form: Form, find_work: FindWork, failures: Failures | None = None
) -> int:  # fmt: skip
    """Do all the work and report; returns the exit code. `find_work` gives it once the session is open."""
    tally = Tally(free=common.sandbox)
    totals = Totals(policy.summary, tally, common.talk)
    try:
        code = asyncio.run(_run_work(common, policy, form, find_work, failures or Failures(None), tally, totals))
    except BaseException as error:
        totals.end(_exit_code(error), error)
        raise
    return totals.end(code)


async def _run_work(
    common: Common, policy: Policy, form: Form, find_work: FindWork, failures: Failures, tally: Tally, totals: Totals
) -> int:  # fmt: skip
    _spare_searches()
    gc.freeze()  # what was loaded until here is no garbage
    gc.set_threshold(GARBAGE)
    gc.enable()
    allow_files(FILES)
    results, codes = Results(form, common.pick), set[int]()
    async with open_session(common) as session:
        work = await find_work(session)
        totals.total = work.total
        engine = session.engine(policy)
        await engine.check_outputs(work.checked)
        reporter = _reporter(common, policy, tally, work.total)
        if common.sandbox:
            reporter.handle(Notice("sandbox: enlarged on this machine, not by SeedVR2; nothing is charged"))
        looks = _looks(common, policy, session, reporter)
        with _signals(engine, reporter, looks):
            ticker = asyncio.create_task(_tick(reporter))
            try:
                async with aclosing(engine.run(work.chunks)) as events:
                    async for event in events:
                        if isinstance(event, Crashed):
                            _keep(event)
                        if isinstance(event, Changed):
                            tally.change(event)
                        elif isinstance(event, Finished):
                            tally.add(event.outcome)
                            totals.add(event.outcome)
                            codes.add(event.outcome.error.exit_code if event.outcome.error else 0)
                            failures.add(event.outcome)
                            write = lambda outcome=event.outcome: results.write(outcome)  # noqa: E731
                            reporter.result(write, results.only_path(event.outcome))
                            if policy.sidecar:
                                codes.add(_write_sidecars(common, event.outcome))
                            if work.on_end is not None and results.trouble is None:
                                work.on_end(event.outcome)
                        elif isinstance(event, Skipped):
                            tally.skip(len(event.paths))
                            reporter.result(lambda paths=event.paths: results.write_paths(paths))  # type: ignore[misc]
                        reporter.handle(event)
                        if looks is not None and isinstance(event, Finished):
                            await looks.add(event.outcome)
                if looks is not None:
                    await looks.end()
                    codes |= looks.codes
            except BrokenPipeError:
                forget_stdout()
                return PIPE_CLOSED
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
                    codes.add(PIPE_CLOSED)
        if results.trouble is not None:
            codes.add(results.trouble.exit_code)
            common.talk.error(f"seedvr: {results.trouble.message}; what is paid for is delivered")
        if engine.interrupted is not None:
            codes.add(engine.interrupted.exit_code)
            common.talk.error(f"seedvr: interrupted; {_underway(tally)}go on with: {continuation()}")
        else:
            failures.end()
            for line in _what_is_left(tally) if tally.total > 1 else ():
                common.talk.say(f"seedvr: {line}")
        codes.add(work.beside())
    if PIPE_CLOSED in codes:
        return PIPE_CLOSED
    return worst_exit_code(codes)


def _exit_code(error: BaseException) -> int:
    """What the command ends with where a run is ended by this."""
    if isinstance(error, SeedvrError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return Interrupted.exit_code
    return PIPE_CLOSED if isinstance(error, BrokenPipeError) else 1


def _looks(common: Common, policy: Policy, session: Session, reporter: Reporter) -> "Looks | None":
    if not policy.compare and not policy.preview:
        return None
    from seedvr_cli.cli.looking import Looks

    return Looks.wanted(common, policy, session.gateway, reporter)


def _write_sidecars(common: Common, outcome: Outcome) -> int:
    """The exit code of it."""
    from seedvr_cli.cli.sidecar import write_sidecars

    try:
        write_sidecars(outcome)
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


def _what_is_left(tally: Tally) -> Iterator[str]:
    """How to go on after a run in which not everything was done."""
    if tally.left:
        yield f"the rest, and only the rest: {continuation()}"
    if tally.final:
        yield f"{tally.final} ended FAILED, and may be charged; --retry-failed submits what failed again"
    if tally.unknown:
        yield f"{tally.unknown} unknown: 'seedvr status --unknown' lists them, and 'seedvr forget' settles them"


def _keep(crash: Crashed) -> None:
    """Its details go to the log, and the item's outcome, which follows, says where they are."""
    path = keep_traceback(crash.error, sys.argv[1:])
    crash.told.message = redact(crash.told.message, known_secrets())
    if path:
        crash.told.hint = f"the details are in {path}; {crash.told.hint}"


def continuation(arguments: Sequence[str] | None = None) -> str:
    """The command that goes on with this one: the same, except that it does not pay again."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return shlex.join(["seedvr", *(word for word in words if word != "--new")])


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

        return CiReporter(common.talk, tally, total=total, name=shlex.join(["seedvr", *sys.argv[1:2]]))
    return PlainReporter(common.talk, tally, total=total)


async def _tick(reporter: Reporter) -> None:
    while True:
        reporter.tick()
        await asyncio.sleep(TICK_SECONDS)


class _signals:  # noqa: N801 - reads as what it is: `with _signals(engine)`
    """Ctrl-C and SIGTERM end the run cleanly; the second one ends it at once, as the ledger stands that."""

    def __init__(self, engine: Engine, reporter: Reporter, looks: "Looks | None") -> None:
        self._engine = engine
        self._reporter = reporter
        self._looks = looks
        self._loop = asyncio.get_running_loop()
        self._before: dict[int, Any] = {}
        self._is_second = False

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: object) -> None:
        reason = Interrupted("interrupted")
        reason.exit_code = 128 + number
        if self._is_second:
            with suppress(Exception):  # the terminal is given back as well as can be
                self._reporter.close()
            print(f"seedvr: interrupted; go on with: {continuation()}", file=sys.stderr, flush=True)
            os._exit(reason.exit_code)
        self._is_second = True
        self._loop.call_soon_threadsafe(self._stop, reason)

    def _stop(self, reason: Interrupted) -> None:
        self._reporter.handle(Notice("stopping; once more ends it at once"))
        self._engine.stop(reason)
        if self._looks is not None:
            self._looks.stop()
