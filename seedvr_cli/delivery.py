"""A media URL becomes a file: streamed to NAME.part, checked, flushed to disk, and only then given its name."""

import asyncio
import base64
import binascii
import functools
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from seedvr_cli.disk import Disk
from seedvr_cli.errors import DeliveryError, NetworkError, RangeRefused
from seedvr_cli.media import HEAD_BYTES, Size, is_whole, measure, sniff
from seedvr_cli.models import File, Stream
from seedvr_cli.schedule import backoff

# Bytes: a body up to this length is written at its end, in one go.
SHORT_BODY = 1 << 18
# Bytes that come in before a thread digests them: less would cost more in switching than it saves.
DIGEST_STEP = 32 << 20
_BLOCK = 2 << 20
# Breaks in a row without a byte of progress before a delivery is given up.
FRUITLESS_BREAKS = 5

Fetch = Callable[[str, int, str | None], AbstractAsyncContextManager[Stream]]


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
    `disk` flushes.
    """

    place: Callable[[str], Awaitable[Destination]]
    note_etag: Callable[[str, str], Awaitable[None]]
    progress: Callable[[int, int | None], None]
    pause: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    disk: Disk


async def deliver(
    url: str, fetch: Fetch, hooks: Hooks, *, resume: Destination | None = None, etag: str | None = None
) -> tuple[File, int]:
    """Fetch a media URL, check it and give it its name; returns the file and its time of change in nanoseconds.

    `resume` is a destination of an earlier run whose `.part` may be there. Raises DeliveryError where the body is no
    picture or video, empty, short, or cannot be written, or where the connection keeps breaking.
    """
    partial = Partial(resume, etag)
    try:
        if resume is not None:
            await asyncio.to_thread(partial.reopen)
        if url.startswith("data:"):
            partial.restart()
            await partial.take(decode_data_uri(url), hooks)
            await partial.end(hooks)
            total: int | None = None
        else:
            total = await _fetch_all(url, fetch, partial, hooks)
        return await partial.publish(total, hooks)
    except OSError as error:
        raise DeliveryError(f"cannot write {error.filename or 'the result'}: {error.strerror or error}") from error
    finally:
        partial.close()


@asynccontextmanager
async def read_file(path: str, _offset: int = 0, _etag: str | None = None) -> AsyncIterator[Stream]:
    """A `Fetch` for a file on this machine, so that a copy is as careful as a download."""

    async def chunks() -> AsyncIterator[bytes]:
        with open(path, "rb") as file:
            while block := await asyncio.to_thread(file.read, 1 << 20):
                yield block

    yield Stream(0, os.path.getsize(path), None, chunks())


def decode_data_uri(uri: str) -> bytes:
    """The bytes in a `data:` URI; DeliveryError where it cannot be read."""
    header, comma, body = uri.partition(",")
    if not comma:
        raise DeliveryError("the gateway's answer holds a data URI without data")
    raw = unquote_to_bytes(body)
    if not header.lower().endswith(";base64"):
        return raw
    try:
        return base64.b64decode(raw, validate=True)
    except binascii.Error as error:
        raise DeliveryError(f"the gateway's answer holds a data URI that cannot be read: {error}") from error


class Partial:
    """A file under way: its `.part`, the bytes so far and their digest. A short body is kept until its end."""

    def __init__(self, destination: Destination | None, etag: str | None) -> None:
        self.destination = destination
        self.etag = etag
        self.media_type = ""
        self._kept = bytearray()
        self._written = 0
        self._digest = _Digest()
        self._digesting: asyncio.Future[None] | None = None
        self._file: int | None = None

    @property
    def done(self) -> int:
        """Bytes that have come."""
        return self._written + len(self._kept)

    @property
    def has_part(self) -> bool:
        """Whether bytes stand in the `.part` already."""
        return self._written > 0

    def reopen(self) -> None:
        """Take up the `.part` of an earlier run, if there is one and it can be resumed safely."""
        if self.destination is None or not os.path.isfile(self.destination.part):
            self.destination = self.etag = None
            return
        if self.etag is None:
            return
        self._file = os.open(self.destination.part, os.O_RDWR | getattr(os, "O_BINARY", 0))
        self.media_type = sniff(os.read(self._file, HEAD_BYTES)) or ""
        self._written = os.lseek(self._file, 0, os.SEEK_END) if self.media_type else 0

    def restart(self) -> None:
        """Begin from the first byte."""
        self._kept, self._written, self.media_type, self._digest = bytearray(), 0, "", _Digest()
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)

    async def take(self, chunk: bytes, hooks: Hooks) -> None:
        """Add bytes. The first ones decide what the file is, and with that its name."""
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
            size = self._measure(total)
        else:
            size = await asyncio.to_thread(self._flush_and_measure, total)
        mtime_ns = os.fstat(self._descriptor()).st_mtime_ns
        while True:
            try:
                _rename(self.destination.part, self.destination.path, overwrite=self.destination.overwrite)
                break
            except FileExistsError:  # something got in the way meanwhile
                self._move_to(await hooks.place(self.media_type))
        path = self.destination.path
        await hooks.disk.flush_folder(os.path.dirname(path))
        width, height = (size.width, size.height) if size else (None, None)
        return File(path, self.done, self._digest.hexdigest(), self.media_type, width, height), mtime_ns

    def close(self) -> None:
        """Let go of the `.part`; its bytes stay for the next run."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def _begin(self, hooks: Hooks) -> None:
        head = bytes(self._kept[:HEAD_BYTES])
        media_type = sniff(head)
        if media_type is None:
            raise DeliveryError(f"the media server sent no picture and no video: it begins with {_show(head)}")
        if self.destination is None:
            self.destination = await hooks.place(media_type)
        self.media_type = media_type

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

    def _flush_and_measure(self, total: int | None) -> Size | None:
        assert self.destination is not None
        os.fsync(self._descriptor())
        self._digest.follow(self.destination.part, self.done)
        return self._measure(total)

    def _measure(self, total: int | None) -> Size | None:
        """Its size in pixels; DeliveryError where it had no length, and its own structure says that it is cut."""
        assert self.destination is not None
        if total is None and not is_whole(self.destination.part, self.media_type):
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


def recover(destination: Destination) -> tuple[File, int] | None:
    """The file that an earlier run renamed and did not live to record; None where it never got that far."""
    path, part = destination.path, destination.part
    try:
        with suppress(FileNotFoundError):  # the `.part` is gone already, or another run clears it away this moment
            if not os.path.samefile(path, part):
                return None
            os.unlink(part)
        facts = os.stat(path)
        with open(path, "rb") as file:
            media_type = sniff(file.read(HEAD_BYTES))
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    if media_type is None:
        return None
    size = measure(path, media_type)
    width, height = (size.width, size.height) if size else (None, None)
    return File(path, facts.st_size, digest, media_type, width, height), facts.st_mtime_ns


async def _fetch_all(url: str, fetch: Fetch, partial: Partial, hooks: Hooks) -> int | None:
    """Stream the body into the partial file, taken up again where it broke off; returns its full length if known."""
    breaks = 0
    furthest = partial.done
    noted = partial.etag
    while True:
        if not partial.media_type:
            partial.restart()
        before = partial.done
        total: int | None = None
        try:
            async with fetch(url, partial.done if partial.etag else 0, partial.etag) as stream:
                if stream.offset != partial.done:
                    partial.restart()
                if partial.done == 0:
                    partial.etag = None  # it belonged to other bytes
                total = stream.total
                async for chunk in stream.chunks:
                    await partial.take(chunk, hooks)
                    if partial.media_type:
                        partial.etag = stream.etag or partial.etag
                    is_cut_short = partial.has_part and (total is None or partial.done < total)  # were this the end
                    if stream.etag and stream.etag != noted and is_cut_short and partial.destination is not None:
                        noted = stream.etag
                        await hooks.note_etag(partial.destination.path, noted)
                    hooks.progress(partial.done, total)
                await partial.end(hooks)
            if total is None or partial.done == total:
                return total
            raise NetworkError(f"the media server sent {partial.done} of {total} bytes")  # noqa: TRY301 - one way on
        except RangeRefused:
            if before == 0:
                raise
            partial.etag = None
            partial.restart()
        except NetworkError as error:
            breaks = breaks + 1 if partial.done <= furthest else 1
            furthest = max(furthest, partial.done)
            if breaks >= FRUITLESS_BREAKS:
                raise DeliveryError(str(error)) from error
            if partial.etag is None:
                partial.restart()
            await hooks.pause(backoff(breaks, hooks.jitter()))


def _create(part: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        return os.open(part, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(part), exist_ok=True)
        return os.open(part, flags, 0o666)


def _rename(part: str, path: str, *, overwrite: bool) -> None:
    """Atomic, and without `overwrite` it fails rather than replace anything."""
    if overwrite:
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


def _show(head: bytes) -> str:
    text = head[:40].decode("utf-8", "replace").split("\n")[0].strip()
    return repr(text)
