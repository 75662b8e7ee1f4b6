"""A media URL becomes a file: streamed to NAME.part, checked, flushed to disk, and only then given its name."""

import asyncio
import base64
import binascii
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import unquote_to_bytes

from seedvr_cli.download.partial import Destination, Hooks, Partial
from seedvr_cli.values.answer import Stream
from seedvr_cli.values.errors import DeliveryError, NetworkError, NoPlace, RangeRefused
from seedvr_cli.values.job import File
from seedvr_cli.values.schedule import backoff

# What the system says where no result of this run could be written.
NO_PLACE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EIO}
)
# Breaks in a row without a byte of progress before a delivery is given up.
FRUITLESS_BREAKS = 5

Fetch = Callable[[str, int, str | None], AbstractAsyncContextManager[Stream]]


async def fetch_file(
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
        message = f"cannot write {error.filename or 'the result'}: {error.strerror or error}"
        raise (NoPlace if error.errno in NO_PLACE else DeliveryError)(message) from error
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


async def _fetch_all(url: str, fetch: Fetch, partial: Partial, hooks: Hooks) -> int | None:
    """Stream the body into the partial file, taken up again where it broke off; returns its full length if known."""
    breaks = 0
    furthest = partial.done
    while True:
        if not partial.media_type:
            partial.restart()
        before = partial.done
        try:
            return await _fetch_rest(url, fetch, partial, hooks)
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


async def _fetch_rest(url: str, fetch: Fetch, partial: Partial, hooks: Hooks) -> int | None:
    """One request for what is missing; NetworkError where the body ends before the file does."""
    async with fetch(url, partial.done if partial.etag else 0, partial.etag) as stream:
        if stream.offset != partial.done:
            partial.restart()
        if partial.done == 0:
            partial.etag = None  # it belonged to other bytes
        total = stream.total
        partial.check(total or 0, hooks)
        async for chunk in stream.chunks:
            await partial.take(chunk, hooks)
            if partial.media_type:
                partial.etag = stream.etag or partial.etag
            if total is None or partial.done < total:  # were this the end, a later run would need the ETag
                await partial.note(stream.etag, hooks)
            hooks.progress(partial.done, total)
        await partial.end(hooks)
    if total is None or partial.done == total:
        return total
    raise NetworkError(f"the media server sent {partial.done} of {total} bytes")
