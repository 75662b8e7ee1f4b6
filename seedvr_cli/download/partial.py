"""A file under way: NAME.part, checked, flushed to disk, and only then given its name."""

import asyncio
import functools
import os

from seedvr_cli.download.destination import Destination
from seedvr_cli.download.digest import Digest
from seedvr_cli.download.hooks import Hooks
from seedvr_cli.download.pieces import Pieces
from seedvr_cli.values.errors import DeliveryError
from seedvr_cli.values.job import File
from seedvr_cli.values.media import EXTENSIONS, HEAD_BYTES, measure, sniff
from seedvr_cli.values.size import show_size
from seedvr_cli.values.structure import Size, is_whole

# Bytes: a body up to this length is written at its end, in one go.
SHORT_BODY = 1 << 18
# Bytes that come in before a thread digests them: less would cost more in switching than it saves.
DIGEST_STEP = 32 << 20
# Bytes in pieces that come in before they are flushed and recorded: what a kill, or a power cut, can cost.
RECORD_STEP = 16 << 20


class Partial:
    """A file under way: its `.part`, which pieces of it are there, their digest. A short body is kept until its end.

    One stream fills it from its begin on, and what stands in it tells how far that got. From `record` on it has
    pieces, and what is there is what was recorded.
    """

    def __init__(self, destination: Destination | None, etag: str | None, pieces: str | None = None) -> None:
        self.destination = destination
        self.etag = etag
        self.media_type = ""
        self.pieces = Pieces()
        self.is_in_pieces = False
        self._left = pieces
        self._noted = etag
        self._kept = bytearray()
        self._digest = Digest()
        self._digesting: asyncio.Future[None] | None = None
        self._recorded = 0
        self._recording: asyncio.Task[None] | None = None
        self._file: int | None = None
        self._is_published = False

    @property
    def done(self) -> int:
        """Bytes that have come."""
        return self.pieces.done

    @property
    def is_written(self) -> bool:
        """Whether there is a `.part` with bytes in it."""
        return self.done > len(self._kept)

    def reopen(self) -> None:
        """Take up the `.part` of an earlier run, if there is one and it can be resumed safely."""
        if self.destination is None or not os.path.isfile(self.destination.part):
            self.destination = self.etag = None
            return
        if self.etag is None:
            return
        try:
            self._file = self.destination.reopen()
        except FileExistsError:  # of which our ledger does not know
            self.destination = self.etag = None
            return
        self.media_type = sniff(os.read(self._file, HEAD_BYTES)) or ""
        size = os.fstat(self._file).st_size
        try:
            self.pieces = Pieces.read(self._left) if self._left else Pieces([(0, size)])
        except ValueError:
            self.media_type = ""
        if not HEAD_BYTES <= self.pieces.prefix <= self.pieces.end <= size:
            self.media_type = ""
        self.is_in_pieces = self._left is not None
        self._recorded = self.pieces.done

    async def restart(self, hooks: Hooks) -> None:
        """Begin from the first byte."""
        await self._settle()
        if self.is_in_pieces and self.destination is not None:
            await hooks.note(self.destination.path, self._noted)
        self.is_in_pieces = False
        self._kept, self.pieces, self.media_type = bytearray(), Pieces(), ""
        self._digest, self._digesting = Digest(), None
        if self._file is not None:
            os.ftruncate(self._file, 0)

    async def check(self, size: int, hooks: Hooks) -> None:
        """DeliveryError where a file of that many bytes is not wanted; what has come of it is given up."""
        if size > hooks.largest:
            await self.restart(hooks)
            raise DeliveryError(
                f"the result has more than {show_size(hooks.largest)}", hint="--max-filesize SIZE allows more"
            )

    async def take(self, at: int, chunk: bytes, hooks: Hooks) -> None:
        """Add bytes, which begin `at` this one. The first ones decide what the file is, and with that its name."""
        await self.check(self.done + len(chunk), hooks)
        if not self.is_written:
            self._kept += chunk
            self.pieces.add(at, at + len(chunk))
            if not self.media_type and len(self._kept) >= HEAD_BYTES:
                self._begin()
            if self.media_type and len(self._kept) > SHORT_BODY:
                await self._write_kept(hooks)
            return
        self._write(at, chunk)
        self.pieces.add(at, at + len(chunk))
        prefix = self.pieces.prefix
        if prefix - self._digest.done >= DIGEST_STEP and (self._digesting is None or self._digesting.done()):
            assert self.destination is not None
            step = functools.partial(self._digest.follow, self.destination.part, prefix)
            self._digesting = asyncio.get_running_loop().run_in_executor(None, step)
            # Of a delivery that failed nobody asks how it went.
            self._digesting.add_done_callback(lambda digesting: digesting.cancelled() or digesting.exception())
        if self.is_in_pieces and self.pieces.done - self._recorded >= RECORD_STEP:
            self._record_beside(hooks)

    async def note(self, etag: str | None, hooks: Hooks) -> None:
        """Have the ETag recorded with which a later run can go on, once bytes stand in the `.part`."""
        if etag and etag != self._noted and self.is_written and self.destination is not None:
            self._noted = etag
            await hooks.note(self.destination.path, etag)

    async def record(self, hooks: Hooks) -> None:
        """Have it recorded what is there. It has pieces from now on."""
        await self._settle()
        if self.destination is None or self._file is None or self.etag is None:
            return
        self.is_in_pieces = True
        await self._record(self.destination.path, self.etag, hooks)

    def end(self) -> None:
        """The body has ended; of a very short one it is not yet known what it is."""
        if self._kept and not self.media_type:
            self._begin()

    async def publish(self, total: int | None, hooks: Hooks) -> tuple[File, int]:
        """Check the file, flush it to disk and give it its name; the file, and its time of change in nanoseconds."""
        if self._digesting is not None:
            await self._digesting
        if self.done == 0:
            raise DeliveryError("the media server sent an empty body")
        if total is not None and self.done != total:
            raise DeliveryError(f"the media server sent {self.done} of {total} bytes")
        vouched = None
        if self._kept:
            self._digest.update(self._kept)
            proof = (self.done, self._digest.hexdigest()) if hooks.finish is None else None
            vouched = await self._write_kept(hooks, proof)
            await hooks.disk.flush(self._descriptor())
            size = self._measure()
        else:
            size = await self._flush(hooks)
        if await self._finish(size, hooks):
            size = await asyncio.to_thread(self._take_anew)
        mtime_ns = os.fstat(self._descriptor()).st_mtime_ns
        assert self.destination is not None
        while True:
            if hooks.vouch is not None and self.destination.path != vouched:
                await hooks.vouch(self.destination.path, self.done, self._digest.hexdigest())
            try:
                self.destination.publish()
                break
            except FileExistsError:  # something got in the way meanwhile
                await self._move(hooks)
        self._is_published = True
        path = self.destination.path
        await hooks.disk.flush_folder(os.path.dirname(path))
        width, height = (size.width, size.height) if size else (None, None)
        return File(path, self.done, self._digest.hexdigest(), self.media_type, width, height), mtime_ns

    async def _finish(self, size: Size | None, hooks: Hooks) -> bool:
        """Whether its owner has changed it; it is not the server's any more then, and nobody can go on with it."""
        if hooks.finish is None or self.destination is None:
            return False
        if self._noted is not None:
            await hooks.note(self.destination.path, None)
        self.etag = self._noted = None
        return await hooks.finish(self.destination.part, self.media_type, size)

    def _take_anew(self) -> Size | None:
        assert self.destination is not None
        self._digest = Digest()
        os.fsync(self._descriptor())
        self.pieces = Pieces([(0, os.fstat(self._descriptor()).st_size)])
        self._digest.follow(self.destination.part, self.done)
        return measure(self.destination.part, self.media_type)

    def close(self) -> None:
        """Let go of the `.part`; its bytes stay where a later run could go on with them."""
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        if self.etag is None and not self._is_published:
            self._remove()

    def _begin(self) -> None:
        head = bytes(self._kept[:HEAD_BYTES])
        media_type = sniff(head)
        if media_type is None:
            raise DeliveryError(f"the media server sent no picture and no video: it begins with {_show(head)}")
        if self.destination is not None and not self.destination.path.endswith(EXTENSIONS[media_type]):
            self.close()
            self._remove()  # the `.part` of what was there before, and was something else
            self.destination = None
        self.media_type = media_type

    def _remove(self) -> None:
        if self.destination is not None:
            self.destination.remove()

    async def _write_kept(self, hooks: Hooks, proof: tuple[int, str] | None = None) -> str | None:
        """Have what is kept in the `.part`, which gets its name now; the path whose proof was recorded with it."""
        lost: str | None = None
        proven: str | None = None
        while self._file is None:
            if self.destination is None:
                self.destination = await hooks.place(self.media_type, lost, proof)
                proven = self.destination.path if proof is not None else None
            try:
                self._file = self.destination.create()
            except FileExistsError:  # another machine has begun a file of that name
                lost, self.destination = self.destination.path, None
        kept, self._kept = self._kept, bytearray()
        self._write(0, kept)
        return proven

    def _write(self, at: int, chunk: bytes | bytearray) -> None:
        """Before and behind them there may be holes."""
        view = memoryview(chunk)
        while view:
            written = os.pwrite(self._descriptor(), view, at)
            at, view = at + written, view[written:]

    def _record_beside(self, hooks: Hooks) -> None:
        """Record while more comes in: one after the other, however slow the disk is."""
        if self._recording is not None:
            if not self._recording.done():
                return
            self._recording.result()
        assert self.destination is not None and self.etag is not None  # noqa: PT018 - pieces have both
        self._recording = asyncio.create_task(self._record(self.destination.path, self.etag, hooks))

    async def _record(self, path: str, etag: str, hooks: Hooks) -> None:
        """On disk first: what is recorded outlives a power cut."""
        pieces, self._recorded, self._noted = str(self.pieces), self.pieces.done, etag
        await hooks.disk.flush(self._descriptor())
        await hooks.note(path, etag, pieces)

    async def _settle(self) -> None:
        """Nothing is being recorded any more."""
        recording, self._recording = self._recording, None
        if recording is not None:
            await recording

    async def _flush(self, hooks: Hooks) -> Size | None:
        try:
            return await asyncio.to_thread(self._flush_and_measure)
        except DeliveryError:
            if self.is_in_pieces and self.destination is not None:  # or a later run would find nothing missing
                await hooks.note(self.destination.path, None)
                self.etag = None
            raise

    def _flush_and_measure(self) -> Size | None:
        assert self.destination is not None
        os.fsync(self._descriptor())
        self._digest.follow(self.destination.part, self.done)
        return self._measure()

    def _measure(self) -> Size | None:
        """Its size in pixels; DeliveryError where its own structure says that it is cut, whatever its length says."""
        assert self.destination is not None
        if not is_whole(self.destination.part, self.media_type):
            raise DeliveryError("the media server's body ends before the file does")
        return measure(self.destination.part, self.media_type)

    async def _move(self, hooks: Hooks) -> None:
        """Another name for the `.part`, where the first one was taken meanwhile."""
        assert self.destination is not None
        lost: str | None = None
        while True:
            destination = await hooks.place(self.media_type, lost)
            try:
                self.destination.move(destination)
            except FileExistsError:
                lost = destination.path
            else:
                self.destination = destination
                return

    def _descriptor(self) -> int:
        assert self._file is not None
        return self._file


def _show(head: bytes) -> str:
    text = head[:40].decode("utf-8", "replace").split("\n")[0].strip()
    return repr(text)
