"""A look at a source before anything is paid: whether the gateway could read it, what it is, and what it comes to.

Files of this machine are read; of what stands behind a URL the first bytes are fetched as the gateway would, without
any key, and a few more of where it says how large it is, if the first do not tell.
"""

import asyncio
import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seedvr_cli.gateway.client import Gateway
from seedvr_cli.values.answer import Peek
from seedvr_cli.values.catalog import Endpoint
from seedvr_cli.values.contents import codec_of, is_animated
from seedvr_cli.values.errors import NetworkError, SourceRefused, UsageError
from seedvr_cli.values.excerpt import Excerpt
from seedvr_cli.values.media import SOURCE_TYPES, measure, sniff, sniff_file
from seedvr_cli.values.request import Request
from seedvr_cli.values.structure import Size
from seedvr_cli.values.urls import file_path, is_object_url
from seedvr_cli.values.version import Version

# Bytes of a source that are fetched: what is in front of the first pixel, EXIF and all.
HEAD = 64 << 10
# Bytes that are fetched after that, one request after the other until the size is known, and seconds for each: of the
# index at a video's end, and of what follows a colour profile.
MORE, PATIENCE = (HEAD, 4 * HEAD, 16 * HEAD), 10.0
# Seconds for which an object's address is good that is signed for a look.
SIGNED_SECONDS = 300.0
# Looks at the same time, where many are made before anything else.
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Sight:
    """What a source is by its first bytes; `version` is what its server says of it."""

    media_type: str | None
    size: Size | None
    codec: str | None
    is_animated: bool
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What comes of a source that was looked at; `price` in millionths of a dollar."""

    sight: Sight
    price: int

    @property
    def version(self) -> Version | None:
        """Which one of the files that stood there it is."""
        return self.sight.version

    @property
    def remark(self) -> str | None:
        """What the user is to know of it, though it hinders nothing."""
        return "it is animated: only its first picture is enlarged" if self.sight.is_animated else None


async def look_at(request: Request, gateway: Gateway) -> Look:
    """Raises SourceRefused where the gateway could not make anything of it, or more than it makes."""
    endpoint = request.endpoint
    sight = await see(request, gateway)
    if sight.media_type not in SOURCE_TYPES[endpoint.kind]:
        what = f"it is {sight.media_type}" if sight.media_type else f"it is no {endpoint.kind}"
        raise SourceRefused(f"{what}, and animated" if sight.is_animated else what)
    made = made_size(endpoint, request.params, sight.size)
    limit = endpoint.largest_side
    if made is not None and limit is not None and max(made.width, made.height) > limit:
        raise SourceRefused(
            f"it would become {made.width}x{made.height}, and {endpoint.name} makes at most {limit} pixels a side",
            hint="a smaller --scale, or --width and --height",
        )
    known = (made.width, made.height) if made else None
    return Look(sight, endpoint.price(size=known) if known else request.price())


async def see(request: Request, gateway: Gateway) -> Sight:
    """What a source is, a file of this machine or behind a URL; SourceRefused where the gateway could not read it."""
    source, wanted = request.source, SOURCE_TYPES[request.endpoint.kind]
    if is_object_url(source.url):
        return await _see_object(source.url, gateway, wanted)
    if not source.url.startswith("file:"):
        return await _see_url(source.url, gateway, wanted)
    return await asyncio.to_thread(_see_file, source.path or file_path(source.url))


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


def _see_file(path: str) -> Sight:
    try:
        media_type = sniff_file(path)
        if media_type is None:
            return Sight(None, None, None, is_animated=False)
        with open(path, "rb") as file:
            moves, codec = is_animated(file, media_type), codec_of(file, media_type)
        return Sight(media_type, measure(path, media_type), codec, moves)
    except OSError as error:
        raise SourceRefused(f"it cannot be read: {error.strerror}") from error


async def _see_object(url: str, gateway: Gateway, wanted: Container[str]) -> Sight:
    """By an address that is signed for this look, as the gateway gets one."""
    from seedvr_cli.objects.opening import split_url
    from seedvr_cli.objects.store import ObjectStore
    from seedvr_cli.objects.trouble import StoreError

    def sign() -> str:
        root, path = split_url(url)
        return ObjectStore(root).sign(path, SIGNED_SECONDS)

    try:
        signed = await asyncio.to_thread(sign)
    except (StoreError, UsageError) as error:
        raise SourceRefused(str(error)) from error
    return await _see_url(signed, gateway, wanted, is_ours=True)


async def _see_url(url: str, gateway: Gateway, wanted: Container[str], *, is_ours: bool = False) -> Sight:
    try:
        peek = await gateway.media.peek(url, HEAD)
    except NetworkError as error:
        raise SourceRefused.unreachable(error.message) from error
    if is_ours and peek.status == 403:
        raise SourceRefused("its store refuses access (HTTP 403): look at the keys, and at what they may do")
    if peek.status in {401, 403, 407}:
        raise SourceRefused(f"it is not for everybody (HTTP {peek.status}), and the gateway reads it as anybody does",
                            hint="a presigned URL, or --no-check if it is only this machine that may not")  # fmt: skip
    if peek.status not in {200, 206}:
        raise SourceRefused(f"its server answers HTTP {peek.status}")
    media_type = sniff(peek.head)
    if media_type is None and peek.head.lstrip()[:1] in {b"<", b"{"}:
        raise SourceRefused("it is a page, and no picture or video")
    if media_type is None:
        return Sight(None, None, None, is_animated=False, version=peek.version)
    # Who answers with all there is has no parts.
    most = MORE if peek.status == 206 and media_type in wanted else ()
    return await _see_parts(url, gateway, peek, media_type, most)


async def _see_parts(url: str, gateway: Gateway, peek: Peek, media_type: str, most: Sequence[int]) -> Sight:
    """What the first bytes tell, or more, each time so many at the most; what the server does not send is not known."""
    version = peek.version or Version()
    file = Excerpt(max(version.length or 0, len(peek.head)), {0: peek.head})
    sight, missing = await asyncio.to_thread(_see_excerpt, file, media_type)
    for count in most:
        if missing is None:
            break
        try:
            more = await gateway.media.peek(url, count, offset=missing, seconds=PATIENCE)
        except NetworkError:
            break
        if not more.head or more.version is None or more.version.differs_from(version):
            break
        file = Excerpt(file.length, {**file.parts, missing: more.head})
        sight, missing = await asyncio.to_thread(_see_excerpt, file, media_type)
    return replace(sight, version=peek.version)


def _see_excerpt(file: Excerpt, media_type: str) -> tuple[Sight, int | None]:
    """What there is to see, and the byte where its size, or whether it moves, is to be looked for further."""
    moves = is_animated(file, media_type)
    missing = file.lacks
    size = measure(file, media_type)
    if size is None:
        missing = file.lacks
    return Sight(media_type, size, codec_of(file, media_type), moves), missing


def is_file(request: Request) -> bool:
    """Whether the source is a file of this machine."""
    return request.source.url.startswith("file:") and os.sep in request.source.url
