"""A look at a source before anything is paid: whether the gateway could read it, what it is, and what it comes to.

Files of this machine are read; of what stands behind a URL the first bytes are fetched as the gateway would, without
any key.
"""

import asyncio
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from seedvr_cli.gateway.client import Gateway
from seedvr_cli.values.catalog import Endpoint
from seedvr_cli.values.errors import NetworkError, SourceRefused
from seedvr_cli.values.media import SOURCE_TYPES, measure, sniff, sniff_file
from seedvr_cli.values.request import Request
from seedvr_cli.values.structure import Size
from seedvr_cli.values.urls import is_object_url

# Bytes of a source that are fetched: what is in front of the first pixel, EXIF and all.
HEAD = 64 << 10
# Looks at the same time, where many are made before anything else.
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a source; `price` in millionths of a dollar, for what it comes to."""

    media_type: str | None
    size: Size | None
    price: int


async def look_at(request: Request, gateway: Gateway) -> Look:
    """Raises SourceRefused where the gateway could not make anything of it, or more than it makes."""
    source, endpoint = request.source, request.endpoint
    if source.url.startswith("file:"):
        path = source.path or url2pathname(urlsplit(source.url).path)
        media_type, size = await asyncio.to_thread(_look_at_file, path)
    elif is_object_url(source.url):
        return Look(None, None, request.price())  # it is ours, and gets its address later
    else:
        media_type, size = await _look_at_url(source.url, gateway)
    if media_type not in SOURCE_TYPES[endpoint.kind]:
        what = f"it is {media_type}" if media_type else f"it is no {endpoint.kind}"
        raise SourceRefused(what)
    made = made_size(endpoint, request.params, size)
    limit = endpoint.largest_side
    if made is not None and limit is not None and max(made.width, made.height) > limit:
        raise SourceRefused(
            f"it would become {made.width}x{made.height}, and {endpoint.name} makes at most {limit} pixels a side",
            hint="a smaller --scale, or --width and --height",
        )
    known = (made.width, made.height) if made else None
    return Look(media_type, size, endpoint.price(size=known) if known else request.price())


async def look_at_all(requests: Mapping[int, Request], gateway: Gateway) -> dict[int, Look | SourceRefused]:
    """What is seen of each, by its number."""
    room = asyncio.Semaphore(AT_ONCE)
    found: dict[int, Look | SourceRefused] = {}

    async def one(number: int, request: Request) -> None:
        async with room:
            try:
                found[number] = await look_at(request, gateway)
            except SourceRefused as error:
                found[number] = error

    await asyncio.gather(*(one(number, request) for number, request in requests.items()))
    return found


def made_size(endpoint: Endpoint, params: Mapping[str, Any], size: Size | None) -> Size | None:
    """What a source of that size becomes; None where it is not known."""
    if size is None or "target_resolution" in params or {"res_w", "res_h"} & params.keys():
        return None
    factor = params.get("upscale_factor", endpoint.usual_scale)
    return Size(int(size.width * factor), int(size.height * factor)) if factor else None


def _look_at_file(path: str) -> tuple[str | None, Size | None]:
    try:
        media_type = sniff_file(path)
        return media_type, measure(path, media_type) if media_type else None
    except OSError as error:
        raise SourceRefused(f"it cannot be read: {error.strerror}") from error


async def _look_at_url(url: str, gateway: Gateway) -> tuple[str | None, Size | None]:
    try:
        peek = await gateway.peek(url, HEAD)
    except NetworkError as error:
        raise SourceRefused.unreachable(error.message) from error
    if peek.status in {401, 403, 407}:
        raise SourceRefused(f"it is not for everybody (HTTP {peek.status}), and the gateway reads it as anybody does",
                            hint="a presigned URL, or --no-check if it is only this machine that may not")  # fmt: skip
    if peek.status not in {200, 206}:
        raise SourceRefused(f"its server answers HTTP {peek.status}")
    media_type = sniff(peek.head)
    if media_type is None and peek.head.lstrip()[:1] in {b"<", b"{"}:
        raise SourceRefused("it is a page, and no picture or video")
    return media_type, await asyncio.to_thread(measure, io.BytesIO(peek.head), media_type) if media_type else None


def is_file(request: Request) -> bool:
    """Whether the source is a file of this machine."""
    return request.source.url.startswith("file:") and os.sep in request.source.url
