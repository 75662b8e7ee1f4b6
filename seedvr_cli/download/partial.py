"""A file under way: NAME.part, checked, flushed to disk, and only then given its name."""

import asyncio
import functools
import hashlib
import os
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from seedvr_cli.download.disk import Disk
from seedvr_cli.values.errors import DeliveryError
from seedvr_cli.values.job import File
from seedvr_cli.values.media import EXTENSIONS, HEAD_BYTES, measure, sniff
from seedvr_cli.values.size import show_size
from seedvr_cli.values.structure import Size, is_whole

# Bytes as they are, and never through a link that somebody has put there.
_PLAIN_FILE = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
# Bytes: a body up to this length is written at its end, in one go.
SHORT_BODY = 1 << 18
# Bytes that come in before a thread digests them: less would cost more in switching than it saves.
DIGEST_STEP = 32 << 20
_BLOCK = 2 << 20


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a delivery goes. `overwrite` lets the rename replace what is in the way."""

    path: str
    overwrite: bool = False

    @property
    def part(self) -> str:
        """The name while it is not whole."""
        return f"{self.path}.part"


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a delivery asks of its owner.

    `place(media_type)` chooses the destination and records it before the `.part` is made; `note_etag` records what a
    later run needs to resume; `progress(done, total)` in bytes; `pause(seconds)` waits; `jitter()` gives 0-1;
    `disk` flushes; `largest` is how many bytes a file may have. `finish(part, media_type, size)` may change the whole
    file before it has its name, and says whether it did.
    """

    place: Callable[[str], Awaitable[Destination]]
    note_etag: Callable[[str, str | None], Awaitable[None]]
    progress: Callable[[int, int | None], None]
    pause: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    disk: Disk
    largest: int
    finish: Callable[[str, str, Size | None], Awaitable[bool]] | None = None


class Partial:
    """A file under way: its `.part`, the bytes so far and their digest. A short body is kept until its end."""

    def __init__(self, destination: Destination | None, etag: str | None) -> None:
        self.destination = destination
        self.etag = etag
        self.media_type = ""
        self._noted = etag
        self._kept = bytearray()
        self._written = 0
        self._digest = _Digest()
        self._digesting: asyncio.Future[None] | None = None
        self._file: int | None = None
        self._is_published = False

    @property
    def done(self) -> int:
        """Bytes that have come."""
        return self._written + len(self._kept)

    def reopen(self) -> None:
        """Take up the `.part` of an earlier run, if there is one and it can be resumed safely."""
        if self.destination is None or not os.path.isfile(self.destination.part):
            self.destination = self.etag = None
            return
        if self.etag is None:
            return
        self._file = os.open(self.destination.part, os.O_RDWR | _PLAIN_FILE)
        self.media_type = sniff(os.read(self._file, HEAD_BYTES)) or ""
        self._written = os.lseek(self._file, 0, os.SEEK_END) if self.media_type else 0

    def restart(self) -> None:
        """Begin from the first byte."""
        self._kept, self._written, self.media_type, self._digest = bytearray(), 0, "", _Digest()
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)

    def check(self, size: int, hooks: Hooks) -> None:
        """DeliveryError where a file of that many bytes is not wanted; what has come of it is given up."""
        if size > hooks.largest:
            self.restart()
            raise DeliveryError(
                f"the result has more than {show_size(hooks.largest)}", hint="--max-filesize SIZE allows more"
            )

    async def take(self, chunk: bytes, hooks: Hooks) -> None:
        """Add bytes. The first ones decide what the file is, and with that its name."""
        self.check(self.done + len(chunk), hooks)
        if self._written == 0:
            self._kept += chunk
            if not self.media_type and len(self._kept) >= HEAD_BYTES:
                await self._begin(hooks)
            if self.media_type and len(self._kept) > SHORT_BODY:
                self._write_kept()
            return
        self._write(chunk)
        if self._written - self._digest.done >= DIGEST_STEP and (self._digesting is None or self._digesting.done()):
            assert self.destination is not None
            step = functools.partial(self._digest.follow, self.destination.part, self._written)
            self._digesting = asyncio.get_running_loop().run_in_executor(None, step)

    async def note(self, etag: str | None, hooks: Hooks) -> None:
        """Have the ETag recorded with which a later run can go on, once bytes stand in the `.part`."""
        if etag and etag != self._noted and self._written and self.destination is not None:
            self._noted = etag
            await hooks.note_etag(self.destination.path, etag)

    async def end(self, hooks: Hooks) -> None:
        """The body has ended; of a very short one it is not yet known what it is."""
        if self._kept and not self.media_type:
            await self._begin(hooks)

    async def publish(self, total: int | None, hooks: Hooks) -> tuple[File, int]:
        """Check the file, flush it to disk and give it its name; the file, and its time of change in nanoseconds."""
        if self._digesting is not None:
            await self._digesting
        if self.destination is None or self.done == 0:
            raise DeliveryError("the media server sent an empty body")
        if total is not None and self.done != total:
            raise DeliveryError(f"the media server sent {self.done} of {total} bytes")
        if self._kept:
            self._digest.update(self._kept)
            self._write_kept()
            await hooks.disk.flush(self._descriptor())
            size = self._measure()
        else:
            size = await asyncio.to_thread(self._flush_and_measure)
        await self._finish(size, hooks)
        mtime_ns = os.fstat(self._descriptor()).st_mtime_ns
        while True:
            try:
                _rename(self.destination.part, self.destination.path, overwrite=self.destination.overwrite)
                break
            except FileExistsError:  # something got in the way meanwhile
                self._move_to(await hooks.place(self.media_type))
        self._is_published = True
        path = self.destination.path
        await hooks.disk.flush_folder(os.path.dirname(path))
        width, height = (size.width, size.height) if size else (None, None)
        return File(path, self.done, self._digest.hexdigest(), self.media_type, width, height), mtime_ns

    async def _finish(self, size: Size | None, hooks: Hooks) -> None:
        """What its owner makes of it; from then on it is not the server's any more, and nobody can go on with it."""
        if hooks.finish is None or self.destination is None:
            return
        if self._noted is not None:
            await hooks.note_etag(self.destination.path, None)
        self.etag = self._noted = None
        if await hooks.finish(self.destination.part, self.media_type, size):
            self._written, self._digest = 0, _Digest()
            await asyncio.to_thread(self._take_anew)

    def _take_anew(self) -> None:
        assert self.destination is not None
        os.fsync(self._descriptor())
        self._written = os.fstat(self._descriptor()).st_size
        self._digest.follow(self.destination.part, self._written)

    def close(self) -> None:
        """Let go of the `.part`; its bytes stay where a later run could go on with them."""
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        if self.etag is None and not self._is_published:
            self._remove()

    async def _begin(self, hooks: Hooks) -> None:
        head = bytes(self._kept[:HEAD_BYTES])
        media_type = sniff(head)
        if media_type is None:
            raise DeliveryError(f"the media server sent no picture and no video: it begins with {_show(head)}")
        if self.destination is None or not self.destination.path.endswith(EXTENSIONS[media_type]):
            await self._place(media_type, hooks)
        self.media_type = media_type

    async def _place(self, media_type: str, hooks: Hooks) -> None:
        """The destination for such a file; the `.part` of what was there before, and was something else, goes."""
        self.close()
        self._remove()
        self.destination = await hooks.place(media_type)

    def _remove(self) -> None:
        if self.destination is not None:
            with suppress(FileNotFoundError):
                os.unlink(self.destination.part)

    def _write_kept(self) -> None:
        assert self.destination is not None
        if self._file is None:
            self._file = _create(self.destination.part)
        kept, self._kept = self._kept, bytearray()
        self._write(kept)

    def _write(self, chunk: bytes | bytearray) -> None:
        view = memoryview(chunk)
        while view:
            written = os.write(self._descriptor(), view)
            self._written += written
            view = view[written:]

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

    def _move_to(self, destination: Destination) -> None:
        """Another name for the `.part`, where the first one was taken meanwhile."""
        assert self.destination is not None
        os.rename(self.destination.part, destination.part)
        self.destination = destination

    def _descriptor(self) -> int:
        assert self._file is not None
        return self._file


class _Digest:
    """SHA-256 of a growing file, in another thread than the one that writes it."""

    def __init__(self) -> None:
        self.done = 0
        self._sha256 = hashlib.sha256()

    def update(self, content: bytearray) -> None:
        """Digest what is in memory still."""
        self._sha256.update(content)
        self.done += len(content)

    def follow(self, path: str, upto: int) -> None:
        """Digest what is new, up to that many bytes of the file."""
        with open(path, "rb", buffering=0) as file:
            file.seek(self.done)
            while self.done < upto and (block := file.read(min(_BLOCK, upto - self.done))):
                self._sha256.update(block)
                self.done += len(block)
            if hasattr(os, "posix_fadvise"):  # begins to write it back now, so that the flush at the end is short
                os.posix_fadvise(file.fileno(), 0, upto, os.POSIX_FADV_DONTNEED)

    def hexdigest(self) -> str:
        """Of all that was followed."""
        return self._sha256.hexdigest()


def _create(part: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | _PLAIN_FILE
    try:
        return os.open(part, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(part), exist_ok=True)
        return os.open(part, flags, 0o666)


def _rename(part: str, path: str, *, overwrite: bool) -> None:
    """Atomic, and without `overwrite` it fails rather than replace anything."""
    if overwrite and is_replaceable(path):
        os.replace(part, path)
        return
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        os.rename(part, path)
        return
    with suppress(FileNotFoundError):
        os.unlink(part)


def is_replaceable(path: str) -> bool:
    """Whether nothing is there, or a regular file: a link, a folder or a device is not for us to replace."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return True


def _show(head: bytes) -> str:
    text = head[:40].decode("utf-8", "replace").split("\n")[0].strip()
    return repr(text)
