"""--watch: a folder's new files are upscaled as they come, once they rest."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from seedvr_cli.cli.context import Common
from seedvr_cli.cli.failed_file import Failures
from seedvr_cli.cli.groups import MoneyOptions, SourceOptions
from seedvr_cli.plan.planner import Planner, Prospect, check_output_folder
from seedvr_cli.plan.sources import check_way, file_source, files_of
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.render.results import Form
from seedvr_cli.render.talk import clean
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.errors import (
    BalanceError,
    CostCapReached,
    KeyRefused,
    NotSent,
    NotSubmitted,
    SourceRefused,
    UploadError,
    UsageError,
)
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.media import sniff_file
from seedvr_cli.values.structure import is_whole

if TYPE_CHECKING:
    from seedvr_cli.run.session import Session

# Seconds without a change after which a file is taken for written.
REST_SECONDS = 2.0
# Seconds between two looks: while something is expected to rest, while the system tells of changes, where nothing does.
SOON = 0.5
SELDOM = 30.0
POLL = 2.0
# Looks until the system surely tells of changes: what comes before that it does not tell.
UNTOLD_LOOKS = 3

# A file as it was seen: time of change in nanoseconds, bytes.
Mark = tuple[int, int]


def upscale_watched(
    common: Common, wishes: Wishes, policy: Policy, form: Form, sources: SourceOptions, money: MoneyOptions,
    failures: Failures,
) -> int:  # fmt: skip
    """Run until Ctrl-C, or until nothing more can be submitted; returns the exit code."""
    folders = sources.sources or ()
    if sources.lists or sources.shard or wishes.key is not None or not folders:
        raise UsageError("--watch takes folders alone", hint="seedvr image --watch FOLDER -o RESULTS/ --max-cost 5")
    for folder in folders:
        if not os.path.isdir(folder):
            raise UsageError(f"--watch: {folder} is no folder")
    is_bounded = policy.max_cost is not None or policy.caps.hold_for(wishes.tags)
    if not (is_bounded or money.yes or common.sandbox):
        raise UsageError(
            "--watch pays for whatever comes",
            hint="set a limit: --max-cost, max-cost-per-day or max-cost-per-month; or --yes",
        )
    if wishes.uploads is not None:
        check_way(wishes.uploads)
    planner = Planner(wishes, common.gateway_name)
    output = planner.recipe({}).output
    if output.kind != "template":
        raise UsageError(f"-o {wishes.output}: --watch needs a folder or a template")
    check_output_folder(output)
    from seedvr_cli.cli.session import prepare_claims
    from seedvr_cli.cli.work import Workload, run_work

    watch = Watch(folders, planner, say=lambda text: common.talk.error(f"seedvr: {text}"))

    def ended(outcome: Outcome) -> None:
        error = outcome.error  # a run that has met one of these submits nothing more; the next one does
        is_lasting = isinstance(error, UploadError) and error.is_lasting
        if is_lasting or isinstance(error, CostCapReached | NotSubmitted | NotSent | KeyRefused | BalanceError):
            watch.stop()

    async def find_work(session: "Session") -> Workload:
        await prepare_claims(common, session, policy)
        common.talk.say(clean(f"seedvr: watching {', '.join(folders)}; Ctrl-C ends it"))
        return Workload(watch.chunks(), None, on_end=ended)

    return run_work(common, policy, form, find_work, failures)


class Watch:
    """What is new in folders. `say` takes a line for a file that is no source; `now` is a clock of seconds."""

    def __init__(
        self, folders: Sequence[str], planner: Planner, *, say: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._folders = folders
        self._planner = planner
        self._say = say
        self._now = now
        self._done: dict[str, Mark] = {}
        # What changes still, or did a moment ago: as it was seen last, and since when it is like that.
        self._restless: dict[str, tuple[Mark, float]] = {}
        # What rests and is not to be had, and was told of.
        self._told: set[tuple[str, str]] = set()
        self._changed = asyncio.Event()
        self._is_over = False

    def stop(self) -> None:
        """No more of it."""
        self._is_over = True
        self._changed.set()

    async def chunks(self) -> AsyncGenerator[Sequence[Prospect], None]:
        """The prospects of what has come to rest, as it does."""
        told = asyncio.create_task(self._listen())
        looks = 0
        try:
            while not self._is_over:
                yield await asyncio.to_thread(self.look)
                looks += 1
                is_told = looks > UNTOLD_LOOKS and not told.done()
                wait = SOON if self._restless else SELDOM if is_told else POLL
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                if not self._is_over:
                    self._changed.clear()
        finally:
            told.cancel()
            with suppress(asyncio.CancelledError):
                await told

    def look(self) -> list[Prospect]:
        """What rests by now, and was not taken as it is."""
        found: list[Prospect] = []
        there: set[str] = set()
        for folder in self._folders:
            for path in files_of(folder, self._planner.wishes):
                there.add(path)
                if self._rests(path):
                    found += self._take(path, folder)
        for path in set(self._restless) - there:
            del self._restless[path]
        return found

    def _rests(self, path: str) -> bool:
        try:
            facts = os.stat(path)
        except OSError:
            return False
        mark = facts.st_mtime_ns, facts.st_size
        if self._done.get(path) == mark:
            return False
        seen, since = self._restless.get(path, (None, 0.0))
        if seen != mark:
            # What was there long before needs no more rest.
            age = time.time() - facts.st_mtime
            self._restless[path] = mark, self._now() - (REST_SECONDS if age > SELDOM else 0.0)
            seen, since = self._restless[path]
        if self._now() - since < REST_SECONDS:
            return False
        if trouble := _trouble(path):
            if (path, trouble) not in self._told:
                self._told.add((path, trouble))
                self._say(clean(f"{path} {trouble}; it is waited for"))
            self._restless[path] = mark, self._now()
            return False
        del self._restless[path]
        self._done[path] = mark
        return True

    def _take(self, path: str, folder: str) -> list[Prospect]:
        try:
            return [self._planner.prospect(file_source(path, self._planner.wishes, below=folder))]
        except (SourceRefused, UsageError) as error:  # it is no picture, or gone again
            self._say(clean(f"{path}: {error.message.removeprefix(f'SOURCE: {path}: ')}"))
            return []

    async def _listen(self) -> None:
        """Where the system tells of changes, looks are made when there is something to see."""
        try:
            from watchfiles import awatch
        except ImportError:
            return
        is_recursive = self._planner.wishes.recursive
        try:
            async for _ in awatch(*self._folders, recursive=is_recursive):
                self._changed.set()
        except* (OSError, RuntimeError, ValueError):  # a file system that tells nothing, or a name that is no Unicode
            self._changed.set()


def _trouble(path: str) -> str | None:
    """What is wrong with a file that rests: whoever writes it has paused, or died, or it is not for us.

    Its own structure says whether it is whole; of what is no picture or video that is not asked.
    """
    try:
        media_type = sniff_file(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    try:
        return None if media_type is None or is_whole(path, media_type) else "is not whole"
    except (OSError, ValueError):
        return "is not whole"
