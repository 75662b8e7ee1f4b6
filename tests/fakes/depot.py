"""Stand-ins for a server of large files, whose answers a test chooses, and for a machine that is switched off."""

import asyncio
import os
from contextlib import asynccontextmanager

from fakes.media import URL, Owner
from seedvr_cli.download.destination import Destination
from seedvr_cli.download.disk import Disk
from seedvr_cli.download.download import fetch_file
from seedvr_cli.values.answer import Stream
from seedvr_cli.values.errors import DeliveryError, MediaGone, NetworkError, RangeRefused

REFUSALS = {
    "503": NetworkError("the media server answered HTTP 503"),
    "403": MediaGone("the media server answered HTTP 403"),
    "416": RangeRefused("416"),
}


class Killed(BaseException):
    """The process ends here and now."""


class Depot:
    """A `Fetch` that knows ranges. `how(number, begin, end)` says what is odd about an answer, numbered from 0.

    `asked` are the ranges; `fetched` counts the bytes that were handed out, `at_once` the most streams at a time.
    Each chunk takes `pace` of the depot's own `seconds`.
    """

    def __init__(self, content, how=lambda *_: None, *, has_ranges=True, limit=99, chunk=50, pace=0.0):
        self.content = content
        self.etag = '"a"'
        self.how = how
        self.has_ranges = has_ranges
        self.limit = limit
        self.chunk = chunk
        self.pace = pace
        self.seconds = 0.0
        self.asked = []
        self.urls = []
        self.expired = set()
        self.fetched = self.at_once = self._open = 0

    def change(self, content):
        """Another file stands there from now on; who has begun to read the old one goes on."""
        self.content, self.etag = content, '"b"'

    @asynccontextmanager
    async def fetch(self, url, offset=0, etag=None, end=None):
        number = len(self.asked)
        self.asked.append((offset, end))
        self.urls.append(url)
        if url in self.expired:
            raise MediaGone("the media server answered HTTP 403")
        await asyncio.sleep(0)
        how = self.how(number, offset, end)
        if how in REFUSALS and (offset or how != "416"):
            raise REFUSALS[how]
        if self._open >= self.limit:
            raise REFUSALS["503"]
        content, tag, total = self.content, self.etag, len(self.content)
        is_part = offset and self.has_ranges and etag == tag and how != "200"
        begin, stop = (offset, end or total) if is_part else (0, total)
        if how == "another etag" and is_part:
            content, tag = bytes(total), '"odd"'
        if how == "no etag":
            tag = None
        if how == "another length" and is_part:
            content, total = bytes(total), total + 1
        self._open += 1
        self.at_once = max(self.at_once, self._open)
        try:
            yield Stream(begin, total, tag, self._chunks(content, begin, stop, how), self.has_ranges)
        finally:
            self._open -= 1

    async def _chunks(self, content, begin, stop, how):
        left = stop - begin
        if how in {"cut", "short", "silent"}:
            left //= 2
        body = content[begin : begin + left] + (b"more" * 20 if how == "long" else b"")
        for start in range(0, len(body), self.chunk):
            await asyncio.sleep(0)
            self.seconds += self.pace
            self.fetched += len(body[start : start + self.chunk])
            yield body[start : start + self.chunk]
        while how == "silent":
            await asyncio.sleep(0)
            self.seconds += 0.1
        if how == "cut":
            raise NetworkError("the download broke: cut")


class Machine(Owner):
    """An owner whose disk keeps for sure only what was flushed, and whose process may be killed after so many bytes."""

    def __init__(self, folder, **more):
        super().__init__(folder, **more)
        self.kept = b""
        self.die_after = None
        self._is_dead = False

    @property
    def hooks(self):
        made = super().hooks
        object.__setattr__(made, "disk", _Disk(self))
        return made

    async def note(self, path, etag, pieces=None):
        if not self._is_dead:
            await super().note(path, etag, pieces)

    def note_progress(self, done, total):
        super().note_progress(done, total)
        if self.die_after is not None:
            self.die_after -= 1
            if self.die_after < 0:
                self._is_dead = True
                raise Killed

    def deliver(self, depot, *, die_after=None):
        """What a run comes to that takes up what the one before has left: the file, or the exception."""
        self.die_after, self._is_dead = die_after, False
        etag, pieces = self.noted
        part = [name for name in os.listdir(self.folder) if name.endswith(".part")]
        resume = Destination(str(self.folder / part[0].removesuffix(".part"))) if part else None

        async def run():
            given = {"resume": resume, "etag": etag, "pieces": pieces} if resume else {}
            return (await fetch_file(URL, depot.fetch, self.hooks, **given))[0]

        try:
            return asyncio.run(run())
        except (DeliveryError, Killed) as error:
            return error

    def lose_power(self):
        """Of the part only that stays which was flushed; the rest are bytes of no file."""
        for name in os.listdir(self.folder):
            if name.endswith(".part"):
                path = self.folder / name
                size = path.stat().st_size
                path.write_bytes(self.kept[:size] + b"\xff" * (size - len(self.kept)))


class _Disk(Disk):
    def __init__(self, machine):
        super().__init__()
        self._machine = machine

    async def flush(self, descriptor):
        kept = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        os.fsync(descriptor)  # not in a thread, so that what is recorded does not depend on how fast that is
        await asyncio.sleep(0)
        self._machine.kept = kept
