"""Files over HTTP, without the key: results at their media URLs, and sources as the gateway would be given them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from seedvr_cli.gateway.answers import read_stream, read_version
from seedvr_cli.gateway.discretion import USER_AGENT, Discretion, shown
from seedvr_cli.gateway.transport import (
    CertificateRefused,
    Incoming,
    Lost,
    ProxyRefused,
    Transport,
    Unreachable,
    Unsent,
)
from seedvr_cli.values.answer import Peek, Stream
from seedvr_cli.values.errors import DeliveryError, MediaGone, NetworkError, RangeRefused
from seedvr_cli.values.urls import is_allowed_url, is_loopback, wire_url

# Seconds of silence.
MEDIA_SECONDS = 30.0
REDIRECTS = 5
REDIRECTING = frozenset({301, 302, 303, 307, 308})
# Answers of a media server to a URL that has expired.
GONE = frozenset({403, 404, 410})

# A file as it is: what is compressed on its way has no ranges.
_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}


class Media:
    """A client of media servers, for one gateway.

    `is_local` says whether that is on this machine: from elsewhere it cannot mean URLs that are.
    """

    def __init__(self, transport: Transport, discretion: Discretion, *, is_local: bool) -> None:
        self._transport = transport
        self._discretion = discretion
        self._is_local = is_local

    @asynccontextmanager
    async def fetch(
        self, url: str, offset: int = 0, etag: str | None = None, end: int | None = None
    ) -> AsyncIterator[Stream]:
        """A media URL's body from `offset` bytes on (if the server can, and `etag` still holds), without the key.

        To before the byte `end`, or to the file's end.

        Raises NetworkError (try again), RangeRefused, MediaGone, or DeliveryError.
        """
        headers = dict(_HEADERS)
        if offset:
            headers["Range"] = f"bytes={offset}-" if end is None else f"bytes={offset}-{end - 1}"
            if etag:
                headers["If-Range"] = etag
        try:
            async with self._open(url, headers) as incoming:
                if incoming.status == 416:
                    raise RangeRefused(f"the file ends before byte {offset}")
                if incoming.status in {408, 425, 429} or incoming.status >= 500:
                    raise NetworkError(f"the media server answered HTTP {incoming.status}")
                if incoming.status in GONE:
                    raise MediaGone(f"the media server answered HTTP {incoming.status}")
                if incoming.status not in {200, 206}:
                    raise DeliveryError(f"the media server answered HTTP {incoming.status} for {shown(url)}")
                stream = read_stream(incoming, offset, end)
                yield replace(stream, etag=stream.etag and self._discretion.hide(stream.etag))
        except (Unreachable, ProxyRefused, CertificateRefused, Lost) as error:
            reason, remedy = self._discretion.why(error, url)
            raise NetworkError(f"the download broke: {reason}", hint=remedy) from error
        except Unsent as error:
            raise DeliveryError(f"the gateway names a media URL that cannot be read: {shown(url)}") from error

    async def peek(self, url: str, count: int, *, offset: int = 0, seconds: float = MEDIA_SECONDS) -> Peek:
        """The first bytes of a source, or those from `offset` on, as the gateway would be given them: without the key.

        Raises NetworkError, where there is no answer within `seconds` too, or one from another byte on.
        """
        if is_loopback(urlsplit(url).hostname or "") and not self._is_local:
            raise NetworkError("it is on this machine, where the gateway cannot read it")
        headers = {**_HEADERS, "Range": f"bytes={offset}-{offset + count - 1}"}
        head = b""
        try:
            async with asyncio.timeout(seconds), self._open(url, headers) as incoming:
                if incoming.status not in {200, 206}:
                    return Peek(incoming.status, head)
                if offset and read_stream(incoming, offset).offset != offset:
                    raise RangeRefused("the server sends the whole file, and no part of it")
                async for chunk in incoming.chunks:
                    head += chunk
                    if len(head) >= count:
                        break
                version = read_version(incoming)
                etag = version.etag and self._discretion.hide(version.etag)
                return Peek(incoming.status, head, replace(version, etag=etag))
        except (Unsent, Lost, DeliveryError) as error:
            raise NetworkError(self._discretion.why(error, url)[0]) from error
        except TimeoutError as error:
            raise NetworkError(f"no answer in {seconds:g} seconds") from error

    @asynccontextmanager
    async def _open(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Incoming]:
        """GET with redirects followed, never to plain http elsewhere."""
        for _ in range(REDIRECTS + 1):
            url = self._valid_url(url)
            async with self._transport.open(url, headers, seconds=MEDIA_SECONDS) as incoming:
                self._discretion.report("GET", url, incoming.status)
                place = incoming.headers.get("location") if incoming.status in REDIRECTING else None
                if place is None:
                    yield incoming
                    return
            url = _join(url, self._discretion.hide(place))
        raise DeliveryError(f"the media server redirects more than {REDIRECTS} times")

    def _valid_url(self, url: str) -> str:
        """The URL made a valid one; DeliveryError where it leads to where no results are."""
        try:
            valid = wire_url(url.strip())
        except ValueError as error:
            raise DeliveryError(f"the gateway names a media URL that cannot be read: {shown(url)}") from error
        if not is_allowed_url(valid):
            raise DeliveryError(f"the gateway names a media URL that is neither https nor local: {shown(url)}")
        if is_loopback(urlsplit(valid).hostname or "") and not self._is_local:
            raise DeliveryError(f"the gateway names a media URL on this machine, where it is not: {shown(url)}")
        return valid


def _join(url: str, place: str) -> str:
    try:
        return urljoin(url, place)
    except ValueError as error:
        raise DeliveryError(f"the media server redirects to what is no URL: {place[:200]!r}") from error
