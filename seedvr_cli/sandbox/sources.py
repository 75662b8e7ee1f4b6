"""Where a job's picture or video comes from: the network, this machine, the URL itself, or the vendor's examples."""

import asyncio
import os
import shutil
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from seedvr_cli.values.urls import file_path

if TYPE_CHECKING:
    from seedvr_cli.sandbox.http.outbound import Outbound

# Bytes; and seconds for all of a download.
LARGEST_SOURCE = 200 * 1024 * 1024
LONGEST_FETCH = 30.0


class SourceError(Exception):
    """The source cannot be had. The text is one line, meant for the job's `error` field."""


async def fetch(url: str, kind: str, path: Path, outbound: "Outbound") -> None:
    """Write what `url` stands for to `path`; `kind` is `image` or `video`. Raises SourceError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scheme = url.partition(":")[0].lower()
    if scheme == "data":
        await asyncio.to_thread(path.write_bytes, _decode(url))
    elif scheme == "file":
        await asyncio.to_thread(_copy, url, path)
    elif is_example(url):
        await asyncio.to_thread(_write_sample, kind, path)
    else:
        await _download(url, path, outbound)


def is_example(url: str) -> bool:
    """Whether it is one of the example URLs of the vendor's page, behind which there is nothing."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return (
        host in {"your-cdn.com", "example.com"}
        or host.endswith(".example.com")
        or (host.endswith(".r2.dev") and parts.path.endswith("vt_human.jpg"))
    )


def _decode(url: str) -> bytes:
    kind, _, content = url.partition(",")
    raw = unquote_to_bytes(content)
    try:
        return b64decode(raw, validate=True) if kind.lower().endswith(";base64") else raw
    except ValueError as error:
        raise SourceError("the data: URI of the source is not valid base64") from error


def _copy(url: str, path: Path) -> None:
    source = file_path(url)
    try:
        # A pipe or a device would never end.
        if not os.path.isfile(source):
            raise SourceError(f"the source {source!r} is not a file")
        if os.path.getsize(source) > LARGEST_SOURCE:
            raise SourceError("the source is larger than 200 MB")
        shutil.copyfile(source, path)
    except (OSError, ValueError) as error:
        raise SourceError(f"the source {source!r} cannot be read: {getattr(error, 'strerror', error)}") from error


def _write_sample(kind: str, path: Path) -> None:
    from seedvr_cli.sandbox.sample import sample_clip, sample_picture

    (sample_clip if kind == "video" else sample_picture)(path)


async def _download(url: str, path: Path, outbound: "Outbound") -> None:
    import httpx

    size = 0
    try:
        async with asyncio.timeout(LONGEST_FETCH), outbound.client().stream("GET", url) as answer:
            if answer.status_code != 200:
                raise SourceError(f"the source answered HTTP {answer.status_code}")
            with path.open("wb") as file:
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
                    if size > LARGEST_SOURCE:
                        raise SourceError("the source is larger than 200 MB")
                    file.write(chunk)
    except TimeoutError as error:
        raise SourceError(f"the source did not come within {LONGEST_FETCH:.0f} seconds") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(f"the source cannot be fetched: {str(error) or type(error).__name__}") from error
