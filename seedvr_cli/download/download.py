"""A media URL becomes a file: streamed to NAME.part, checked, flushed to disk, and only then given its name."""

import asyncio
import base64
import binascii
import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote_to_bytes

from seedvr_cli.download.destination import Destination
from seedvr_cli.download.hooks import Hooks
from seedvr_cli.download.partial import Partial
from seedvr_cli.download.streams import Fetch, Streams
from seedvr_cli.values.answer import Stream
from seedvr_cli.values.errors import DeliveryError, NoPlace
from seedvr_cli.values.job import File

# What the system says where no result of this run could be written.
NO_PLACE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EIO}
)


async def fetch_file(
    url: str, fetch: Fetch, hooks: Hooks, *,
    resume: Destination | None = None, etag: str | None = None, pieces: str | None = None,
) -> tuple[File, int]:  # fmt: skip
    """Fetch a media URL, check it and give it its name; returns the file and its time of change in nanoseconds.

    `resume` is a destination of an earlier run whose `.part` may be there, `etag` and `pieces` what that run has noted.
    Raises DeliveryError where the body is no picture or video, empty, short, or cannot be written, or where the
    connection keeps breaking.
    """
    partial = Partial(resume, etag, pieces)
    try:
        if resume is not None:
            await asyncio.to_thread(partial.reopen)
        if url.startswith("data:"):
            await partial.restart(hooks)
            await partial.take(0, decode_data_uri(url), hooks)
            partial.end()
            total: int | None = None
        else:
            total = await Streams(url, fetch, partial, hooks).bring()
        return await partial.publish(total, hooks)
    except OSError as error:
        message = f"cannot write {error.filename or 'the result'}: {error.strerror or error}"
        raise (NoPlace if error.errno in NO_PLACE else DeliveryError)(message) from error
    finally:
        partial.close()


@asynccontextmanager
async def read_file(
    path: str, _offset: int = 0, _etag: str | None = None, _end: int | None = None
) -> AsyncIterator[Stream]:
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
