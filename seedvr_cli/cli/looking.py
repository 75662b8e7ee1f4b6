"""--compare and --preview: before and after of each result, made beside the run, which does not wait for them."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from seedvr_cli.cli.context import Common
from seedvr_cli.cli.crash_log import keep_traceback
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.render.human import name_of
from seedvr_cli.render.preview import Screen, write_text
from seedvr_cli.render.reporter import Reporter
from seedvr_cli.report.compare_file import CompareFile
from seedvr_cli.report.pair import Pair
from seedvr_cli.report.previews import Unshown
from seedvr_cli.run.originals import LARGEST_PICTURE, Originals, Wanted
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.errors import DeliveryError, Unforeseen
from seedvr_cli.values.items import Item, Outcome, Purchase
from seedvr_cli.values.job import File
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.urls import is_object_url

# Results that are looked at or wait for it, their sources on the way here. Beyond them the run waits.
AHEAD = 8


class Looks:
    """What is made of results: one at a time is in memory. `codes` are the exit codes of it."""

    def __init__(self, common: Common, gateway: Gateway, reporter: Reporter, *, compare: bool, preview: bool) -> None:
        self._talk = common.talk
        self._gateway = gateway
        self._reporter = reporter
        self._is_compared = compare
        self._is_previewed = preview
        self._room = asyncio.Semaphore(AHEAD)
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_over = False
        self.codes: set[int] = set()

    @classmethod
    def wanted(cls, common: Common, policy: Policy, gateway: Gateway, reporter: Reporter) -> "Looks | None":
        """None where nothing is asked for, and for previews that nobody would see."""
        preview = policy.preview and not common.talk.quiet and sys.stderr.isatty()
        if not policy.compare and not preview:
            return None
        return cls(common, gateway, reporter, compare=policy.compare, preview=preview)

    async def add(self, outcome: Outcome) -> None:
        """Look at the outcome's files, soon."""
        for file in outcome.files:
            await self._room.acquire()
            if self._is_over:
                return
            task = asyncio.create_task(self._look(outcome.item, file))
            self._tasks.add(task)
            task.add_done_callback(self._forget)

    async def end(self) -> None:
        """All that was added is done, or given up after `stop`."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """Give up what is not done: the same command again does it."""
        self._is_over = True
        for task in self._tasks:
            task.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()

    async def _look(self, item: Item, file: File) -> None:
        try:
            await self._show(item, file)
        except (Unshown, DeliveryError) as error:
            self._tell(item, str(error))
        except Exception as error:  # noqa: BLE001 - a bug in one look is the end of that one alone
            path = keep_traceback(error, sys.argv[1:])
            self._tell(item, f"{Unforeseen(error).message}{f'; the details are in {path}' if path else ''}")

    def _tell(self, item: Item, why: str) -> None:
        """One line: the result itself is delivered."""
        what = "comparison" if self._is_compared else "preview"
        line = f"seedvr: {name_of(item)}: no {what}: {redact(why)}"
        if self._is_compared:
            self.codes.add(1)
            self._talk.error(line)
        else:
            self._talk.say(line)

    async def _show(self, item: Item, file: File) -> None:
        if is_object_url(file.path):
            raise Unshown("the result is in an object store")
        if not self._is_previewed and (await asyncio.to_thread(CompareFile.of, file)).is_done:
            return
        async with self._original(item) as path, self._turn:
            pair = await asyncio.to_thread(Pair.read, path, file.path)
            if self._is_compared:
                await asyncio.to_thread(_compare, pair, file)
            if self._is_previewed:
                await self._preview(pair, item, file)

    async def _preview(self, pair: Pair, item: Item, file: File) -> None:
        screen = Screen.of_standard_error()
        if screen is None:
            return
        before, after = (f"{width}x{height}" for width, height in (pair.before_size, pair.after_size))
        caption = f"{item.name} {before} → {os.path.basename(file.path)} {after}"
        text = await asyncio.to_thread(
            lambda: screen.text(pair.picture(line=screen.line, largest=screen.side), caption)
        )
        self._reporter.above(lambda: write_text(text, screen.encoding))

    @asynccontextmanager
    async def _original(self, item: Item) -> AsyncIterator[str]:
        """The file of the source while the block lasts; Unshown where it is not to be had."""
        assert isinstance(item, Purchase)  # `image` has no others
        url = item.request.source.url
        if "://" not in item.source:
            yield item.source
            return
        if is_object_url(item.source):
            raise Unshown("the source is in an object store")
        with tempfile.TemporaryDirectory(prefix="seedvr-") as folder:
            originals = Originals(self._gateway.media.fetch, folder, {url: Wanted(1, LARGEST_PICTURE)})
            try:
                async with originals.taken(url) as (path, trouble):
                    if path is None:
                        raise Unshown(f"the source is not to be had: {trouble}")
                    yield path
            finally:
                await originals.aclose()


def _compare(pair: Pair, file: File) -> None:
    target = CompareFile.of(file)
    if not target.is_done:
        target.write(pair)
